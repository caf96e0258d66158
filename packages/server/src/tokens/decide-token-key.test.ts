import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clockSkewMs, decideSealingKey } from './decide-token-key.js';

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

test('a key that is over never seals', () => {
  const keys = fc.array(fc.record({ activeFrom: fc.nat(1_000_000), activeUntil: fc.nat(1_000_000) }));
  fc.assert(
    fc.property(keys, fc.nat(1_000_000), (some, now) => {
      const sealing = decideSealingKey(some, now);
      if (sealing !== undefined) expect(sealing.activeUntil).toBeGreaterThan(now);
    }),
  );
});
