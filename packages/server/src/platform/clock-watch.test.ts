import { describe, expect, test } from 'vitest';
import { fakeDatabase, someTime } from '../testing/facts.js';
import { createClockWatch } from './clock-watch.js';
import { createLog } from './observability/log.js';

/** A database whose clock is behind ours by `aheadMs`, and takes `roundTripMs` to say so, half of it each way. */
function setUp(aheadMs: number, roundTripMs = 0) {
  const time = { now: someTime };
  const lines: string[] = [];
  const reported: number[] = [];
  const database = fakeDatabase({
    clock: async () => {
      time.now += roundTripMs / 2;
      const theirs = time.now - aheadMs;
      time.now += roundTripMs / 2;
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
    const { watch, reported, lines } = setUp(aheadMs, 4_000);
    await watch.check();
    expect(watch.skewMs()).toBe(aheadMs);
    expect(reported).toEqual([aheadMs]);
    expect(lines).toEqual([]);
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
