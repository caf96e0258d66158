// A root and its one issuing certificate (RFC 5280 section 4.2.1.9). An environment has two unrelated ones: the partner
// authority signs partners' requests, the platform authority signs our own server and webhook-client certificates.

import { randomBytes as nodeRandomBytes } from 'node:crypto';
import type { Environment } from '@tollward/protocol';
import { encodePem } from '@tollward/protocol/pem';
import type { RandomBytes } from '../platform/random.js';
import { createKeyPair } from './key-pair.js';
import { createSerialNumber, validityFrom } from './validity.js';
import { signCertificate } from './x509.js';

const rootLifetimeDays = 7_305;
const issuingLifetimeDays = 3_652;

export type AuthorityKind = 'partner' | 'platform';

/** The part of an authority that signs; the root key can stay sealed. */
export interface IssuingAuthority {
  readonly issuingCertificatePem: string;
  readonly issuingKeyPkcs8: Buffer;
}

/** What signs partners' certificate requests. */
export interface PartnerAuthority extends IssuingAuthority {
  /** When it and all above it are valid. Left out of our own, which is made to last. */
  readonly validity?: { readonly notBefore: number; readonly notAfter: number };
  /** What follows a leaf when it is handed out, if it is not the issuing certificate alone. */
  readonly issuingChainPem?: string;
}

export interface Authority extends IssuingAuthority {
  readonly rootCertificatePem: string;
  readonly rootKeyPkcs8: Buffer;
}

export interface AuthorityRequest {
  readonly environment: Environment;
  readonly kind: AuthorityKind;
  /** Tells one that follows another from it, in the names of its certificates. */
  readonly edition?: string | undefined;
  readonly now: number;
  readonly randomBytes?: RandomBytes;
}

export function canSign({ validity }: PartnerAuthority, now: number): boolean {
  return validity === undefined || (validity.notBefore <= now && now < validity.notAfter);
}

const titles = { sandbox: 'Sandbox', production: 'Production', partner: 'Partner', platform: 'Platform' } as const;

export async function createAuthority(request: AuthorityRequest): Promise<Authority> {
  const { environment, kind, edition, now, randomBytes = nodeRandomBytes } = request;
  const name = `Tollward ${titles[environment]} ${titles[kind]}`;
  const ending = edition === undefined ? '' : ` ${edition}`;
  const rootKeys = await createKeyPair('ec-p384');
  const issuingKeys = await createKeyPair('ec-p256');

  const root = await signCertificate(
    {
      subject: { organisation: 'Tollward', commonName: `${name} Root CA${ending}` },
      publicKeySpki: rootKeys.publicKeySpki,
      purpose: { kind: 'authority', pathLength: 1 },
      serialNumber: createSerialNumber(randomBytes),
      ...validityFrom(now, rootLifetimeDays),
    },
    { keyPkcs8: rootKeys.privateKeyPkcs8 },
  );
  const rootCertificatePem = encodePem('CERTIFICATE', root);

  const issuing = await signCertificate(
    {
      subject: { organisation: 'Tollward', commonName: `${name} Issuing CA${ending}` },
      publicKeySpki: issuingKeys.publicKeySpki,
      purpose: { kind: 'authority', pathLength: 0 },
      serialNumber: createSerialNumber(randomBytes),
      ...validityFrom(now, issuingLifetimeDays),
    },
    { certificatePem: rootCertificatePem, keyPkcs8: rootKeys.privateKeyPkcs8 },
  );

  return {
    rootCertificatePem,
    rootKeyPkcs8: rootKeys.privateKeyPkcs8,
    issuingCertificatePem: encodePem('CERTIFICATE', issuing),
    issuingKeyPkcs8: issuingKeys.privateKeyPkcs8,
  };
}
