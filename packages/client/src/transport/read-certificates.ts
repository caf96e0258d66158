// Certificates out of what somebody gave for them (RFC 7468 sections 5.1 and 5.2), with what to do when it is something else.

import { X509Certificate } from 'node:crypto';
import { readPaste } from '@tollward/protocol/pem';
import { CertificateError } from '../errors.js';
import type { ReadSource } from './credential-source.js';

const blockStart = /(?=-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----)/;

/** In the order of the file. Other blocks, as the key that some keep beside it, and text between them are passed over. */
export function readCertificates({ content, label }: ReadSource): readonly X509Certificate[] {
  const text = new TextDecoder().decode(typeof content === 'string' ? Buffer.from(content) : content);
  const blocks = text
    .split(blockStart)
    .filter((part) => blockStart.test(part))
    .map((part) => part.replace(/(-----END [^-\n]{1,64}-----).*$/s, '$1'));
  return (blocks.length === 0 ? [content] : blocks).map((block) => readOne(block, label));
}

function readOne(block: string | Uint8Array, label: string): X509Certificate {
  const reading = readPaste(block, 'certificate');
  if (!reading.ok) {
    const remedy = remedies.get(reading.problem) ?? reading.remedy;
    throw new CertificateError(`${label} is not a certificate. ${remedy}`, { code: reading.problem });
  }
  try {
    return new X509Certificate(reading.der);
  } catch (error) {
    throw new CertificateError(`${label} is damaged: OpenSSL can not read its certificate. Get a new copy.`, {
      code: 'damaged',
      cause: error,
    });
  }
}

/** Here nobody sent anything away, so a key that lies in the wrong place is still a secret. */
const remedies: ReadonlyMap<string, string> = new Map([
  [
    'private-key',
    'It is a private key. Give it as `mtls.key`, and the certificate that was issued for it as `mtls.cert`.',
  ],
  ['pkcs12', 'It is a PKCS #12 file. Give it as `mtls.pfx`, which takes the place of `mtls.cert` and `mtls.key`.'],
]);
