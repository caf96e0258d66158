// Which structure some DER is, told by the tags of its first levels: certificate and CRL (RFC 5280 sections 4.1 and 5.1),
// certificate request (RFC 2986 section 4), public keys (RFC 5280 section 4.1, RFC 8017 appendix A.1.1), PKCS #7
// (RFC 5652 section 3). It says what somebody sent, not that it is valid.
// Private keys are not in here: see private-key-start.ts, which also finds them cut off.

import { type DerElement, readChildren, readDer } from './der.js';

export type DerKind = 'certificate' | 'certificate-request' | 'public-key' | 'crl' | 'pkcs7';

const sequence = 0x30;

/** Tags in hex: 02 integer, 03 bit string, 06 object identifier, 17 and 18 times, 30 sequence, 8x and ax context. */
const shapes = {
  signed: /^30 30 03$/,
  certificate: /^(a0 )?02 30 30 30 30 30( 81)?( 82)?( a3)?$/,
  validity: /^1[78] 1[78]$/,
  // Some programs leave out the empty set of attributes.
  request: /^02 30 30( a0)?$/,
  crl: /^(02 )?30 30 1[78]( 1[78])?( 30)?( a0)?$/,
  publicKeyInfo: /^30 03$/,
  algorithm: /^06/,
  rsaPublicKey: /^02 02$/,
  contentInfo: /^06 a0$/,
};

export function recogniseDer(bytes: Uint8Array): DerKind | undefined {
  const whole = readDer(bytes);
  if (whole?.tag !== sequence) return undefined;
  const read = (element: DerElement | undefined) => (element && readChildren(bytes, element)) ?? [];
  const has = (shape: RegExp, element: DerElement | undefined) => shape.test(shapeOf(read(element)));
  const isPublicKeyInfo = (element: DerElement | undefined) =>
    has(shapes.publicKeyInfo, element) && has(shapes.algorithm, read(element)[0]);

  const parts = read(whole);
  const shape = shapeOf(parts);
  if (shapes.signed.test(shape)) {
    const signed = read(parts[0]);
    const signedShape = shapeOf(signed);
    if (!has(shapes.algorithm, parts[1])) return undefined;
    if (shapes.certificate.test(signedShape)) {
      // Behind the optional version stand serial number, algorithm, issuer, validity, subject and key.
      const serialNumberAt = signed[0]?.tag === 0xa0 ? 1 : 0;
      const isWhole = has(shapes.validity, signed[serialNumberAt + 3]) && isPublicKeyInfo(signed[serialNumberAt + 5]);
      return isWhole ? 'certificate' : undefined;
    }
    if (shapes.request.test(signedShape)) return isPublicKeyInfo(signed[2]) ? 'certificate-request' : undefined;
    return shapes.crl.test(signedShape) ? 'crl' : undefined;
  }
  if (isPublicKeyInfo(whole) || shapes.rsaPublicKey.test(shape)) return 'public-key';
  return shapes.contentInfo.test(shape) ? 'pkcs7' : undefined;
}

function shapeOf(elements: readonly DerElement[]): string {
  return elements.map(({ tag }) => tag.toString(16).padStart(2, '0')).join(' ');
}
