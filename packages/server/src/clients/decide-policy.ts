import type { Environment } from '@tollward/protocol';
import type { ClientPolicy, PolicyChanges } from './client-store.js';

export const defaultPolicy: ClientPolicy = {
  mtlsRequired: true,
  embeddedModel: false,
  scaOff: false,
  allowedAddresses: [],
  limits: null,
  accessTokenLifetimeSeconds: 43_200,
};

export type PolicyDecision =
  | { readonly ok: true; readonly policy: ClientPolicy }
  | { readonly ok: false; readonly problem: PolicyProblem };

/** Strong customer authentication can be off in sandbox only. */
export type PolicyProblem = 'sca-off-in-production';

/** The policy after a change, if there may be such a client in the environment. */
export function decidePolicy(environment: Environment, before: ClientPolicy, changes: PolicyChanges): PolicyDecision {
  const policy = {
    mtlsRequired: changes.mtlsRequired ?? before.mtlsRequired,
    embeddedModel: changes.embeddedModel ?? before.embeddedModel,
    scaOff: changes.scaOff ?? before.scaOff,
    allowedAddresses: changes.allowedAddresses ?? before.allowedAddresses,
    limits: changes.limits === undefined ? before.limits : changes.limits,
    accessTokenLifetimeSeconds: changes.accessTokenLifetimeSeconds ?? before.accessTokenLifetimeSeconds,
  };
  return policy.scaOff && environment === 'production'
    ? { ok: false, problem: 'sca-off-in-production' }
    : { ok: true, policy };
}

/** A policy in plain values, for the audit. */
export function describePolicy(policy: ClientPolicy) {
  const { mtlsRequired, embeddedModel, scaOff, allowedAddresses, limits, accessTokenLifetimeSeconds } = policy;
  return {
    mtlsRequired,
    embeddedModel,
    scaOff,
    allowedAddresses: allowedAddresses.length === 0 ? 'any' : allowedAddresses.join(' '),
    limits: limits === null ? 'default' : `${limits.perSecond} a second, ${limits.perMinute} a minute`,
    accessTokenLifetimeSeconds,
  };
}
