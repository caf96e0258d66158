import type { Environment } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import type { Database } from '../platform/database/database.js';
import type { RandomBytes } from '../platform/random.js';
import { lockClient, raiseClientGeneration } from './client-store.js';
import { deleteRevokedTokens } from './revoked-token-store.js';

export interface EndClientTokensDependencies {
  readonly database: Database;
  readonly random: RandomBytes;
  /** Told after the commit and before the caller hears of it, so that this node refuses at once. */
  readonly standingChanged: (environment: Environment, clientId: string) => void;
}

/** Ends all tokens that a client has; its credentials get new ones. Undefined when there is no such client. */
export async function endClientTokens(
  clientId: string,
  actor: Actor,
  now: number,
  { database, random, standingChanged }: EndClientTokensDependencies,
): Promise<{ readonly clientId: string } | undefined> {
  const environment = await database.transaction(async (tx) => {
    const client = await lockClient(tx, clientId);
    if (client === undefined) return undefined;
    const { environment } = client;
    await raiseClientGeneration(tx, client);
    await deleteRevokedTokens(tx, environment, clientId);
    const details = { reason: 'asked for' };
    const fact = { environment, actor, action: 'client.tokens_revoked', subject: clientId, details };
    await appendAuditEntry(tx, fact, now, random);
    return environment;
  });
  if (environment === undefined) return undefined;
  standingChanged(environment, clientId);
  return { clientId };
}
