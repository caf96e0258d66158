// What anybody may know of an environment, the same on both listeners: the metadata of the authorization server (RFC 8414,
// with RFC 8705 section 5 and RFC 9701 section 7) and its public keys (RFC 7517 section 5).

import type { Environment } from '@tollward/protocol';
import { grantTypes, type SigningKeys } from '../../tokens/index.js';
import type { Answer, ListenerName, Route } from './exchange.js';

export interface WellKnownDependencies {
  /** As partners reach the listener. */
  readonly urlOf: (environment: Environment, listener: ListenerName) => string;
  readonly signingKeys: SigningKeys;
}

export const wellKnownPaths = {
  metadata: '/.well-known/oauth-authorization-server',
  keys: '/.well-known/jwks.json',
} as const;

const headers = ['cache-control', 'max-age=300'] as const;
const authenticationMethods = ['client_secret_basic'] as const;

export function createMetadataRoute({ urlOf }: WellKnownDependencies): Route {
  return {
    method: 'GET',
    takesHead: true,
    handle: ({ environment }) => answer(describe(urlOf(environment, 'api'), urlOf(environment, 'api-mtls'))),
  };
}

export function createKeysRoute({ signingKeys }: WellKnownDependencies): Route {
  return {
    method: 'GET',
    takesHead: true,
    handle: ({ environment }) => answer({ keys: signingKeys.published(environment) }),
  };
}

function answer(body: object): Answer {
  return { status: 200, body: JSON.stringify(body), headers };
}

function describe(issuer: string, mtls: string): object {
  return {
    issuer,
    ...endpointsAt(issuer),
    jwks_uri: `${issuer}${wellKnownPaths.keys}`,
    grant_types_supported: grantTypes,
    response_types_supported: [],
    token_endpoint_auth_methods_supported: authenticationMethods,
    revocation_endpoint_auth_methods_supported: authenticationMethods,
    introspection_endpoint_auth_methods_supported: authenticationMethods,
    introspection_signing_alg_values_supported: ['ES256'],
    tls_client_certificate_bound_access_tokens: true,
    mtls_endpoint_aliases: endpointsAt(mtls),
  };
}

function endpointsAt(base: string) {
  return {
    token_endpoint: `${base}/oauth/token`,
    revocation_endpoint: `${base}/oauth/revoke`,
    introspection_endpoint: `${base}/oauth/introspect`,
  };
}
