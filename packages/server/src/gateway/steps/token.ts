// RFC 6750 section 2.1: the token comes in the Authorization header and nowhere else.

import type { Refusal } from '../../refusals/index.js';
import type { OpenedToken, TokenClaims, TokenOpener } from '../../tokens/index.js';
import type { ProtectedCall } from '../protected-call.js';

const bearerShape = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

/**
 * An access token in the address stands in logs and histories, and would go on to the upstream (RFC 9700 section 4.3.2). The
 * name counts in any spelling: somebody behind us may read it.
 */
export function refuseTokenInQuery({ query }: ProtectedCall): Refusal | undefined {
  if (query === undefined || !namesToken(query)) return undefined;
  return {
    refusal: 'token_in_query',
    step: 'token',
    expected: 'no access_token in the query',
    seen: 'a parameter access_token in the query',
  };
}

function namesToken(query: string): boolean {
  return (
    /access_token|%/i.test(query) &&
    query.split(/[&;]/).some((piece) => {
      const [name = ''] = new URLSearchParams(piece).keys();
      return name.trim().toLowerCase() === 'access_token';
    })
  );
}

/** Reads, opens and dates the bearer token. A promise only when the keys have to be read again. */
export function openBearerToken(
  call: ProtectedCall,
  tokens: TokenOpener,
): TokenClaims | Refusal | Promise<TokenClaims | Refusal> {
  if (call.authorization === undefined) return missing('no Authorization header');
  const token = bearerShape.exec(call.authorization)?.[1];
  if (token === undefined) {
    return /^bearer\b/i.test(call.authorization)
      ? {
          refusal: 'token_malformed',
          step: 'token',
          expected: expectedToken,
          seen: 'a Bearer header without a readable token',
        }
      : missing('an Authorization header of another scheme than Bearer');
  }
  const opened = tokens.open(call.environment, token);
  return opened instanceof Promise ? opened.then((result) => judge(result, call)) : judge(opened, call);
}

const expectedToken = 'an access token of this server, unchanged';

function missing(seen: string): Refusal {
  return { refusal: 'token_missing', step: 'token', expected: 'Authorization: Bearer with an access token', seen };
}

function judge(opened: OpenedToken, { environment, now }: ProtectedCall): TokenClaims | Refusal {
  if (!opened.ok) {
    if (opened.problem === 'other-environment') {
      const { environment: tokenEnvironment } = opened;
      const parameters = { tokenEnvironment, environment };
      return {
        refusal: 'token_other_environment',
        step: 'token',
        expected: `an access token of ${environment}`,
        seen: `an access token of ${tokenEnvironment}`,
        parameters,
      };
    }
    return { refusal: 'token_malformed', step: 'token', expected: expectedToken, seen: problems[opened.problem] };
  }
  const { claims } = opened;
  if (now >= claims.expiresAt) {
    const expiredAt = new Date(claims.expiresAt).toISOString();
    return {
      refusal: 'token_expired',
      step: 'token',
      expected: `a token that is in force at ${new Date(now).toISOString()}`,
      seen: `token ${claims.tokenId}, expired at ${expiredAt}`,
      parameters: { expiredAt },
      clientId: claims.clientId,
    };
  }
  return claims;
}

const problems = {
  'not-a-token': 'a text that has not the form of an access token',
  'unknown-key': 'a token sealed by a key that is not, or no longer, known here',
  changed: 'a token whose seal does not hold: it was changed or cut',
} as const;
