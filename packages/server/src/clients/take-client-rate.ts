import type { RateLimiter, RateLimits } from '../platform/rate-limiter.js';
import { describeExceeded, type Refusal } from '../refusals/index.js';
import type { ClientFacts } from './client-facts.js';

/** Counts a request against the limits of a proved client. Token requests and protected calls share them. */
export function takeClientRate(
  client: ClientFacts,
  rates: RateLimiter,
  defaults: RateLimits,
  now: number,
): Refusal | undefined {
  const exceeded = rates.take(client.id, client.limits ?? defaults, now);
  if (exceeded === undefined) return undefined;
  return { refusal: 'client_rate_limited', step: 'rate', clientId: client.id, ...describeExceeded(exceeded) };
}
