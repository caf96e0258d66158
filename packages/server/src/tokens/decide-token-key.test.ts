import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clockSkewMs, decideCoveredUntil, decideSealingKey } from './decide-token-key.js';

const key = (activeFrom: number, activeUntil: number) => ({ activeFrom, activeUntil });

test('the newest key whose time has come seals, from its first moment to the one before its last', () => {
  const [first, second] = [key(100, 300), key(200, 400)];
  for (const keys of [
    [first, second],
    [second, first],
  ]) {
    expect(decideSealingKey(keys, 100)).toBe(first);
    expect(decideSealingKey(keys, 199)).toBe(first);
    expect(decideSealingKey(keys, 200)).toBe(second);
    expect(decideSealingKey(keys, 399)).toBe(second);
    expect(decideSealingKey(keys, 400)).toBeUndefined();
  }
});

test('a clock that is a little behind takes the key that is about to begin, and one that is far behind none', () => {
  const [soonest, later] = [key(clockSkewMs, clockSkewMs + 10), key(clockSkewMs + 1, clockSkewMs + 10)];
  expect(decideSealingKey([later, soonest], 0)).toBe(soonest);
  expect(decideSealingKey([later, soonest], -1)).toBeUndefined();
  expect(decideSealingKey([], 0)).toBeUndefined();
});

test('the time that is covered ends where the first gap begins, whatever comes after it', () => {
  const afterGap = key(300 + clockSkewMs + 1, 900 + clockSkewMs);
  const keys = [afterGap, key(200, 300), key(0, 200)];
  expect(decideCoveredUntil(keys, 100)).toBe(300);
  expect(decideCoveredUntil(keys, 300), 'nobody seals now').toBe(300);
  expect(decideCoveredUntil(keys, 301), 'about to begin').toBe(afterGap.activeUntil);
  expect(decideCoveredUntil([key(0, 200)], 500)).toBe(500);
  expect(decideCoveredUntil([], 500)).toBe(500);
});

test('at every moment of the time that is covered there is a key to seal with', () => {
  const times = fc.nat(40 * clockSkewMs);
  const keys = fc.array(fc.record({ activeFrom: times, activeUntil: times }));
  fc.assert(
    fc.property(keys, times, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (some, now, part) => {
      const until = decideCoveredUntil(some, now);
      fc.pre(until > now);
      expect(decideSealingKey(some, now + Math.floor((until - now) * part))).toBeDefined();
    }),
  );
});

test('a key that is over never seals', () => {
  const keys = fc.array(fc.record({ activeFrom: fc.nat(1_000_000), activeUntil: fc.nat(1_000_000) }));
  fc.assert(
    fc.property(keys, fc.nat(1_000_000), (some, now) => {
      const sealing = decideSealingKey(some, now);
      if (sealing !== undefined) expect(sealing.activeUntil).toBeGreaterThan(now);
    }),
  );
});
