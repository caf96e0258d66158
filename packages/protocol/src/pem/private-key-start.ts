// How private keys begin in DER: PrivateKeyInfo (RFC 5958 section 2), EncryptedPrivateKeyInfo (section 3), RSAPrivateKey
// (RFC 8017 appendix A.1.2), ECPrivateKey (RFC 5915 section 3) and PKCS #12, which can hold one (RFC 7292 section 4).
// Only the beginning is read and lengths are passed over: half of a key is still a secret.

export type KeyFinding = 'private-key' | 'pkcs12';

/** As many bytes as the longest beginning needs. */
export const privateKeyStartBytes = 17;

const integer = 0x02;
const octetString = 0x04;
const oid = 0x06;
const sequence = 0x30;

/** The arcs 1.2.840.113549.1.5 and 1.2.840.113549.1.12, which hold the algorithms that encrypt keys (RFC 8018). */
const encryptionArcs = [0x05, 0x0c].map((last) => [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, last]);

/** Takes bytes, or the codes of characters when a binary file was read as text and every high byte became another one. */
export function recogniseKeyStart(codes: ArrayLike<number>): KeyFinding | undefined {
  if (codes[0] !== sequence) return undefined;
  for (const at of [2, 3, 4, 5]) {
    const finding = recogniseBehindLength(codes, at);
    if (finding !== undefined) return finding;
  }
  return undefined;
}

function recogniseBehindLength(codes: ArrayLike<number>, at: number): KeyFinding | undefined {
  if (codes[at] === sequence && codes[at + 2] === oid) return isEncryption(codes, at + 4) ? 'private-key' : undefined;
  if (codes[at] !== integer || codes[at + 1] !== 1) return undefined;

  const version = codes[at + 2];
  const next = codes[at + 3];
  if (version === 3) return next === sequence ? 'pkcs12' : undefined;
  if (version !== 0 && version !== 1) return undefined;
  // The algorithm of a key begins with its identifier, behind a length of one to three bytes.
  const isPrivateKeyInfo = next === sequence && [5, 6, 7].some((place) => codes[at + place] === oid);
  const isEcKey = next === octetString && version === 1;
  return isPrivateKeyInfo || isEcKey || next === integer ? 'private-key' : undefined;
}

function isEncryption(codes: ArrayLike<number>, at: number): boolean {
  return encryptionArcs.some((arc) =>
    arc.every((byte, place) => withoutHighBits(codes[at + place]) === withoutHighBits(byte)),
  );
}

function withoutHighBits(code: number | undefined): number | undefined {
  return code !== undefined && code > 0x7f ? 0x80 : code;
}
