import { describe, expect, test } from 'vitest';
import { someTime } from '../testing/facts.js';
import { decideRetirement } from './decide-retirement.js';

const hourMs = 3_600_000;

describe('retiring a credential', () => {
  test('is possible from the very end of the quiet time on', () => {
    const use = { lastTriedAt: someTime, neededUntil: null };
    expect(decideRetirement(use, hourMs, someTime)).toBe(someTime + hourMs);
    expect(decideRetirement(use, hourMs, someTime + hourMs - 1)).toBe(someTime + hourMs);
    expect(decideRetirement(use, hourMs, someTime + hourMs)).toBeNull();
  });

  test('waits for what it brought, however long it was quiet, and the other way round', () => {
    const lasting = { lastTriedAt: someTime, neededUntil: someTime + 12 * hourMs };
    expect(decideRetirement(lasting, hourMs, someTime + 12 * hourMs - 1)).toBe(someTime + 12 * hourMs);
    expect(decideRetirement(lasting, hourMs, someTime + 12 * hourMs)).toBeNull();
    expect(decideRetirement(lasting, 24 * hourMs, someTime + 12 * hourMs)).toBe(someTime + 24 * hourMs);
  });
});
