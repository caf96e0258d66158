import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideRetry, type FailedAttempt, type RetryLimits } from './decide-retry.js';

const limits: RetryLimits = { attempts: 3, maximumDelayMs: 10_000, remainingMs: 60_000 };
const lost: FailedAttempt = {
  status: undefined,
  mayHaveArrived: true,
  retryAfterMs: undefined,
  repeatable: false,
  attempt: 1,
};
const random = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

const isRepeated = (failed: Partial<FailedAttempt>): boolean =>
  decideRetry({ ...lost, ...failed }, limits, 0.5) !== undefined;

describe('a failed attempt', () => {
  test('[SDK-35] that did not arrive is repeated, whatever it was', () => {
    expect(isRepeated({ mayHaveArrived: false, repeatable: false })).toBe(true);
  });

  test.each([undefined, 408, 502, 503, 504])(
    '[SDK-35] that ended with %s is repeated only where a second arrival does no harm',
    (status) => {
      expect(isRepeated({ status, repeatable: true })).toBe(true);
      expect(isRepeated({ status, repeatable: false })).toBe(false);
    },
  );

  test('[SDK-35] that was refused for too many is repeated, whatever it was', () => {
    expect(isRepeated({ status: 429, mayHaveArrived: false, repeatable: false })).toBe(true);
  });

  test('[SDK-35] that was refused for too many is not repeated when one before it may have been carried out', () => {
    expect(isRepeated({ status: 429, mayHaveArrived: true, repeatable: false })).toBe(false);
    expect(isRepeated({ status: 429, mayHaveArrived: true, repeatable: true })).toBe(true);
  });

  test.each([400, 401, 403, 404, 409, 422, 500, 501])('[SDK-35] with the answer %i is not repeated', (status) => {
    expect(isRepeated({ status, repeatable: true })).toBe(false);
  });
});

describe('the wait before the next attempt', () => {
  const repeatable = { ...lost, repeatable: true };

  test('[SDK-36] is random up to 250 ms, and up to twice as much each time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), random, (attempt, chance) => {
        const roomy = { attempts: 100, maximumDelayMs: 1e9, remainingMs: 1e9 };
        expect(decideRetry({ ...repeatable, attempt }, roomy, chance)).toBeCloseTo(
          chance * 250 * 2 ** (attempt - 1),
          6,
        );
      }),
    );
  });

  test('[SDK-36] is never shorter than Retry-After, and never longer than the limit', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000 }), fc.constantFrom(1, 2), random, (retryAfterMs, attempt, chance) => {
        const delayMs = decideRetry({ ...repeatable, status: 503, retryAfterMs, attempt }, limits, chance) ?? -1;
        expect(delayMs).toBeGreaterThanOrEqual(retryAfterMs);
        expect(delayMs).toBeLessThanOrEqual(limits.maximumDelayMs);
      }),
    );
  });

  test('[SDK-36] is not begun when Retry-After is longer than the limit', () => {
    expect(decideRetry({ ...repeatable, status: 429, retryAfterMs: 10_001 }, limits, 0)).toBeUndefined();
  });

  test('is not begun when the call would be over before its end', () => {
    const short = { ...limits, remainingMs: 1000 };
    expect(decideRetry({ ...repeatable, status: 429, retryAfterMs: 1000 }, short, 0)).toBeUndefined();
  });

  test('is not begun after the last attempt', () => {
    expect(decideRetry({ ...repeatable, attempt: 2 }, limits, 0)).toBe(0);
    expect(decideRetry({ ...repeatable, attempt: 3 }, limits, 0)).toBeUndefined();
  });
});
