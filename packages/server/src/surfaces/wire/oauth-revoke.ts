// POST /oauth/revoke (RFC 7009) on both listeners. The answer is the same whether there was something to revoke or not
// (section 2.2): whoever asks learns nothing of tokens that are not theirs.

import { type RevokeTokenDependencies, revokeToken } from '../../tokens/index.js';
import { type ClientFormDependencies, createClientFormRoute } from './client-form.js';
import type { Route } from './exchange.js';

export type RevocationRouteDependencies = RevokeTokenDependencies & ClientFormDependencies;

const headers = ['cache-control', 'no-store'] as const;

export function createRevocationRoute(dependencies: RevocationRouteDependencies): Route {
  return createClientFormRoute(
    dependencies,
    (request) => revokeToken(request, dependencies),
    ({ clientId }) => ({ status: 200, body: '', headers, clientId }),
  );
}
