// A certificate for a client: signed for its request, or made elsewhere and registered as it is.

import type { Environment } from '@tollward/protocol';
import type { Actor } from '../audit/index.js';
import {
  type AcceptedCsr,
  type AcceptedUpload,
  type Authorities,
  type CertificateState,
  type CertificateSummary,
  decideCertificateState,
  findCertificate,
  type IssuingProblem,
  issueCertificate,
  registerCertificate,
} from '../certificates/index.js';
import type { Database, Tx } from '../platform/database/database.js';
import type { RandomBytes } from '../platform/random.js';
import { type LockedClient, lockClient } from './client-store.js';

export interface AddCertificateDependencies {
  readonly database: Database;
  readonly authorities: Authorities;
  readonly random: RandomBytes;
  /** Told after the commit and before the caller hears of it, so that the certificate can be used at once. */
  readonly standingChanged: (environment: Environment, clientId: string) => void;
}

export type AddCertificateResult =
  | {
      readonly ok: true;
      readonly certificate: CertificateSummary & { readonly state: CertificateState };
      readonly chainPem?: string;
    }
  | { readonly ok: false; readonly problem: 'unknown' | 'revoked' | IssuingProblem };

interface AddCertificate {
  readonly clientId: string;
  /** Unique among the certificates of the client. */
  readonly name: string;
  readonly actor: Actor;
}

/** Signs an accepted request by the partner authority and registers the certificate. */
export function issueClientCertificate(
  { clientId, name, csr, actor }: AddCertificate & { readonly csr: AcceptedCsr },
  now: number,
  dependencies: AddCertificateDependencies,
): Promise<AddCertificateResult> {
  const { authorities, random } = dependencies;
  return addTo(clientId, now, dependencies, async (tx, { environment }) => {
    const issued = await issueCertificate(tx, { environment, clientId, name, csr, actor }, authorities, now, random);
    return issued.ok ? { certificateId: issued.id, chainPem: issued.chainPem } : issued.problem;
  });
}

/** Registers a certificate that somebody else made: it is trusted for what it is, by its SHA-256, and for nothing it signed. */
export function uploadClientCertificate(
  { clientId, name, upload, actor }: AddCertificate & { readonly upload: AcceptedUpload },
  now: number,
  dependencies: AddCertificateDependencies,
): Promise<AddCertificateResult> {
  return addTo(clientId, now, dependencies, async (tx, { environment }) => {
    const registration = { environment, clientId, name, origin: 'uploaded', ...upload, actor } as const;
    const registered = await registerCertificate(tx, registration, now, dependencies.random);
    return registered.ok ? { certificateId: registered.certificateId } : registered.problem;
  });
}

async function addTo(
  clientId: string,
  now: number,
  { database, standingChanged }: AddCertificateDependencies,
  add: (
    tx: Tx,
    client: LockedClient,
  ) => Promise<{ readonly certificateId: string; readonly chainPem?: string } | IssuingProblem>,
): Promise<AddCertificateResult> {
  const result = await database.transaction(async (tx): Promise<AddCertificateResult> => {
    const client = await lockClient(tx, clientId);
    if (client === undefined) return { ok: false, problem: 'unknown' };
    if (client.revokedAt !== null) return { ok: false, problem: 'revoked' };
    const added = await add(tx, client);
    if (typeof added === 'string') return { ok: false, problem: added };
    const certificate = await findCertificate(tx, added.certificateId);
    if (certificate === undefined)
      throw new Error(`certificate ${added.certificateId} was registered and is not there`);
    const state = decideCertificateState(certificate, now);
    return {
      ok: true,
      certificate: { ...certificate, state },
      ...(added.chainPem === undefined ? {} : { chainPem: added.chainPem }),
    };
  });
  if (result.ok) standingChanged(result.certificate.environment, clientId);
  return result;
}
