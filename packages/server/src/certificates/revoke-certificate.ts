import { type Actor, appendAuditEntry } from '../audit/index.js';
import type { Database } from '../platform/database/database.js';
import type { RandomBytes } from '../platform/random.js';
import { markCertificateRevoked, type RevokedCertificate } from './certificate-store.js';

export interface RevokeCertificateDependencies {
  readonly database: Database;
  readonly random: RandomBytes;
  /** Told after the commit and before the caller hears of it, so that this node refuses at once. */
  readonly standingChanged: (environment: RevokedCertificate['environment'], clientId: string) => void;
}

/** Revokes a certificate and with it every token bound to it. Undefined when there is no such certificate. */
export async function revokeCertificate(
  certificateId: string,
  actor: Actor,
  now: number,
  { database, random, standingChanged }: RevokeCertificateDependencies,
): Promise<RevokedCertificate | undefined> {
  const revoked = await database.transaction(async (tx) => {
    const marked = await markCertificateRevoked(tx, certificateId, now);
    if (marked === undefined || marked.alreadyRevoked) return marked;
    const { environment, clientId } = marked;
    await appendAuditEntry(
      tx,
      { environment, actor, action: 'certificate.revoked', subject: certificateId, details: { clientId } },
      now,
      random,
    );
    return marked;
  });
  if (revoked !== undefined) standingChanged(revoked.environment, revoked.clientId);
  return revoked;
}
