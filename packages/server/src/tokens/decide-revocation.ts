import type { ClientFacts } from '../clients/index.js';
import { decideStanding } from './decide-standing.js';
import type { TokenClaims } from './sealed-token.js';

/** `nothing`: the token is over by itself. `all-tokens`: there is no more room for single ones. */
export type RevocationDecision = 'nothing' | 'token' | 'all-tokens';

/** Every node holds the list of a client in memory, and reads it whenever it reads the client. */
export const mostRevokedTokens = 500;

/** What revoking one token takes. A pause ends, and the token would be back, so it is no reason to do nothing. */
export function decideRevocation(
  claims: TokenClaims,
  client: ClientFacts | undefined,
  now: number,
): RevocationDecision {
  if (client === undefined || now >= claims.expiresAt) return 'nothing';
  const standing = decideStanding(claims, client, now);
  if (!standing.inForce && standing.code !== 'secret_paused') return 'nothing';
  return client.revokedTokens.size < mostRevokedTokens ? 'token' : 'all-tokens';
}
