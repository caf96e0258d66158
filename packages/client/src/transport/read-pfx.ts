// A PKCS #12 file (RFC 7292), as somebody gave it. OpenSSL checks it and says what is wrong; it is not used as it says.

import type { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { CertificateError } from '../errors.js';
import type { ReadSource } from './credential-source.js';
import type { Identity } from './identity.js';
import { type Pkcs12Content, readPkcs12 } from './read-pkcs12.js';
import { weaknessIn } from './weakness.js';

/** @throws CertificateError that says what is wrong with the file or the passphrase */
export function readPfx(source: ReadSource, passphrase: string | undefined): Identity {
  const { label } = source;
  const pfx = toPfx(source);
  try {
    createSecureContext({ pfx, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (error) {
    throw unreadable(error, passphrase, label);
  }
  const { keys, certificates } = readContent(pfx, passphrase ?? '', label);
  for (const key of keys) {
    const leaf = certificates.find((certificate) => certificate.checkPrivateKey(key));
    if (leaf !== undefined) return { key, leaf, chain: chainOf(leaf, certificates) };
  }
  throw new CertificateError(`${label} has no certificate for its key. Export both together.`, {
    code: 'certificate-missing',
  });
}

function readContent(pfx: Buffer, passphrase: string, label: string): Pkcs12Content {
  try {
    return readPkcs12(pfx, passphrase);
  } catch (error) {
    throw new CertificateError(
      `${label} is a PKCS #12 file of a rare kind. Make PEM of it, and give that as \`mtls.cert\` and as \`mtls.key\`: openssl pkcs12 -in client.p12 -nodes -out client.pem`,
      { code: 'pkcs12-unsupported', cause: error },
    );
  }
}

function chainOf(leaf: X509Certificate, all: readonly X509Certificate[]): readonly X509Certificate[] {
  const chain = [leaf];
  for (let last: X509Certificate | undefined = leaf; last !== undefined; ) {
    const issued: X509Certificate = last;
    last = all.find((other) => !chain.includes(other) && issued.checkIssued(other));
    if (last !== undefined) chain.push(last);
  }
  return chain;
}

function toPfx({ content, label }: ReadSource): Buffer {
  if (typeof content !== 'string' && content[0] === 0x30) return Buffer.from(content);
  const text = Buffer.from(content).toString('latin1');
  const remedy = text.includes('-----BEGIN')
    ? 'It is PEM. Give certificate and key as `mtls.cert` and `mtls.key`.'
    : 'Give the bytes of the .p12 or .pfx file, or its path.';
  throw new CertificateError(`${label} is not a PKCS #12 file. ${remedy}`, { code: 'not-pkcs12' });
}

function unreadable(error: unknown, passphrase: string | undefined, label: string): CertificateError {
  const weakness = weaknessIn(error, label);
  if (weakness !== undefined) return weakness;
  const message = error instanceof Error ? error.message : '';
  if (/mac verify failure/i.test(message)) {
    return passphrase === undefined
      ? new CertificateError(`${label} is encrypted. Give its passphrase as \`mtls.passphrase\`.`, {
          code: 'passphrase-missing',
        })
      : new CertificateError(`${label}: \`mtls.passphrase\` is not the passphrase of this file.`, {
          code: 'passphrase-wrong',
        });
  }
  if (/unsupported/i.test(message)) {
    return new CertificateError(
      `${label} is encrypted in an old way (RC2) that the OpenSSL of Node does not read. Convert it with: openssl pkcs12 -legacy -in client.p12 -nodes -out client.pem, then openssl pkcs12 -export -in client.pem -out new.p12, and delete client.pem.`,
      { code: 'cipher-unsupported' },
    );
  }
  if (/load private key/i.test(message)) {
    return new CertificateError(`${label} has no private key in it. Export it again with its key.`, {
      code: 'private-key-missing',
    });
  }
  if (/load certificate/i.test(message)) {
    return new CertificateError(`${label} has no certificate for its key. Export both together.`, {
      code: 'certificate-missing',
    });
  }
  return new CertificateError(`${label} is not a whole PKCS #12 file. Copy it again, as a binary file.`, {
    code: 'damaged',
    cause: error,
  });
}
