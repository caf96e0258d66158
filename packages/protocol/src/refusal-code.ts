/**
 * Every expected "no" has one code. It travels in the `x-refusal-code` header of the answer, stands in the log line and
 * in `tollward explain`, and never changes its meaning. Status, wire shape, public text and remedy of each are the
 * server's catalogue, `packages/server/src/refusals/catalogue.ts`.
 */
export const refusalCodes = [
  // The edge: before anything of the request is believed.
  'malformed_request',
  'ambiguous_request',
  'header_too_large',
  'request_timeout',
  'route_unknown',
  'method_not_allowed',
  'address_rate_limited',
  'address_failures_limited',
  // The requests of a client with its secret: to the token, revocation and introspection endpoints.
  'body_too_large',
  'body_not_form',
  'parameter_missing',
  'parameter_repeated',
  'parameter_in_query',
  'client_authentication_failed',
  'client_authentication_repeated',
  'client_id_mismatch',
  'client_revoked',
  'secret_other_environment',
  'secret_replaced',
  'secret_revoked',
  'grant_type_missing',
  'grant_type_unsupported',
  // The certificate of the connection, at the token endpoint and at every protected call.
  'mtls_required',
  'certificate_missing',
  'certificate_not_registered',
  'certificate_not_yet_valid',
  'certificate_expired',
  'certificate_revoked',
  // A credential that is paused, and where the request comes from: at the token endpoint and at every protected call, too.
  'certificate_paused',
  'secret_paused',
  'address_not_allowed',
  // The bearer token.
  'token_missing',
  'token_malformed',
  'token_other_environment',
  'token_expired',
  'token_revoked',
  'token_not_bound',
  'token_bound_elsewhere',
  'token_in_query',
  // Everything after the token is believed.
  'client_rate_limited',
  'route_rate_limited',
  // The policy of the route: who may call it, and for which profile.
  'token_kind_not_allowed',
  'embedded_model_off',
  'profile_missing',
  'profile_malformed',
  'profile_not_accessible',
  'region_not_allowed',
  'sca_not_available',
  // The upstream.
  'request_body_too_large',
  'upstream_busy',
  'upstream_unreachable',
  'upstream_timeout',
  'upstream_failed',
  'upstream_refused',
  // Faults. The first one was asked for, in a sandbox.
  'injected_fault',
  'temporarily_unavailable',
  'internal_error',
] as const;

export type RefusalCode = (typeof refusalCodes)[number];
