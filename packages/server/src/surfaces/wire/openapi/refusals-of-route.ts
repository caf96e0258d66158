// Which refusals each kind of route can give. refusals-of-route.test.ts keeps this complete against the catalogue.

import type { RefusalCode } from '@tollward/protocol';
import { type RouteRules, refusalsByStep, refusalsOfEdge, refusalsOfForwarding } from '../../../gateway/index.js';

type Codes = readonly RefusalCode[];

/** Of every request: the edge, and faults. */
export const ofAnyRequest: Codes = [...refusalsOfEdge, 'temporarily_unavailable', 'internal_error'];

const ofClientForm: Codes = [
  ...ofAnyRequest,
  'body_too_large',
  'body_not_form',
  'parameter_repeated',
  'parameter_in_query',
  'client_authentication_failed',
  'client_authentication_repeated',
  'client_id_mismatch',
  'client_revoked',
  'secret_other_environment',
  'secret_replaced',
  'secret_revoked',
  'mtls_required',
  'certificate_missing',
  'certificate_not_yet_valid',
  'certificate_expired',
  'certificate_revoked',
  'certificate_paused',
  'secret_paused',
  'address_not_allowed',
  'client_rate_limited',
  'certificate_not_registered',
];

export const ofTokenRequest: Codes = [...ofClientForm, 'grant_type_missing', 'grant_type_unsupported'];
/** Of revocation and introspection. */
export const ofTokenQuestion: Codes = [...ofClientForm, 'parameter_missing'];

/** Of a route behind the pipeline. */
export function refusalsOfRules(rules: RouteRules): Codes {
  return [...new Set([...ofAnyRequest, ...Object.values(refusalsByStep(rules)).flat()])];
}

/** Of a route behind the pipeline that an upstream answers. Its own refusals are answers like any other. */
export function refusalsOfForwarded(rules: RouteRules): Codes {
  const forwarding = refusalsOfForwarding.filter((code) => code !== 'upstream_refused');
  return [...new Set([...refusalsOfRules(rules), ...forwarding])];
}
