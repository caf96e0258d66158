import { X509Certificate } from 'node:crypto';
import type { RandomBytes } from '../platform/random.js';
import type { IssuingAuthority } from './certificate-authority.js';
import { createSerialNumber, validityFrom } from './validity.js';
import { type LeafPurpose, type Subject, signCertificate } from './x509.js';

export interface Leaf {
  readonly subject: Subject;
  readonly publicKeySpki: Buffer;
  readonly purpose: LeafPurpose;
  readonly lifetimeDays: number;
}

/** Signs a certificate that signs nothing itself, and returns its DER encoding. */
export function signLeaf(
  authority: IssuingAuthority,
  leaf: Leaf,
  now: number,
  randomBytes: RandomBytes,
): Promise<Buffer> {
  const { subject, publicKeySpki, purpose, lifetimeDays } = leaf;
  const { notBefore, notAfter } = validityFrom(now, lifetimeDays);
  // A leaf that outlives its issuer would stop working on a day that its own dates do not show.
  const issuerNotAfter = Date.parse(new X509Certificate(authority.issuingCertificatePem).validTo);
  return signCertificate(
    {
      subject,
      publicKeySpki,
      purpose,
      serialNumber: createSerialNumber(randomBytes),
      notBefore,
      notAfter: Math.min(notAfter, issuerNotAfter),
    },
    { certificatePem: authority.issuingCertificatePem, keyPkcs8: authority.issuingKeyPkcs8 },
  );
}
