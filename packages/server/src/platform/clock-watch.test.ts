import { describe, expect, test } from 'vitest';
import { fakeDatabase, someTime } from '../testing/facts.js';
import { createClockWatch } from './clock-watch.js';
import { createLog } from './observability/log.js';

/** A database whose clock is behind ours by `aheadMs`, and which takes its time before and after it reads that clock. */
function setUp(aheadMs: number, delayMs = { before: 0, after: 0 }) {
  const time = { now: someTime };
  const lines: string[] = [];
  const reported: number[] = [];
  const database = fakeDatabase({
    clock: async () => {
      time.now += delayMs.before;
      const theirs = time.now - aheadMs;
      time.now += delayMs.after;
      return theirs;
    },
  });
  const { logger } = createLog('info', { write: (line) => void lines.push(line) });
  const watch = createClockWatch(
    database,
    () => time.now,
    logger,
    (skewMs) => reported.push(skewMs),
  );
  return { watch, lines, reported };
}

describe('the clock watch', () => {
  test.each([0, 1_500, -1_500])('measures %i ms of skew, however long the answer takes', async (aheadMs) => {
    const { watch, reported, lines } = setUp(aheadMs, { before: 2_000, after: 2_000 });
    await watch.check();
    expect(watch.skewMs()).toBe(aheadMs);
    expect(reported).toEqual([aheadMs]);
    expect(lines).toEqual([]);
  });

  test('does not take a wait before the database read its clock for skew', async () => {
    const { watch, lines } = setUp(0, { before: 12_000, after: 0 });
    await watch.check();
    expect(watch.provenSkewMs()).toBe(0);
    expect(lines).toEqual([]);
  });

  test.each([9_000, -9_000])('proves a skew of %i ms less what half the round trip leaves open', async (aheadMs) => {
    const { watch, lines } = setUp(aheadMs, { before: 3_000, after: 3_000 });
    await watch.check();
    expect(watch.provenSkewMs()).toBe(6_000);
    expect(lines).toHaveLength(1);
  });

  test('warns beyond two seconds, in either direction', async () => {
    for (const [aheadMs, warnings] of [
      [2_000, 0],
      [2_001, 1],
      [-2_000, 0],
      [-2_001, 1],
    ] as const) {
      const { watch, lines } = setUp(aheadMs);
      await watch.check();
      expect(lines).toHaveLength(warnings);
      if (warnings > 0) expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'warn', skewMs: aheadMs });
    }
  });

  test('keeps the last good measurement when the database is away', async () => {
    let away = false;
    const database = fakeDatabase({
      clock: () => (away ? Promise.reject(new Error('away')) : Promise.resolve(someTime - 100)),
    });
    const { logger } = createLog('silent', { write: () => undefined });
    const watch = createClockWatch(
      database,
      () => someTime,
      logger,
      () => undefined,
    );
    await watch.check();
    away = true;
    await expect(watch.check()).rejects.toThrow('away');
    expect(watch.skewMs()).toBe(100);
  });
});
