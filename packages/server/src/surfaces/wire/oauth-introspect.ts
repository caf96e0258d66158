// POST /oauth/introspect (RFC 7662) on both listeners, for a client's own tokens. Whoever asks for it by the Accept header gets
// the answer as a signed JWT (RFC 9701).

import type { Environment } from '@tollward/protocol';
import {
  type Introspection,
  type IntrospectTokenDependencies,
  introspectToken,
  type SigningKeys,
} from '../../tokens/index.js';
import { acceptsNamed } from './accept.js';
import { type ClientFormDependencies, createClientFormRoute } from './client-form.js';
import type { Route } from './exchange.js';

export interface IntrospectionRouteDependencies extends IntrospectTokenDependencies, ClientFormDependencies {
  readonly signingKeys: SigningKeys;
  /** The issuer identifier of the environment. */
  readonly issuerOf: (environment: Environment) => string;
}

const jwtType = 'token-introspection+jwt';
const signedContentType = `application/${jwtType}`;
const headers = ['cache-control', 'no-store', 'vary', 'accept'] as const;

export function createIntrospectionRoute(dependencies: IntrospectionRouteDependencies): Route {
  const { signingKeys, issuerOf, clock } = dependencies;
  return createClientFormRoute(
    dependencies,
    (request) => introspectToken(request, dependencies),
    ({ clientId, active }, head, { environment }) => {
      const iss = issuerOf(environment);
      const introspection = describe(active, iss);
      const common = { status: 200, headers, clientId } as const;
      if (head.accept === undefined || !acceptsNamed(head.accept, signedContentType)) {
        return { ...common, body: JSON.stringify(introspection) };
      }
      const now = clock();
      // RFC 9701 section 5: nothing of the token outside token_introspection, so that this passes for no access token.
      const claims = { iss, aud: clientId, iat: toSeconds(now), token_introspection: introspection };
      const body = signingKeys.sign(environment, { typ: jwtType }, claims, now);
      return { ...common, body, contentType: signedContentType };
    },
  );
}

/** RFC 7662 section 2.2, with the confirmation of RFC 8705 section 3.2. */
function describe(claims: Introspection['active'], iss: string): object {
  if (claims === null) return { active: false };
  const { clientId, expiresAt, issuedAt, tokenId, binding } = claims;
  return {
    active: true,
    client_id: clientId,
    token_type: 'Bearer',
    exp: toSeconds(expiresAt),
    iat: toSeconds(issuedAt),
    iss,
    jti: tokenId,
    ...(binding && { cnf: { 'x5t#S256': binding.thumbprint } }),
  };
}

/** Rounded down: a token is never said to last longer than it does. */
function toSeconds(ms: number): number {
  return Math.floor(ms / 1_000);
}
