import { type Environment, environments } from '@tollward/protocol';
import type { ClientFactsSource } from '../clients/index.js';
import { decideStanding } from './decide-standing.js';
import type { TokenClaims } from './sealed-token.js';
import type { TokenOpener } from './token-opener.js';

export type TokenInspection =
  | { readonly readable: false; readonly problem: string }
  | {
      readonly readable: true;
      readonly environment: Environment;
      readonly claims: TokenClaims;
      readonly inForce: boolean;
      /** Why it is not in force; null when it is. */
      readonly problem: string | null;
    };

/** What a token says and whether it would be admitted now, as far as that does not depend on a connection. */
export async function inspectToken(
  token: string,
  now: number,
  tokens: TokenOpener,
  clients: ClientFactsSource,
): Promise<TokenInspection> {
  for (const environment of environments) {
    const opened = await tokens.open(environment, token);
    if (opened.ok) {
      const { claims } = opened;
      const expired = now >= claims.expiresAt ? `it expired at ${new Date(claims.expiresAt).toISOString()}` : null;
      const verdict = decideStanding(claims, await clients.confirm(environment, claims.clientId), now);
      const problem = expired ?? (verdict.inForce ? null : `${verdict.problem} (${verdict.seen})`);
      return { readable: true, environment, claims, inForce: problem === null, problem };
    }
    if (opened.problem !== 'other-environment') return { readable: false, problem: unreadable[opened.problem] };
  }
  return { readable: false, problem: unreadable['not-a-token'] };
}

const unreadable = {
  'not-a-token': 'This does not look like an access token.',
  'unknown-key': 'This token was sealed by a key that this installation does not have, or no longer has.',
  changed: 'The seal of this token does not hold: it was changed or cut off.',
} as const;
