import type { Environment } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import type { Tx } from '../platform/database/database.js';
import { newId } from '../platform/ids.js';
import type { RandomBytes } from '../platform/random.js';
import type { CertificateFacts } from './certificate-facts.js';
import {
  type CertificateOrigin,
  insertCertificate,
  isRegistered,
  listCertificateSummaries,
} from './certificate-store.js';
import { decideRegistration, type RegistrationProblem } from './decide-registration.js';

export interface RegisterCertificate {
  readonly environment: Environment;
  readonly clientId: string;
  readonly name: string;
  readonly origin: CertificateOrigin;
  readonly facts: CertificateFacts;
  readonly pem: string;
  readonly actor: Actor;
}

export type RegisterCertificateResult =
  | { readonly ok: true; readonly certificateId: string }
  | { readonly ok: false; readonly problem: RegistrationProblem };

/** Registers a certificate to a client. The caller holds the lock on the client, so that the number of them can not be outrun. */
export async function registerCertificate(
  tx: Tx,
  { environment, clientId, name, origin, facts, pem, actor }: RegisterCertificate,
  now: number,
  random: RandomBytes,
): Promise<RegisterCertificateResult> {
  const problem = decideRegistration({
    name,
    sha256: facts.sha256.toString('hex'),
    ofClient: await listCertificateSummaries(tx, { environment, clientId }),
    isTaken: await isRegistered(tx, environment, facts.sha256),
    now,
  });
  if (problem !== undefined) return { ok: false, problem };
  const id = newId('crt', now, random);
  const inserted = await insertCertificate(tx, { environment, id, clientId, name, origin, facts, pem }, now);
  if (!inserted) return { ok: false, problem: 'registered-elsewhere' };
  const details = {
    clientId,
    sha256: facts.sha256.toString('hex'),
    notAfter: new Date(facts.notAfter).toISOString(),
  };
  const action = `certificate.${origin}`;
  await appendAuditEntry(tx, { environment, actor, action, subject: id, details }, now, random);
  return { ok: true, certificateId: id };
}
