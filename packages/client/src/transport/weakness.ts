import { CertificateError } from '../errors.js';

/** OpenSSL refuses to work with keys and digests that are no longer safe. */
export function weaknessIn(error: unknown, label: string): CertificateError | undefined {
  if (!(error instanceof Error) || !/key too small|md too weak/.test(error.message)) return undefined;
  return new CertificateError(
    `${label} has a key or a signature that is too weak: OpenSSL does not use it. Make a new key, with P-256 or RSA of 2048 bits or more, and get a certificate for it.`,
    { code: 'too-weak', cause: error },
  );
}
