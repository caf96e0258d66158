// The token that a request to the revocation or introspection endpoint is about (RFC 7009 section 2.1, RFC 7662 section
// 2.1). There is one kind of token, so `token_type_hint` has nothing to tell: a wrong one must not hide the token.

import type { Refusal } from '../refusals/index.js';
import type { ClientRequest } from './prove-client.js';
import type { TokenClaims } from './sealed-token.js';
import type { TokenOpener } from './token-opener.js';

/** Null when it is no token of this client. Whether it is in force is another question. */
export async function openNamedToken(
  clientId: string,
  { environment, parameters, trace }: ClientRequest,
  tokens: TokenOpener,
): Promise<TokenClaims | null | Refusal> {
  trace?.enter('answer');
  const token = parameters.get('token');
  if (token === undefined) {
    return {
      refusal: 'parameter_missing',
      step: 'answer',
      expected: 'token, once',
      seen: 'no token in the form body',
      parameters: { parameter: 'token' },
      clientId,
    };
  }
  const opened = await tokens.open(environment, token);
  return opened.ok && opened.claims.clientId === clientId ? opened.claims : null;
}
