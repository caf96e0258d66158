// The certificate a partner shows to us (RFC 5280): ours to name and to limit, whatever the request asked for.

import { randomBytes as nodeRandomBytes } from 'node:crypto';
import { encodePem } from '@tollward/protocol/pem';
import type { RandomBytes } from '../platform/random.js';
import type { PartnerAuthority } from './certificate-authority.js';
import { type CertificateFacts, readCertificateFacts } from './certificate-facts.js';
import type { AcceptedCsr } from './certificate-request.js';
import { signLeaf } from './sign-leaf.js';

const lifetimeDays = 365;

export interface ClientCertificateRequest {
  readonly authority: PartnerAuthority;
  readonly csr: AcceptedCsr;
  /** Becomes the one common name. */
  readonly clientId: string;
  readonly now: number;
  readonly randomBytes?: RandomBytes;
}

export interface SignedClientCertificate {
  readonly certificatePem: string;
  /** The certificate, then those above it. The root is not part of it. */
  readonly chainPem: string;
  readonly facts: CertificateFacts;
}

export async function signClientCertificate(request: ClientCertificateRequest): Promise<SignedClientCertificate> {
  const { authority, csr, clientId, now, randomBytes = nodeRandomBytes } = request;
  const { organisation, country, publicKeySpki } = csr;
  const subject = { country, organisation, commonName: clientId };
  const leaf = { subject, publicKeySpki, purpose: { kind: 'client' }, lifetimeDays } as const;
  const der = await signLeaf(authority, leaf, now, randomBytes);
  const certificatePem = encodePem('CERTIFICATE', der);
  return {
    certificatePem,
    chainPem: certificatePem + (authority.issuingChainPem ?? authority.issuingCertificatePem),
    facts: readCertificateFacts(der),
  };
}
