import type { Environment } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import type { Database } from '../platform/database/database.js';
import type { RandomBytes } from '../platform/random.js';
import { lockClient, storeClientRevoked } from './client-store.js';

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
    const client = await lockClient(tx, clientId);
    if (client === undefined) return undefined;
    const { environment } = client;
    if (client.revokedAt !== null) return { environment, alreadyRevoked: true };
    await storeClientRevoked(tx, client, new Date(now));
    const fact = { environment, actor, action: 'client.revoked', subject: clientId, details: {} };
    await appendAuditEntry(tx, fact, now, random);
    return { environment, alreadyRevoked: false };
  });
  if (revoked !== undefined) standingChanged(revoked.environment, clientId);
  return revoked;
}
