import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRateLimiter } from './rate-limiter.js';

const limits = { perSecond: 10, perMinute: 100 };

describe('the rate limiter', () => {
  it('admits the limit and refuses the next', () => {
    const limiter = createRateLimiter();
    for (let count = 0; count < 10; count += 1) expect(limiter.take('a', limits, 5_000)).toBeUndefined();
    expect(limiter.take('a', limits, 5_000)).toMatchObject({ limit: 10, windowSeconds: 1 });
    expect(limiter.take('b', limits, 5_000), 'another key has its own allowance').toBeUndefined();
  });

  it('gives no double allowance to a burst across a window edge', () => {
    const limiter = createRateLimiter();
    for (let count = 0; count < 10; count += 1) limiter.take('a', limits, 5_990);
    const admitted = Array.from({ length: 20 }, () => limiter.take('a', limits, 6_010)).filter((x) => x === undefined);
    expect(admitted.length).toBeLessThanOrEqual(1);
  });

  it('never admits more than a limit within any window of its length, and keeps its promise of when to retry', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(gaps, (steps) => {
        const limiter = createRateLimiter();
        const admitted: number[] = [];
        let now = 1_000_000;
        for (const step of steps) {
          now += step;
          const refused = limiter.peek('a', limits, now);
          if (limiter.take('a', limits, now) === undefined) {
            expect(refused).toBeUndefined();
            admitted.push(now);
            const fixedSecond = admitted.filter((at) => Math.floor(at / 1_000) === Math.floor(now / 1_000));
            const fixedMinute = admitted.filter((at) => Math.floor(at / 60_000) === Math.floor(now / 60_000));
            expect(fixedSecond.length).toBeLessThanOrEqual(limits.perSecond);
            expect(fixedMinute.length).toBeLessThanOrEqual(limits.perMinute);
          } else {
            const again = now + (refused?.retryAfterSeconds ?? 0) * 1_000;
            const other = limiter.peek('a', limits, again);
            expect(other?.windowSeconds, 'the window that refused lets one pass by then').not.toBe(
              refused?.windowSeconds,
            );
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('forgets nothing for a request that was slow to arrive', () => {
    const limiter = createRateLimiter();
    for (let count = 0; count < 10; count += 1) limiter.take('a', limits, 65_500);
    for (const begun of [64_999, 59_999, 35_500]) {
      expect(limiter.take('a', limits, begun), 'counted where the others are').toMatchObject({ windowSeconds: 1 });
      expect(limiter.take('a', limits, 65_500)).toMatchObject({ windowSeconds: 1 });
    }
    const perMinute = { perSecond: 1_000, perMinute: 10 };
    expect(limiter.take('a', perMinute, 59_999)).toMatchObject({ windowSeconds: 60 });
    expect(limiter.take('a', perMinute, 65_500)).toMatchObject({ windowSeconds: 60 });
  });

  it('starts again when the clock was set back, instead of refusing until it is where it was', () => {
    const limiter = createRateLimiter();
    const dayMs = 86_400_000;
    for (let count = 0; count < 10; count += 1) limiter.take('a', limits, dayMs);
    expect(limiter.take('a', limits, 1_000)).toBeUndefined();
    for (let count = 0; count < 9; count += 1) limiter.take('a', limits, 1_000);
    expect(limiter.take('a', limits, 1_000)).toMatchObject({ limit: 10 });
  });

  it('holds places against the minute only, and gives back what did not count', () => {
    const limiter = createRateLimiter();
    const reserve = (now: number) => limiter.reserve('a', limits, now);
    const held = Array.from({ length: 100 }, () => reserve(5_000)).filter((place) => 'reserved' in place);
    expect(held, 'ten times what a second allows').toHaveLength(100);
    const full = { limit: 100, windowSeconds: 60, retryAfterSeconds: 1 };
    expect(reserve(5_000)).toEqual(full);
    expect(limiter.peek('a', limits, 9_000), 'however long they take').toEqual(full);
    for (const [index, place] of held.entries()) limiter.settle(place, index < 4, 9_000);
    const places = Array.from({ length: 10 }, () => limiter.take('a', limits, 9_000));
    expect(places.filter((refused) => refused === undefined)).toHaveLength(6);
  });

  it('reserves nothing once as many failed as a second allows', () => {
    const limiter = createRateLimiter();
    for (let count = 0; count < 10; count += 1) limiter.take('a', limits, 5_000);
    expect(limiter.reserve('a', limits, 5_000)).toMatchObject({ limit: 10, windowSeconds: 1 });
  });

  it('forgets the least used key when its memory is full', () => {
    const limiter = createRateLimiter(2);
    for (let count = 0; count < 10; count += 1) limiter.take('a', limits, 0);
    limiter.take('b', limits, 0);
    limiter.take('c', limits, 0);
    expect(limiter.take('a', limits, 0)).toBeUndefined();
  });
});
