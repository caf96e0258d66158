import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Database, Tx } from '../platform/database/database.js';
import type { Row } from '../platform/database/tables.js';
import { fakeDatabase, someTime } from '../testing/facts.js';
import { createRefusalRecorder, type RefusedRequest } from './record-refusal.js';
import type { Refusal } from './refusal.js';

afterEach(() => {
  vi.useRealTimers();
});

const refusal: Refusal = { refusal: 'token_expired', step: 'token', expected: 'a live token', seen: 'an expired one' };

function requestOf(number: number, changes: Partial<RefusedRequest> = {}): RefusedRequest {
  return {
    traceId: number.toString(16).padStart(32, '0'),
    occurredAt: someTime,
    environment: 'sandbox',
    listener: 'api',
    method: 'GET',
    path: '/v1/authenticated/playground',
    correlationId: undefined,
    address: '192.0.2.1',
    ...changes,
  };
}

function addressOf(number: number): string {
  return `198.51.${number >> 8}.${number & 255}`;
}

/** A recorder over a database that keeps what is inserted, or does what `commit` does instead of committing. */
function setUp(commit: () => Promise<void> = async () => undefined) {
  const batches: (readonly Row<'refusals'>[])[] = [];
  const dropped: [string, number][] = [];
  const transaction: Database['transaction'] = async (work) => {
    let batch: readonly Row<'refusals'>[] = [];
    const statement = {
      values: (rows: readonly Row<'refusals'>[]) => {
        batch = rows;
        return statement;
      },
      onConflict: () => statement,
      execute: async () => [],
    };
    const result = await work({ insertInto: () => statement } as unknown as Tx);
    await commit();
    batches.push(batch);
    return result;
  };
  const recorder = createRefusalRecorder({
    database: fakeDatabase({ transaction }),
    onDropped: (reason, count) => dropped.push([reason, count]),
  });
  return { recorder, batches, dropped };
}

describe('recording a refusal', () => {
  test('keeps the evidence with status and a date of deletion in seven days', async () => {
    const { recorder, batches } = setUp();
    recorder.record(requestOf(1, { correlationId: 'order 7' }), {
      ...refusal,
      clientId: 'cli_1',
      clientNamed: 'cli_2',
    });
    await recorder.flush();
    expect(batches).toEqual([
      [
        {
          trace_id: `${'0'.repeat(31)}1`,
          occurred_at: new Date('2026-03-01T12:00:00.000Z'),
          environment: 'sandbox',
          listener: 'api',
          method: 'GET',
          path: '/v1/authenticated/playground',
          step: 'token',
          code: 'token_expired',
          status: 401,
          expected: 'a live token',
          seen: 'an expired one',
          client_named: 'cli_2',
          client_id: 'cli_1',
          correlation_id: 'order 7',
          address: '192.0.2.1',
          suppressed: 0,
          expires_at: new Date('2026-03-08T12:00:00.000Z'),
        },
      ],
    ]);
  });

  test('keeps no secret that a stranger put into path, evidence or correlation id, and no endless text', async () => {
    const { recorder, batches } = setUp();
    const secret = `tlw_sbx_cs_${'q'.repeat(49)}`;
    recorder.record(requestOf(1, { path: `/${secret}`, correlationId: secret }), {
      ...refusal,
      expected: `not ${secret}`,
      seen: secret + 'x'.repeat(10_000),
    });
    recorder.record(requestOf(2), { ...refusal, seen: 'x'.repeat(10_000) });
    await recorder.flush();
    expect(JSON.stringify(batches)).not.toContain('qqqq');
    expect(batches[0]?.[1]?.seen).toHaveLength(500);
  });

  test('writes by itself soon after the first one, and at once when there are a hundred', async () => {
    vi.useFakeTimers();
    const { recorder, batches } = setUp();
    recorder.record(requestOf(1), refusal);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(batches.map((batch) => batch.length)).toEqual([1]);
    for (let number = 0; number < 100; number += 1) {
      recorder.record(requestOf(number, { address: `192.0.2.${number}` }), refusal);
    }
    await vi.advanceTimersByTimeAsync(0);
    expect(batches.map((batch) => batch.length)).toEqual([1, 100]);
  });

  test('writes nothing when there is nothing', async () => {
    const { recorder, batches } = setUp();
    await recorder.flush();
    expect(batches).toEqual([]);
  });
});

describe('sampling', () => {
  test('keeps twenty a minute of the same client, code and address, and says with the next how many it left out', async () => {
    const { recorder, batches, dropped } = setUp();
    for (let number = 0; number < 25; number += 1) recorder.record(requestOf(number), refusal);
    recorder.record(requestOf(100, { address: '192.0.2.2' }), refusal);
    recorder.record(requestOf(101), { ...refusal, refusal: 'token_revoked' });
    recorder.record(requestOf(102), { ...refusal, clientId: 'cli_1' });
    recorder.record(requestOf(103, { occurredAt: someTime + 60_000 }), refusal);
    recorder.record(requestOf(104, { occurredAt: someTime + 60_000 }), refusal);
    await recorder.flush();
    const rows = batches.flat();
    expect(rows).toHaveLength(20 + 5);
    expect(rows.slice(-2).map((row) => row.suppressed)).toEqual([5, 0]);
    expect(dropped).toEqual(Array.from({ length: 5 }, () => ['sampled', 1]));
  });
});

describe('what a caller chooses', () => {
  test('opens no new sample: not the client it names, nor another address of its IPv6 network', async () => {
    const { recorder, batches, dropped } = setUp();
    for (let number = 0; number < 30; number += 1) {
      const address = `2001:db8:1:2::${number.toString(16)}`;
      recorder.record(requestOf(number, { address }), { ...refusal, clientNamed: `cli_${number}` });
    }
    await recorder.flush();
    expect([batches.flat().length, dropped.length]).toEqual([20, 10]);
  });

  test('gets an address two hundred rows a minute at most, whatever the refusals are', async () => {
    const { recorder, batches, dropped } = setUp();
    for (let number = 0; number < 250; number += 1) {
      recorder.record(requestOf(number), { ...refusal, clientId: `cli_${number}` });
    }
    recorder.record(requestOf(300, { address: '192.0.2.2' }), refusal);
    recorder.record(requestOf(301, { occurredAt: someTime + 60_000 }), { ...refusal, clientId: 'cli_249' });
    await recorder.flush();
    const rows = batches.flat();
    expect(rows).toHaveLength(200 + 2);
    expect(dropped).toEqual(Array.from({ length: 50 }, () => ['sampled', 1]));
    expect(rows.at(-1)).toMatchObject({ client_id: 'cli_249', suppressed: 1 });
  });

  test('does not open the minute before again: a request may be slow to arrive', async () => {
    const { recorder, batches } = setUp();
    const times = [someTime, someTime + 60_000];
    for (let number = 0; number < 100; number += 1) {
      recorder.record(requestOf(number, { occurredAt: times[number % 2] ?? 0 }), refusal);
    }
    await recorder.flush();
    // The first of all came before the minute changed.
    expect(batches.flat()).toHaveLength(1 + 20);
  });
});

describe('the queue', () => {
  test('is bounded: while the database hangs, what does not fit is counted and not kept', async () => {
    let release = (): void => undefined;
    const hanging = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { recorder, batches, dropped } = setUp(() => hanging);
    const record = (number: number) => recorder.record(requestOf(number, { address: addressOf(number) }), refusal);
    for (let number = 0; number < 100; number += 1) record(number);
    await new Promise(setImmediate);
    for (let number = 100; number < 1_150; number += 1) record(number);
    expect(dropped).toEqual(Array.from({ length: 50 }, () => ['queue_full', 1]));
    release();
    await recorder.flush();
    expect(batches.flat()).toHaveLength(1_100);
  });

  test('that was full does not lose how many were sampled away before', async () => {
    let release = (): void => undefined;
    const hanging = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { recorder, batches, dropped } = setUp(() => hanging);
    for (let number = 0; number < 23; number += 1) recorder.record(requestOf(number), refusal);
    const fill = (number: number) => recorder.record(requestOf(number, { address: addressOf(number) }), refusal);
    for (let number = 23; number < 103; number += 1) fill(number);
    await new Promise(setImmediate);
    for (let number = 103; number < 1_103; number += 1) fill(number);
    const nextMinute = { occurredAt: someTime + 60_000 };
    recorder.record(requestOf(2_000, nextMinute), refusal);
    expect(dropped.at(-1)).toEqual(['queue_full', 1]);
    release();
    await recorder.flush();
    recorder.record(requestOf(2_001, nextMinute), refusal);
    await recorder.flush();
    expect(batches.flat().at(-1)).toMatchObject({ trace_id: requestOf(2_001).traceId, suppressed: 3 });
  });

  test('a fault of the database is counted, not thrown, and the next batch is written', async () => {
    let away = true;
    const { recorder, batches, dropped } = setUp(() => (away ? Promise.reject(new Error('away')) : Promise.resolve()));
    recorder.record(requestOf(1), refusal);
    recorder.record(requestOf(2), refusal);
    await recorder.flush();
    expect(dropped).toEqual([['database', 2]]);
    away = false;
    recorder.record(requestOf(3), refusal);
    await recorder.flush();
    expect(batches.flat()).toHaveLength(1);
  });
});
