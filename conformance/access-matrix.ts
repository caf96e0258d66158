// Who gets what, written by hand from the contract and from the house rules of mutual TLS, never from the code. A route
// of the server without a row here or in forwarded-access.ts fails the suite, and so does a row without a route.

import type { RefusalCode } from '@tollward/protocol';

/** 200, or the status and the x-refusal-code of the answer. */
export type Outcome = 200 | readonly [status: number, code: RefusalCode];

/** Who may knock at a route that wants a bearer token. */
export const bearerCallers = [
  'nobody',
  'a client with its secret instead of a token',
  'a Bearer header without a token',
  'a token in the query only',
  'a token in the query beside one in the header',
  'a text that is no token',
  'a client secret in the place of the token',
  'a token of which one character was changed',
  'a token that was cut',
  'an expired token',
  'a token of the other environment',
  'a token of a revoked client',
  'a bound token with its certificate',
  'a bound token without a certificate',
  'a bound token with the certificate of another client',
  'a bound token with another certificate of its client',
  'a bound token with a self-signed certificate of the same name',
  'a bound token with an unregistered certificate of the same name and key',
  'a bound token on the api listener',
  'a bound token of an expired certificate',
  'a bound token of a certificate that is not yet valid',
  'a bound token of a revoked certificate',
  'a bound token of a paused certificate',
  'a bound token of a replaced secret',
  'a bound token of a revoked secret',
  'a bound token of a paused secret',
  'a bound token from an address that is not on the list',
  'mutual TLS off: an unbound token on the api listener',
  'mutual TLS off: an unbound token on the mutual TLS listener',
  'mutual TLS off: an unbound token with a registered certificate',
  'mutual TLS off: a bound token with its certificate',
  'mutual TLS off: a bound token without a certificate',
  'mutual TLS off: a bound token on the api listener',
  'mutual TLS off: an unbound token from an address that is not on the list',
  'mutual TLS switched on: an unbound token on the api listener',
  'mutual TLS switched on: an unbound token with a registered certificate',
] as const;
export type BearerCaller = (typeof bearerCallers)[number];

/** Who may knock at the token, revocation and introspection endpoints. */
export const tokenCallers = [
  'nobody',
  'a bearer of an access token',
  'an unknown client',
  'a client with a wrong secret',
  'a client with the secret of another client',
  'a client of the other environment',
  'a client of the other environment with a secret of this one',
  'a certificate without a secret',
  'a certificate with a wrong secret',
  'a revoked client',
  'a client with its certificate',
  'a client with its second certificate',
  'a client without a certificate',
  'a client with the certificate of another client',
  'a client with a self-signed certificate of its name',
  'a client with an unregistered certificate of its name and key',
  'a client with an expired certificate',
  'a client with a certificate that is not yet valid',
  'a client with a revoked certificate',
  'a client with a paused certificate',
  'a client with a secret in its overlap',
  'a client with a replaced secret',
  'a client with a revoked secret',
  'a client with a paused secret',
  'a client from an address that is not on the list',
  'a client on the api listener',
  'mutual TLS off: a client on the api listener',
  'mutual TLS off: a client without a certificate',
  'mutual TLS off: a client with its certificate',
  'mutual TLS off: a client with the certificate of another client',
  'mutual TLS off: a client from an address that is not on the list',
] as const;
export type TokenCaller = (typeof tokenCallers)[number];

/** At every route that wants a token and looks at nothing else. */
export const bearer: Readonly<Record<BearerCaller, Outcome>> = {
  nobody: [401, 'token_missing'],
  'a client with its secret instead of a token': [401, 'token_missing'],
  'a Bearer header without a token': [401, 'token_malformed'],
  'a token in the query only': [401, 'token_missing'],
  'a token in the query beside one in the header': [400, 'token_in_query'],
  'a text that is no token': [401, 'token_malformed'],
  'a client secret in the place of the token': [401, 'token_malformed'],
  'a token of which one character was changed': [401, 'token_malformed'],
  'a token that was cut': [401, 'token_malformed'],
  'an expired token': [401, 'token_expired'],
  'a token of the other environment': [401, 'token_other_environment'],
  'a token of a revoked client': [401, 'token_revoked'],
  'a bound token with its certificate': 200,
  'a bound token without a certificate': [401, 'certificate_missing'],
  'a bound token with the certificate of another client': [401, 'token_bound_elsewhere'],
  'a bound token with another certificate of its client': [401, 'token_bound_elsewhere'],
  'a bound token with a self-signed certificate of the same name': [401, 'token_bound_elsewhere'],
  'a bound token with an unregistered certificate of the same name and key': [401, 'token_bound_elsewhere'],
  'a bound token on the api listener': [401, 'mtls_required'],
  'a bound token of an expired certificate': [401, 'certificate_expired'],
  'a bound token of a certificate that is not yet valid': [401, 'certificate_not_yet_valid'],
  'a bound token of a revoked certificate': [401, 'certificate_revoked'],
  'a bound token of a paused certificate': [401, 'certificate_paused'],
  'a bound token of a replaced secret': 200,
  'a bound token of a revoked secret': [401, 'token_revoked'],
  'a bound token of a paused secret': [401, 'secret_paused'],
  'a bound token from an address that is not on the list': [401, 'address_not_allowed'],
  'mutual TLS off: an unbound token on the api listener': 200,
  'mutual TLS off: an unbound token on the mutual TLS listener': 200,
  'mutual TLS off: an unbound token with a registered certificate': 200,
  'mutual TLS off: a bound token with its certificate': 200,
  'mutual TLS off: a bound token without a certificate': [401, 'certificate_missing'],
  'mutual TLS off: a bound token on the api listener': [401, 'mtls_required'],
  'mutual TLS off: an unbound token from an address that is not on the list': [401, 'address_not_allowed'],
  'mutual TLS switched on: an unbound token on the api listener': [401, 'token_not_bound'],
  'mutual TLS switched on: an unbound token with a registered certificate': [401, 'token_not_bound'],
};

const token: Readonly<Record<TokenCaller, Outcome>> = {
  nobody: [401, 'client_authentication_failed'],
  'a bearer of an access token': [401, 'client_authentication_failed'],
  'an unknown client': [401, 'client_authentication_failed'],
  'a client with a wrong secret': [401, 'client_authentication_failed'],
  'a client with the secret of another client': [401, 'client_authentication_failed'],
  'a client of the other environment': [401, 'secret_other_environment'],
  'a client of the other environment with a secret of this one': [401, 'client_authentication_failed'],
  'a certificate without a secret': [401, 'client_authentication_failed'],
  'a certificate with a wrong secret': [401, 'client_authentication_failed'],
  'a revoked client': [401, 'client_revoked'],
  'a client with its certificate': 200,
  'a client with its second certificate': 200,
  'a client without a certificate': [401, 'certificate_missing'],
  'a client with the certificate of another client': [401, 'certificate_not_registered'],
  'a client with a self-signed certificate of its name': [401, 'certificate_not_registered'],
  'a client with an unregistered certificate of its name and key': [401, 'certificate_not_registered'],
  'a client with an expired certificate': [401, 'certificate_expired'],
  'a client with a certificate that is not yet valid': [401, 'certificate_not_yet_valid'],
  'a client with a revoked certificate': [401, 'certificate_revoked'],
  'a client with a paused certificate': [401, 'certificate_paused'],
  'a client with a secret in its overlap': 200,
  'a client with a replaced secret': [401, 'secret_replaced'],
  'a client with a revoked secret': [401, 'secret_revoked'],
  'a client with a paused secret': [401, 'secret_paused'],
  'a client from an address that is not on the list': [401, 'address_not_allowed'],
  'a client on the api listener': [401, 'mtls_required'],
  'mutual TLS off: a client on the api listener': 200,
  'mutual TLS off: a client without a certificate': 200,
  'mutual TLS off: a client with its certificate': 200,
  'mutual TLS off: a client with the certificate of another client': [401, 'certificate_not_registered'],
  'mutual TLS off: a client from an address that is not on the list': [401, 'address_not_allowed'],
};

/** What everybody may know: nobody is asked who they are, and no credential is judged. */
const open: Readonly<Partial<Record<BearerCaller, 200>>> = {
  nobody: 200,
  'a client with its secret instead of a token': 200,
  'a text that is no token': 200,
  'a token in the query only': 200,
  'a token in the query beside one in the header': 200,
  'a token of a revoked client': 200,
  'a bound token of a revoked certificate': 200,
  'a bound token on the api listener': 200,
  'a bound token with an unregistered certificate of the same name and key': 200,
  'a bound token from an address that is not on the list': 200,
};

/**
 * One row for each route that is answered here. Those that are forwarded are in forwarded-access.ts. The calendar path of a
 * route answers as its legacy path does.
 */
export const accessMatrix: Readonly<
  Record<
    string,
    | { readonly kind: 'token'; readonly row: typeof token }
    | { readonly kind: 'bearer'; readonly row: typeof bearer }
    | { readonly kind: 'open'; readonly row: typeof open }
  >
> = {
  'POST /oauth/token': { kind: 'token', row: token },
  'POST /2026Q3/oauth/token': { kind: 'token', row: token },
  'POST /oauth/revoke': { kind: 'token', row: token },
  'POST /oauth/introspect': { kind: 'token', row: token },
  'GET /.well-known/oauth-authorization-server': { kind: 'open', row: open },
  'GET /.well-known/jwks.json': { kind: 'open', row: open },
  'GET /openapi.json': { kind: 'open', row: open },
  'GET /v1/authenticated/playground': { kind: 'bearer', row: bearer },
  'GET /2026Q3/authenticated/playground': { kind: 'bearer', row: bearer },
};
