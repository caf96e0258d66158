// The platform authorities of an environment, as a partner's trust store needs them.

import { X509Certificate } from 'node:crypto';
import type { EnvironmentAuthorities } from './authorities.js';
import { readCertificateFacts } from './certificate-facts.js';

export interface PlatformCertificate {
  readonly role: 'root' | 'issuing';
  readonly pem: string;
  readonly subject: string;
  /** In capital hex with colons, as `openssl x509 -fingerprint -sha256` prints it. */
  readonly sha256: string;
  readonly notAfter: Date;
  /** From when on listeners show certificates below it. */
  readonly usedFrom: Date;
}

/** Of each authority that is published the root, then the issuing certificate below it; the oldest authority first. */
export function platformChain(authorities: EnvironmentAuthorities, now: number): readonly PlatformCertificate[] {
  return authorities
    .published(now)
    .flatMap(({ rootCertificatePem, issuingCertificatePem, activeFrom }) => [
      describe('root', rootCertificatePem, activeFrom),
      describe('issuing', issuingCertificatePem, activeFrom),
    ]);
}

/** What goes into a trust store: the roots, in PEM. */
export function platformRoots(authorities: EnvironmentAuthorities, now: number): string {
  return authorities
    .published(now)
    .map(({ rootCertificatePem }) => rootCertificatePem)
    .join('');
}

function describe(role: PlatformCertificate['role'], pem: string, activeFrom: number): PlatformCertificate {
  const certificate = new X509Certificate(pem);
  const { subject, notAfter } = readCertificateFacts(certificate.raw);
  return {
    role,
    pem,
    subject,
    sha256: certificate.fingerprint256,
    notAfter: new Date(notAfter),
    usedFrom: new Date(activeFrom),
  };
}
