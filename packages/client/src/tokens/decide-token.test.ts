import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideToken, holdToken, postponeRenewal } from './decide-token.js';

const token = { value: 'abc', expiresAt: new Date(0), certificateThumbprint: null };
const since = { clock: 1_700_000_000_000, steady: 5000 };
const hour = 3_600_000;
const wish = { minimumRemainingMs: undefined, renewAhead: true };
const after = (ms: number, setBy = 0) => ({ clock: since.clock + ms + setBy, steady: since.steady + ms });
const random = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

describe('a token', () => {
  test('[SDK-43] is renewed at a random point between 75 % and 90 % of its life', () => {
    fc.assert(
      fc.property(random, fc.integer({ min: 10_000, max: 12 * hour }), (chance, lifeMs) => {
        const held = holdToken(token, lifeMs, since, chance);
        expect(decideToken(held, after(lifeMs * 0.749), wish)).toBe('use');
        expect(decideToken(held, after(lifeMs * 0.901), wish)).toBe('use-and-renew');
        const point = 0.75 + 0.15 * chance;
        expect(decideToken(held, after(lifeMs * (point - 0.001)), wish)).toBe('use');
        expect(decideToken(held, after(lifeMs * (point + 0.001)), wish)).toBe('use-and-renew');
      }),
    );
  });

  test('[SDK-44] is not used with less than 5 % of its life, or 30 seconds', () => {
    const short = holdToken(token, 20_000, since, 0);
    expect(decideToken(short, after(19_000), wish)).toBe('use-and-renew');
    expect(decideToken(short, after(19_001), wish)).toBe('fetch');
    const long = holdToken(token, 12 * hour, since, 0);
    expect(decideToken(long, after(12 * hour - 30_000), wish)).toBe('use-and-renew');
    expect(decideToken(long, after(12 * hour - 29_999), wish)).toBe('fetch');
  });

  test('[SDK-44] is not used with less than was asked for', () => {
    const held = holdToken(token, hour, since, 0);
    const asked = { ...wish, minimumRemainingMs: hour / 2 };
    expect(decideToken(held, after(hour / 2), asked)).toBe('use');
    expect(decideToken(held, after(hour / 2 + 1), asked)).toBe('fetch');
  });

  test('is never used when it is over, even when nothing has to be left', () => {
    const held = holdToken(token, hour, since, 0);
    expect(decideToken(held, after(hour), { ...wish, minimumRemainingMs: 0 })).toBe('fetch');
  });

  test('is not renewed ahead when that is switched off', () => {
    expect(decideToken(holdToken(token, hour, since, 0), after(hour * 0.95), { ...wish, renewAhead: false })).toBe(
      'use',
    );
  });

  test('[SDK-45] does not live longer when the clock is set back, nor while the machine sleeps', () => {
    const held = holdToken(token, hour, since, 0);
    expect(decideToken(held, after(hour, -10 * hour), wish)).toBe('fetch');
    const asleep = { clock: since.clock + hour, steady: since.steady };
    expect(decideToken(held, asleep, wish)).toBe('fetch');
  });

  test('is not asked for again with each call after a renewal that failed', () => {
    fc.assert(
      fc.property(random, (chance) => {
        const held = holdToken(token, hour, since, 0);
        const postponed = postponeRenewal(held, after(hour * 0.8), chance);
        expect(decideToken(postponed, after(hour * 0.899), wish)).toBe('use');
      }),
    );
  });
});
