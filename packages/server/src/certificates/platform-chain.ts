// The platform authority of an environment, as a partner's trust store needs it.

import { X509Certificate } from 'node:crypto';
import type { Environment } from '@tollward/protocol';
import type { Authorities } from './authority-store.js';
import { readCertificateFacts } from './certificate-facts.js';

export interface PlatformCertificate {
  readonly role: 'root' | 'issuing';
  readonly pem: string;
  readonly subject: string;
  /** In capital hex with colons, as `openssl x509 -fingerprint -sha256` prints it. */
  readonly sha256: string;
  readonly notAfter: Date;
}

/** The root, then the issuing certificate below it. */
export function platformChain(authorities: Authorities, environment: Environment): readonly PlatformCertificate[] {
  const { rootCertificatePem, issuingCertificatePem } = authorities[environment].platform;
  return [describe('root', rootCertificatePem), describe('issuing', issuingCertificatePem)];
}

function describe(role: PlatformCertificate['role'], pem: string): PlatformCertificate {
  const certificate = new X509Certificate(pem);
  const { subject, notAfter } = readCertificateFacts(certificate.raw);
  return { role, pem, subject, sha256: certificate.fingerprint256, notAfter: new Date(notAfter) };
}
