// The certificate our listeners show (RFC 5280, RFC 9525).

import { randomBytes as nodeRandomBytes } from 'node:crypto';
import { encodePem } from '@tollward/protocol/pem';
import type { RandomBytes } from '../platform/random.js';
import type { IssuingAuthority } from './certificate-authority.js';
import { createKeyPair } from './key-pair.js';
import { signLeaf } from './sign-leaf.js';

/** Clients refuse server certificates of more than 398 days, and ours also begin a little in the past. */
const lifetimeDays = 397;

/** The names of a server are its alternative names (RFC 9525 section 2); the subject is only a label. */
const subject = { organisation: 'Tollward', commonName: 'Tollward server' };

export interface ServerCertificateRequest {
  readonly authority: IssuingAuthority;
  /** Host names and IP addresses, at least one. */
  readonly hosts: readonly string[];
  readonly now: number;
  readonly randomBytes?: RandomBytes;
}

export interface SignedServerCertificate {
  readonly keyPem: string;
  /** The certificate, then its issuer. The root is not part of it. */
  readonly chainPem: string;
}

/** @throws RangeError when no host is given */
export async function signServerCertificate(request: ServerCertificateRequest): Promise<SignedServerCertificate> {
  const { authority, hosts, now, randomBytes = nodeRandomBytes } = request;
  if (hosts.length === 0) throw new RangeError('a server certificate needs at least one host');
  const { publicKeySpki, privateKeyPkcs8 } = await createKeyPair('ec-p256');
  const purpose = { kind: 'server', hosts: [...new Set(hosts)] } as const;
  const der = await signLeaf(authority, { subject, publicKeySpki, purpose, lifetimeDays }, now, randomBytes);
  return {
    keyPem: encodePem('PRIVATE KEY', privateKeyPkcs8),
    chainPem: encodePem('CERTIFICATE', der) + authority.issuingCertificatePem,
  };
}
