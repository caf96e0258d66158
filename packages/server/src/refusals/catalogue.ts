// The one catalogue of refusals. The answer on the wire, `tollward explain`, the log line and docs/generated/refusals.md
// all read it. A new code goes into packages/protocol/src/refusal-code.ts first; the compiler then asks for its entry here.

import type { RefusalCode } from '@tollward/protocol';

export interface CatalogueEntry {
  /** Null: the upstream has answered, with a status of its own. */
  readonly status: number | null;
  /** The `error` member of the OAuth shape (RFC 6749 section 5.2; RFC 6750 section 3.1; the platform's own `missing_token`). */
  readonly error: string;
  /** The `error` member at a protected call, where it differs from the one at the token endpoint. */
  readonly bearerError?: string;
  /** The shape outside /oauth: `oauth` is {error, error_description}, `status` is {timestamp, status, error, message, path}. */
  readonly shape: 'oauth' | 'status';
  /** The `error` member of the status shape, where the contract fixes another one than the reason phrase. */
  readonly contractError?: string;
  /** What the caller reads. `{name}` is filled from the refusal's parameters. */
  readonly text: string;
  /** The description the contract fixes word for word; `text` then goes into WWW-Authenticate only. */
  readonly contractText?: string;
  /** What to do next, for the person who reads `tollward explain`. */
  readonly remedy: string;
  /** Whether the connection is closed after the answer, because what follows on it can not be trusted. */
  readonly closes?: true;
}

const invalidToken = { status: 401, error: 'invalid_token', shape: 'oauth', contractText: 'Invalid token' } as const;
const badCredential = { status: 401, error: 'invalid_client', bearerError: 'invalid_token', shape: 'oauth' } as const;
const badRequest = { status: 400, error: 'invalid_request', shape: 'status' } as const;
const forbidden = { status: 403, error: 'access_denied', shape: 'status' } as const;
const badGateway = { status: 502, error: 'server_error', shape: 'status' } as const;

export const catalogue: Readonly<Record<RefusalCode, CatalogueEntry>> = {
  malformed_request: {
    ...badRequest,
    text: 'The request is not valid HTTP/1.1.',
    remedy: 'Send the request with a maintained HTTP library, and look for a proxy on the way that rewrites it.',
    closes: true,
  },
  ambiguous_request: {
    ...badRequest,
    text: 'The request can be read in two ways: {problem}.',
    remedy:
      'Send each of these headers once, the path in its plain form, and exactly one statement of the body length.',
    closes: true,
  },
  header_too_large: {
    status: 431,
    error: 'invalid_request',
    shape: 'status',
    text: 'The request headers are too large: at most 16 KiB in at most 100 headers.',
    remedy: 'Send fewer or shorter headers. Cookies and tracing baggage are not needed here.',
    closes: true,
  },
  request_timeout: {
    status: 408,
    error: 'invalid_request',
    shape: 'status',
    text: 'The request did not arrive in time.',
    remedy: 'Send the headers within 10 seconds and the whole request within 30, and look for a stalled connection.',
    closes: true,
  },
  route_unknown: {
    status: 404,
    error: 'invalid_request',
    shape: 'status',
    text: 'There is nothing at this path.',
    remedy: 'Check the path and its version: legacy paths start with /v1, calendar paths with /2026Q3.',
  },
  method_not_allowed: {
    status: 405,
    error: 'invalid_request',
    shape: 'status',
    text: 'This path takes {allowed} only.',
    remedy: 'Repeat the request with the method that the Allow header names.',
  },
  address_rate_limited: {
    status: 429,
    error: 'rate_limit_exceeded',
    shape: 'oauth',
    text: 'Too many requests from this address: at most {limit} in {window}.',
    remedy: 'Wait as long as Retry-After says. Fetch one token per worker and use it until shortly before it expires.',
    closes: true,
  },
  address_failures_limited: {
    status: 429,
    error: 'rate_limit_exceeded',
    shape: 'oauth',
    text: 'Too many failed authentications from this address: at most {limit} in {window}.',
    remedy:
      'Stop the worker that repeats a wrong client id or secret, correct it, then wait as long as Retry-After says.',
    closes: true,
  },
  body_too_large: {
    status: 413,
    error: 'invalid_request',
    shape: 'status',
    text: 'The body is larger than 8 KiB.',
    remedy: 'A token request is a short form. Look for a wrong body or a wrong address.',
    closes: true,
  },
  body_not_form: {
    status: 415,
    error: 'invalid_request',
    shape: 'oauth',
    text: 'The body must be a form: Content-Type application/x-www-form-urlencoded, and {problem}.',
    remedy: 'Send the parameters as application/x-www-form-urlencoded (RFC 6749 appendix B): no JSON, no multipart.',
  },
  parameter_missing: {
    ...badRequest,
    shape: 'oauth',
    text: 'The parameter {parameter} is missing.',
    remedy: 'Send the parameter in the form body, with a value.',
  },
  parameter_repeated: {
    ...badRequest,
    text: 'The parameter {parameter} is there more than once.',
    remedy: 'Send every parameter once, and one that has several names under one of them.',
  },
  parameter_in_query: {
    ...badRequest,
    shape: 'oauth',
    text: 'Parameters belong in the body, not in the address.',
    remedy: 'Move the parameters from the query string into the form body: addresses are written to logs.',
  },
  client_authentication_failed: {
    status: 401,
    error: 'invalid_client',
    shape: 'oauth',
    text: 'Client authentication failed',
    remedy:
      'Send the client id and one of its live secrets with HTTP Basic. Check that both are of this environment and complete: ' +
      'a secret is tlw_, sbx_ or prd_, cs_ and 49 characters.',
  },
  client_authentication_repeated: {
    ...badRequest,
    shape: 'oauth',
    text: 'Authenticate with HTTP Basic only: client_secret and client_assertion do not belong in the body.',
    remedy: 'Set the authentication method of your OAuth library to client_secret_basic (RFC 6749 section 2.3).',
  },
  client_id_mismatch: {
    ...badRequest,
    shape: 'oauth',
    text: 'The client_id in the body is not the one in the Authorization header: leave it out of the body, or send the same one.',
    remedy: 'Leave client_id out of the body, or send the same one in both places.',
  },
  client_revoked: {
    status: 401,
    error: 'invalid_client',
    shape: 'oauth',
    text: 'This client was revoked: ask the operator of the platform for a new one.',
    remedy: 'A revoked client stays revoked. Ask the operator of the platform for a new one.',
  },
  secret_other_environment: {
    ...badCredential,
    text: 'This client secret is of the {secretEnvironment} environment and this is {environment}: use a secret of {environment}, or the host of {secretEnvironment}.',
    remedy:
      'Look at the beginning of the secret: tlw_sbx_ is sandbox, tlw_prd_ is production. Secrets and hosts of the two never mix.',
  },
  secret_replaced: {
    ...badCredential,
    text: 'This client secret got its last token before {replacedAt}: use another live secret of this client, or ask the operator for one.',
    remedy:
      'Deploy a live secret wherever this one still is; a rotation makes one when there is none. "tollward clients show" tells which address and certificate still use it.',
  },
  secret_revoked: {
    ...badCredential,
    text: 'This client secret was revoked at {revokedAt}: use another live secret of this client.',
    remedy: 'A revoked secret stays revoked. Deploy the newer one, or have a new one made by a rotation.',
  },
  grant_type_missing: {
    ...badRequest,
    shape: 'oauth',
    text: 'Missing grant type',
    remedy: 'Send grant_type in the form body, for example grant_type=client_credentials.',
  },
  grant_type_unsupported: {
    status: 400,
    error: 'unsupported_grant_type',
    shape: 'oauth',
    text: 'This grant type is not supported. Supported: {supported}.',
    remedy: 'Use one of the supported grant types. A worker that acts for the partner itself uses client_credentials.',
  },
  mtls_required: {
    ...badCredential,
    text: 'This client must use mutual TLS: repeat the request at {mtlsUrl} with the client certificate.',
    remedy: 'Change the base URL to the mutual TLS host and send the registered certificate with its key.',
  },
  certificate_missing: {
    ...badCredential,
    text: 'No client certificate came with this connection: send the one that is registered for this client.',
    remedy:
      'Configure the certificate and its key in the HTTP client (curl: --cert and --key). The fetch built into Node ignores ' +
      'an https.Agent; give it a dispatcher instead.',
  },
  certificate_not_registered: {
    ...badCredential,
    text: 'The client certificate of this connection is not registered for this client: send the one that is, or have this one registered.',
    remedy: 'Send the certificate that was issued or registered for this client in this environment.',
  },
  certificate_not_yet_valid: {
    ...badCredential,
    text: 'The client certificate of this connection is not valid before {notBefore}: send another registered one until then.',
    remedy: 'Use another registered certificate until then.',
  },
  certificate_expired: {
    ...badCredential,
    text: 'The client certificate of this connection expired at {notAfter}: get a new one, and a new token over it.',
    remedy: 'Get a new certificate for this client, deploy it, and fetch a new token over it.',
  },
  certificate_revoked: {
    ...badCredential,
    text: 'The client certificate of this connection was revoked at {revokedAt}: get a new one, and a new token over it.',
    remedy: 'A revoked certificate stays revoked. Get a new one for this client and fetch a new token over it.',
  },
  certificate_paused: {
    ...badCredential,
    text: 'The client certificate of this connection is paused until {pausedUntil}, to find out who still uses it: switch to the newer certificate.',
    remedy:
      'Deploy the certificate that replaces it. Until the pause ends it counts as revoked; afterwards it works again.',
  },
  secret_paused: {
    ...badCredential,
    text: 'The client secret behind this request is paused until {pausedUntil}, to find out who still uses it: get a token with the newer secret.',
    remedy:
      'Deploy the secret that replaces it. Until the pause ends it counts as revoked, with the tokens it got; afterwards they work again.',
  },
  address_not_allowed: {
    ...badCredential,
    text: 'This client may not be used from {address}: send the request from an address that is on its list.',
    remedy:
      'Route the traffic over an allowed address, or have the operator add this one: tollward clients update --allow.',
  },
  token_missing: {
    status: 401,
    error: 'missing_token',
    shape: 'oauth',
    text: 'Send an access token in the Authorization header, as Bearer and the token.',
    remedy:
      'Get a token from POST /oauth/token and send it in the Authorization header, never in the address or the body.',
  },
  token_malformed: {
    ...invalidToken,
    text: 'This is not an access token of this server, or its key is gone: send it exactly as the token endpoint gave it, or get a new one.',
    remedy:
      'Send the access_token exactly as the token endpoint gave it. Look for a cut-off copy or an added quote. If it worked before, the key that sealed it is gone: get a new token.',
  },
  token_other_environment: {
    ...invalidToken,
    text: 'This access token is of the {tokenEnvironment} environment and this is {environment}: get a token from the host that you call.',
    remedy:
      'Get the token from the same host that you call. The second part of a token, sbx or prd, names its environment.',
  },
  token_expired: {
    ...invalidToken,
    text: 'The access token expired at {expiredAt}: get a new one.',
    remedy: 'Get a new token. Renew shortly before expires_at, and check the clock of the machine.',
  },
  token_revoked: {
    ...invalidToken,
    text: 'The access token was revoked because {problem}: get a new one with credentials that are in force.',
    remedy: 'Get a new token with credentials that are still in force.',
  },
  token_not_bound: {
    ...badCredential,
    text: 'This client must use mutual TLS and this token is bound to no certificate: get a new one from {mtlsUrl}.',
    remedy: 'Tokens from the time before mutual TLS was required have ended. Get a new token over mutual TLS.',
  },
  token_bound_elsewhere: {
    ...badCredential,
    text: 'The access token is bound to another client certificate than the one on this connection: send that one, or get a new token over this one.',
    remedy:
      'Use the token on connections that send the certificate it was obtained with (RFC 8705), or get a new one over this one.',
  },
  token_in_query: {
    ...badRequest,
    shape: 'oauth',
    text: 'An access token does not belong in the address, which is written to logs: send it in the Authorization header only.',
    remedy:
      'Send the token in the Authorization header and take access_token out of the query. Revoke a token that was in an address.',
  },
  client_rate_limited: {
    status: 429,
    error: 'rate_limit_exceeded',
    shape: 'oauth',
    text: 'Too many requests of this client: at most {limit} in {window}.',
    remedy:
      'Wait as long as Retry-After says, spread the calls, or ask the operator of the platform for a higher limit.',
  },
  route_rate_limited: {
    status: 429,
    error: 'rate_limit_exceeded',
    shape: 'oauth',
    text: 'Too many requests of this client for routes of the rate class {rateClass}: at most {limit} in {window}.',
    remedy:
      'Wait as long as Retry-After says, and spread the calls. The limits of a rate class stand in the route policy.',
  },
  token_kind_not_allowed: {
    ...forbidden,
    text: 'This route does not take {kind}: use {allowed}.',
    remedy:
      'Use a token of a kind that the route takes. The route policy says which: tollward policy explain. This version issues client-credentials tokens only.',
  },
  embedded_model_off: {
    ...forbidden,
    text: 'This client may not act for profiles with a client-credentials token: ask the operator of the platform for the embedded model.',
    remedy:
      'If the partner has the embedded model, switch it on: tollward clients update --embedded-model on. Its tokens need not be renewed.',
  },
  profile_missing: {
    ...badRequest,
    text: 'The request does not say for which profile it is: send the id of the profile as {parameter}.',
    remedy: 'Send the id of the profile in the parameter that the route names, with a value.',
  },
  profile_malformed: {
    ...badRequest,
    text: 'The {parameter} is not the id of a profile: send it in plain digits, without escapes.',
    remedy: 'Send the id as the API gave it: a whole number of at most 19 digits, in its plain spelling.',
  },
  profile_not_accessible: {
    ...forbidden,
    error: 'unauthorized',
    contractError: 'unauthorized',
    text: 'Unauthorized',
    remedy:
      'Check the id of the profile and the environment. A client-credentials token reaches the profiles that its client made.',
  },
  region_not_allowed: {
    ...forbidden,
    text: 'Personal tokens may not do this for a profile of {country}: use a token that the owner of the profile granted to a client.',
    remedy:
      'The route policy lists the countries for whose profiles personal tokens may do this. For others, connect an OAuth client.',
  },
  sca_not_available: {
    ...forbidden,
    text: 'This call needs strong customer authentication, which is not available yet: ask the operator of the platform.',
    remedy:
      'In the sandbox, switch it off for the client: tollward clients update --sca off. In production the setting unsafeNoSca forwards such calls without it.',
  },
  request_body_too_large: {
    status: 413,
    error: 'invalid_request',
    shape: 'status',
    text: 'The body is larger than {limit} bytes.',
    remedy: 'Send a smaller body. The route policy sets the limit of each route: maximumBodyBytes.',
    closes: true,
  },
  upstream_busy: {
    status: 429,
    error: 'rate_limit_exceeded',
    shape: 'oauth',
    text: 'Too many calls at once: send the next one when one of yours has been answered.',
    remedy:
      'Have fewer calls in flight, and read answers as they come. One caller may hold a tenth of the connections to an upstream ' +
      '(maximumConnections in the route policy).',
  },
  upstream_unreachable: {
    ...badGateway,
    text: 'The service behind this API can not be reached at the moment. The request was not sent to it.',
    remedy: 'Repeat the request later. The operator finds what failed under Seen, and checks the upstream and its URL.',
  },
  upstream_timeout: {
    ...badGateway,
    status: 504,
    text: 'The service behind this API did not answer in time. The request may have taken effect.',
    remedy:
      'Look whether the request took effect before it is repeated. The route policy sets how long an upstream has: answerSeconds.',
  },
  upstream_failed: {
    ...badGateway,
    text: 'The service behind this API gave no answer that can be passed on. The request may have taken effect.',
    remedy:
      'Look whether the request took effect before it is repeated. The operator finds what was wrong with the answer under Seen.',
  },
  upstream_refused: {
    status: null,
    error: 'upstream_refused',
    shape: 'status',
    text: 'The service behind this API refused the request.',
    remedy: 'The upstream gave the reason under Seen. Its own documentation says what to do about it.',
  },
  injected_fault: {
    status: 503,
    error: 'injected_fault',
    shape: 'oauth',
    text: 'This fault was asked for, to try how a caller takes it.',
    remedy:
      'Nothing is wrong: "tollward faults" made it, which only "tollward dev" has. "tollward faults clear" ends those that are left.',
  },
  temporarily_unavailable: {
    status: 503,
    error: 'temporarily_unavailable',
    shape: 'oauth',
    text: 'The server can not check credentials at the moment.',
    remedy: 'Repeat the request after the time in Retry-After. The operator finds the cause in /health/ready.',
  },
  internal_error: {
    status: 500,
    error: 'server_error',
    shape: 'status',
    text: 'Something went wrong on our side.',
    remedy: 'The operator finds the fault in the log under this trace id.',
  },
};

/** The status of an answer of ours. A refusal of the upstream has none, and is never answered here. */
export function statusOf({ status }: CatalogueEntry): number {
  return status ?? badGateway.status;
}

/** The catalogue's text with its places filled. */
export function publicText(text: string, parameters: Readonly<Record<string, string>> = {}): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => parameters[name] ?? place);
}
