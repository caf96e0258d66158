// With which refusals each step can end a call of a route. `policy explain` tells them step by step, the API description all
// together.

import type { RefusalCode } from '@tollward/protocol';
import { decideTokenKind } from './decide-access.js';
import type { RouteRules } from './policy/policy.js';

type Codes = readonly RefusalCode[];

/** Of every request, whatever it is for. */
export const refusalsOfEdge: Codes = [
  'malformed_request',
  'ambiguous_request',
  'header_too_large',
  'request_timeout',
  'address_rate_limited',
  'address_failures_limited',
];

/** Of a route that an upstream answers, besides those of its rules. */
export const refusalsOfForwarding: Codes = [
  'request_body_too_large',
  'upstream_busy',
  'upstream_unreachable',
  'upstream_timeout',
  'upstream_failed',
  'upstream_refused',
];

/** Up to the point where a call is forwarded or answered here. */
export function refusalsByStep(rules: RouteRules) {
  return {
    edge: refusalsOfEdge,
    peer: [],
    token: [
      // Also where no token is needed: for an Authorization header of another scheme.
      'token_missing',
      'token_in_query',
      'token_malformed',
      'token_other_environment',
      'token_expired',
    ],
    standing: ['token_revoked', 'certificate_revoked', 'secret_paused'],
    binding: [
      'token_not_bound',
      'mtls_required',
      'certificate_missing',
      'token_bound_elsewhere',
      'certificate_not_yet_valid',
      'certificate_expired',
      'certificate_paused',
      'address_not_allowed',
    ],
    rate: rules.rateClass === null ? ['client_rate_limited'] : ['client_rate_limited', 'route_rate_limited'],
    policy: refusalsOfPolicy(rules),
    sca: rules.sca === null ? [] : ['sca_not_available'],
  } satisfies Record<string, Codes>;
}

const kinds = ['client_credentials', 'user', 'personal'] as const;

function refusalsOfPolicy({ tokens, profile, personalCountries }: RouteRules): Codes {
  const verdicts = new Set(kinds.map((kind) => decideTokenKind(tokens, kind, false)));
  const codes: RefusalCode[] = [...verdicts].filter((verdict) => verdict !== 'allowed');
  if (profile?.in === 'query') codes.push('profile_missing', 'parameter_repeated');
  // The last one when the upstream can not be asked for it.
  if (profile !== null) codes.push('profile_malformed', 'profile_not_accessible', 'upstream_unreachable');
  if (personalCountries !== null && tokens.has('personal')) codes.push('region_not_allowed');
  return codes;
}
