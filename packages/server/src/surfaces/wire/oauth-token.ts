// POST /oauth/token (RFC 6749 section 3.2) on both listeners, and under its calendar path.

import { gzipSync } from 'node:zlib';
import { type IssueTokenDependencies, issueToken } from '../../tokens/index.js';
import { type ClientFormDependencies, createClientFormRoute } from './client-form.js';
import type { Route } from './exchange.js';

export interface TokenRouteDependencies extends IssueTokenDependencies, ClientFormDependencies {
  readonly onIssued: (grantType: string) => void;
}

const tokenHeaders = ['cache-control', 'no-store', 'pragma', 'no-cache', 'vary', 'accept-encoding'] as const;
const packedTokenHeaders = [...tokenHeaders, 'content-encoding', 'gzip'] as const;

export function createTokenRoute(dependencies: TokenRouteDependencies): Route {
  return createClientFormRoute(
    dependencies,
    (request) => issueToken(request, dependencies),
    ({ clientId, grantType, body }, head) => {
      dependencies.onIssued(grantType);
      const json = JSON.stringify(body);
      if (!head.acceptsGzip) return { status: 200, body: json, headers: tokenHeaders, clientId };
      return { status: 200, body: gzipSync(json), headers: packedTokenHeaders, clientId };
    },
  );
}
