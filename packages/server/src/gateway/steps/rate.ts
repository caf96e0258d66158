import type { ClientFacts } from '../../clients/index.js';
import type { RateLimiter } from '../../platform/rate-limiter.js';
import { describeExceeded, type Refusal } from '../../refusals/index.js';
import type { RouteRules } from '../policy/policy.js';

/** Counts a call against the limits that its class of routes has for each client. */
export function takeRouteRate(
  { rateClass }: RouteRules,
  { id: clientId }: ClientFacts,
  rates: RateLimiter,
  now: number,
): Refusal | undefined {
  if (rateClass === null) return undefined;
  const { name, limits } = rateClass;
  const exceeded = rates.take(`${clientId} ${name}`, limits, now);
  if (exceeded === undefined) return undefined;
  const { parameters, ...described } = describeExceeded(exceeded);
  return {
    refusal: 'route_rate_limited',
    step: 'rate',
    clientId,
    parameters: { ...parameters, rateClass: name },
    ...described,
  };
}
