import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestPostgres, type TestPostgres, testServerUrl } from '../testing/postgres-server.js';
import type { Database } from './database/database.js';
import { migrate } from './database/migrate.js';
import { openPostgres } from './database/postgres.js';
import { createLog } from './observability/log.js';
import { createSharedCounts } from './shared-counts.js';

const limits = { perSecond: 10, perMinute: 100 };
const quiet = createLog('silent', { write: () => undefined });
/** The first millisecond of a minute. */
const minuteStart = Date.parse('2026-03-01T12:00:00.000Z');

describe.skipIf(!testServerUrl())('counts of several nodes [PostgreSQL]', () => {
  let postgres: TestPostgres;
  let database: Database;
  let now: number;
  let made = 0;
  beforeAll(async () => {
    postgres = await createTestPostgres(testServerUrl() ?? '');
    database = await openPostgres({ url: postgres.url, poolSize: 4 });
    await migrate(database);
  });
  afterAll(async () => {
    await database.close();
    await postgres.drop();
  });
  beforeEach(() => {
    now = minuteStart;
  });

  const aNode = (changes: { name?: string; skewMs?: number; on?: Database } = {}) => {
    made += 1;
    const { name = `node-${made}`, skewMs = 0, on = database } = changes;
    const outcomes: { outcome: string; leftOut: number }[] = [];
    const counts = createSharedCounts({
      database: on,
      node: name,
      clock: () => now + skewMs,
      skewMs: () => skewMs,
      log: quiet,
      onExchange: (outcome, leftOut) => void outcomes.push({ outcome, leftOut }),
    });
    const limiter = counts.limiter('clients');
    /** How many of so many requests are admitted. */
    const send = (key: string, count: number): number =>
      Array.from({ length: count }, () => limiter.take(key, limits, now + skewMs)).filter((no) => no === undefined)
        .length;
    return { send, limiter, exchange: counts.exchange, outcomes };
  };
  const aKey = (): string => {
    made += 1;
    return `key-${made}`;
  };
  const rowsOf = (key: string) =>
    database.read((tx) => tx.selectFrom('rate_counts').selectAll().where('key', '=', key).execute());

  test('[RATE-13] a limit used up on one node is used up on the others after an exchange of each', async () => {
    const [first, second, third] = [aNode(), aNode(), aNode()];
    const key = aKey();
    expect([first.send(key, 4), second.send(key, 5), third.send(key, 1)]).toEqual([4, 5, 1]);
    for (const node of [first, second, third]) await node.exchange();
    for (const node of [first, second, third]) {
      node.limiter.peek(key, limits, now);
      await node.exchange();
      expect(node.send(key, 10)).toBe(0);
    }
    expect(first.send(aKey(), 20), 'another key').toBe(10);
  });

  test('keeps the counts of different limiters apart', async () => {
    const key = aKey();
    const nodes = ['left', 'right'].map((name) => {
      const counts = createSharedCounts({
        database,
        node: `${name}-${key}`,
        clock: () => now,
        skewMs: () => 0,
        log: quiet,
        onExchange: () => undefined,
      });
      return { clients: counts.limiter('clients'), failures: counts.limiter('failures'), exchange: counts.exchange };
    });
    const [left, right] = nodes;
    if (left === undefined || right === undefined) throw new Error('two nodes');
    for (let count = 0; count < 10; count += 1) left.clients.take(key, limits, now);
    left.failures.take(key, limits, now);
    right.clients.peek(key, limits, now);
    right.failures.take(key, limits, now);
    for (const node of [left, right]) await node.exchange();
    right.clients.take(key, limits, now);
    await right.exchange();
    expect(right.clients.take(key, limits, now)).toMatchObject({ limit: 10 });
    expect(right.failures.take(key, limits, now)).toBeUndefined();
  });

  test('what the others counted fades with its window, and counts for the minute after the second is over', async () => {
    const [first, second] = [aNode(), aNode()];
    const key = aKey();
    first.send(key, 10);
    second.send(key, 0);
    second.limiter.take(key, limits, now);
    for (const node of [first, second]) await node.exchange();
    expect(second.send(key, 1)).toBe(0);
    now += 1_500;
    expect(second.send(key, 20), 'half of the 11 of the second before is left').toBe(4);
    now += 2_000;
    for (const expected of [10, 10, 10, 10, 10, 10, 10, 10, 5, 0]) {
      expect(second.send(key, 10), 'of the minute 11 and 4 are gone').toBe(expected);
      now += 2_000;
    }
  });

  test('a window that changed on one node before the other is added where it belongs', async () => {
    const [ahead, behind] = [aNode(), aNode()];
    const key = aKey();
    now += 999;
    expect(behind.send(key, 8)).toBe(8);
    await behind.exchange();
    now += 1;
    expect(ahead.send(key, 2)).toBe(2);
    await ahead.exchange();
    expect(ahead.send(key, 5), '8 of the second before and 2 of this one').toBe(0);
    now += 500;
    expect(ahead.send(key, 10), 'half of 8, and 2').toBe(4);
    await ahead.exchange();
    expect(behind.send(key, 10)).toBe(6);
    await behind.exchange();
    expect(behind.send(key, 1), '4, 6 and what is left of 8').toBe(0);
  });

  test('nodes whose clocks differ count in the same windows', async () => {
    const [late, early] = [aNode({ skewMs: -1_700 }), aNode({ skewMs: 1_900 })];
    const key = aKey();
    expect(late.send(key, 10)).toBe(10);
    await late.exchange();
    expect(early.send(key, 1)).toBe(1);
    await early.exchange();
    expect(early.send(key, 10)).toBe(0);
    now += 2_000;
    expect(early.send(key, 20)).toBe(10);
  });

  test('a node whose clock jumped into another year changes nothing for the others', async () => {
    const [sound, broken, third] = [aNode(), aNode(), aNode()];
    const key = aKey();
    now += 365 * 86_400_000;
    broken.send(key, 10);
    await broken.exchange();
    now = minuteStart;
    expect(sound.send(key, 6)).toBe(6);
    await sound.exchange();
    expect(third.send(key, 1)).toBe(1);
    await third.exchange();
    expect(third.send(key, 10)).toBe(3);
  });

  test('a node that restarts learns what it had counted before', async () => {
    const before = aNode();
    const key = aKey();
    before.send(key, 10);
    await before.exchange();
    const after = aNode();
    expect(after.send(key, 1), 'it knows nothing yet').toBe(1);
    await after.exchange();
    expect(after.send(key, 1)).toBe(0);
  });

  test('[RATE-14] places held on one node are taken on the others, and free again when they are given back', async () => {
    const [first, second] = [aNode(), aNode()];
    const key = aKey();
    const held = Array.from({ length: 100 }, () => first.limiter.reserve(key, limits, now));
    await first.exchange();
    second.limiter.take(key, limits, now);
    await second.exchange();
    expect(second.limiter.reserve(key, limits, now)).toMatchObject({ limit: 100, windowSeconds: 60 });
    for (const place of held) if ('reserved' in place) first.limiter.settle(place, false, now);
    await first.exchange();
    await second.exchange();
    expect(second.limiter.reserve(key, limits, now)).not.toHaveProperty('limit');
  });

  test('a key that could not be told is told later, and nothing is counted twice', async () => {
    const own = await openPostgres({ url: postgres.url, poolSize: 1 });
    const [cutOff, other] = [aNode({ on: own }), aNode()];
    const key = aKey();
    cutOff.send(key, 3);
    await cutOff.exchange();
    await own.close();
    expect(cutOff.send(key, 3), 'goes on by itself').toBe(3);
    await cutOff.exchange();
    await cutOff.exchange();
    expect(cutOff.outcomes.map(({ outcome }) => outcome)).toEqual(['done', 'failed', 'failed']);
    other.send(key, 1);
    await other.exchange();
    expect(other.send(key, 10), '3 and 1 are known').toBe(6);
  });

  test('keys may hold anything', async () => {
    const [first, second] = [aNode(), aNode()];
    const keys = ["'; drop table rate_counts; --", '{"a":1}', '2001:db8::/64', 'ä€😀\\\n"', '', 'x'.repeat(2_000)];
    for (const key of keys) first.send(key, 10);
    await first.exchange();
    for (const key of keys) expect(second.send(key, 1)).toBe(1);
    await second.exchange();
    for (const key of keys) expect(second.send(key, 1), key).toBe(0);
    expect([...first.outcomes, ...second.outcomes]).toEqual(Array(2).fill({ outcome: 'done', leftOut: 0 }));
  });

  test('of many keys the busiest go first, and the rest follows', async () => {
    const [busy, other] = [aNode(), aNode()];
    const prefix = aKey();
    const keys = Array.from({ length: 10_000 }, (_, index) => `${prefix}-${index}`);
    const [most = ''] = keys.slice(9_999);
    for (const key of keys) busy.send(key, 2);
    busy.send(most, 8);
    await busy.exchange();
    expect(await rowsOf(most)).toMatchObject([{ second_current: 10n, minute_current: 10n }]);
    for (let turn = 1; turn < 10; turn += 1) await busy.exchange();
    await busy.exchange();
    expect(busy.outcomes.map(({ leftOut }) => leftOut)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((n) => n * 1_000));
    for (const key of [keys[0] ?? '', keys[5_000] ?? '', most]) other.send(key, 1);
    await other.exchange();
    expect([other.send(keys[0] ?? '', 10), other.send(keys[5_000] ?? '', 10), other.send(most, 10)]).toEqual([7, 7, 0]);
  });

  test('many nodes at once neither wait for each other nor fail', async () => {
    const nodes = Array.from({ length: 8 }, () => aNode());
    const keys = Array.from({ length: 200 }, () => aKey());
    for (let round = 0; round < 5; round += 1) {
      for (const node of nodes) for (const key of keys) node.send(key, 1);
      await Promise.all(nodes.map((node) => node.exchange()));
    }
    expect(nodes.flatMap(({ outcomes }) => outcomes)).toEqual(Array(40).fill({ outcome: 'done', leftOut: 0 }));
    const rows = await rowsOf(keys[0] ?? '');
    expect(rows).toHaveLength(8);
  });
});
