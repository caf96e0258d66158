import type { RateExceeded } from '../platform/rate-limiter.js';
import type { Refusal } from './refusal.js';

/** The part of a refusal that says which limit was broken and when that ends. */
export function describeExceeded(
  exceeded: RateExceeded,
): Required<Pick<Refusal, 'expected' | 'seen' | 'parameters' | 'retryAfterSeconds'>> {
  const limit = String(exceeded.limit);
  const window = exceeded.windowSeconds === 1 ? 'a second' : 'a minute';
  return {
    expected: `at most ${limit} in ${window}`,
    seen: 'one more than that',
    parameters: { limit, window },
    retryAfterSeconds: exceeded.retryAfterSeconds,
  };
}
