import type { Environment } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import type { Database } from '../platform/database/database.js';
import type { RandomBytes } from '../platform/random.js';
import { listClientSummaries, markClientRevoked } from './client-store.js';

export interface RevokeClientDependencies {
  readonly database: Database;
  readonly random: RandomBytes;
  /** Told after the commit and before the caller hears of it, so that this node refuses at once. */
  readonly standingChanged: (environment: Environment, clientId: string) => void;
}

/** Revokes a client for good: no new tokens, and those it has stop. Undefined when there is no such client. */
export async function revokeClient(
  clientId: string,
  actor: Actor,
  now: number,
  { database, random, standingChanged }: RevokeClientDependencies,
): Promise<{ alreadyRevoked: boolean } | undefined> {
  const revoked = await database.transaction(async (tx) => {
    const [client] = await listClientSummaries(tx, { clientId });
    if (client === undefined) return undefined;
    const { environment } = client;
    const changed = await markClientRevoked(tx, environment, clientId, now);
    if (changed === true) {
      await appendAuditEntry(
        tx,
        { environment, actor, action: 'client.revoked', subject: clientId, details: {} },
        now,
        random,
      );
    }
    return { environment, alreadyRevoked: changed === false };
  });
  if (revoked !== undefined) standingChanged(revoked.environment, clientId);
  return revoked;
}
