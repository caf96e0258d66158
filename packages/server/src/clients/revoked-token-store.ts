// Single tokens of a client that were revoked before their end. They are facts of the client, so that a request which has
// these at hand asks for nothing else.

import type { Environment } from '@tollward/protocol';
import type { ReadTx, Tx } from '../platform/database/database.js';

/** Room for a node whose clock is behind: to it the token is good for so much longer. */
const skewMs = 5 * 60_000;

export interface RevokedToken {
  readonly environment: Environment;
  readonly clientId: string;
  readonly tokenId: string;
  readonly expiresAt: number;
}

export async function insertRevokedToken(
  tx: Tx,
  { environment, clientId, tokenId, expiresAt }: RevokedToken,
  now: number,
): Promise<void> {
  await tx
    .insertInto('revoked_tokens')
    .values({
      environment,
      client_id: clientId,
      token_id: tokenId,
      revoked_at: new Date(now),
      expires_at: new Date(expiresAt + skewMs),
    })
    .execute();
}

/** Until they are deleted, which takes two clocks: by one that is ahead for a moment, a token would be back when it is right again. */
export async function loadRevokedTokens(
  tx: ReadTx,
  environment: Environment,
  clientId: string,
): Promise<ReadonlySet<string>> {
  const rows = await tx
    .selectFrom('revoked_tokens')
    .select('token_id')
    .where('environment', '=', environment)
    .where('client_id', '=', clientId)
    .execute();
  return new Set(rows.map((row) => row.token_id));
}

/** Once none of the tokens of a client is in force, its list says nothing. */
export async function deleteRevokedTokens(tx: Tx, environment: Environment, clientId: string): Promise<void> {
  await tx
    .deleteFrom('revoked_tokens')
    .where('environment', '=', environment)
    .where('client_id', '=', clientId)
    .execute();
}
