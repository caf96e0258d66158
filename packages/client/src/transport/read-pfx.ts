// PKCS #12 (RFC 7292). Node reads it for TLS only, so the certificate is asked of a TLS socket that never connects.

import type { X509Certificate } from 'node:crypto';
import { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket } from 'node:tls';
import { CertificateError } from '../errors.js';
import type { ReadSource } from './credential-source.js';
import { weaknessIn } from './weakness.js';

export interface Pfx {
  readonly pfx: Buffer;
  readonly passphrase: string | undefined;
}

/** @throws CertificateError that says what is wrong with the file or the passphrase */
export function readCertificateOfPfx({ pfx, passphrase }: Pfx, label: string): X509Certificate {
  try {
    const secureContext = createSecureContext({ pfx, ...(passphrase === undefined ? {} : { passphrase }) });
    const socket = new TLSSocket(new Duplex({ read: () => undefined, write: () => undefined }), {
      secureContext,
      isServer: false,
    });
    const certificate = socket.getX509Certificate();
    socket.destroy();
    if (certificate !== undefined) return certificate;
  } catch (error) {
    throw unreadable(error, passphrase, label);
  }
  throw new CertificateError(`${label} has no certificate in it.`, { code: 'certificate-missing' });
}

export function toPfx({ content, label }: ReadSource, passphrase: string | undefined): Pfx {
  if (typeof content !== 'string' && content[0] === 0x30) return { pfx: Buffer.from(content), passphrase };
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
