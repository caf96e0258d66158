// How much a usage recorder holds, and what it does when that is full or can not be written.

import { describe, expect, test } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { clientId, fakeDatabase, someTime } from '../testing/facts.js';
import { createUsageRecorder, type Use } from './record-usage.js';

const most = 100_000;
const placesOfOne = 500;
/** More than any of these tests needs. */
const mostWrites = 250;

/** The uses of many credentials, each from as many addresses as it may have. */
function at(number: number): Use {
  const credential = Math.floor(number / placesOfOne);
  return {
    environment: 'sandbox',
    clientId,
    credentialId: `sec_${String(credential).padStart(32, '0')}`,
    certificateId: null,
    address: String(number % placesOfOne),
  };
}

function setUp(write: () => Promise<void>) {
  const seen = { dropped: 0, writes: 0 };
  const transaction = async <Result>(): Promise<Result> => {
    seen.writes += 1;
    // A recorder that tries for ever would never let a test end.
    if (seen.writes > mostWrites) await new Promise(() => undefined);
    await write();
    return undefined as Result;
  };
  const database: Database = fakeDatabase({ transaction });
  const recorder = createUsageRecorder(database, () => {
    seen.dropped += 1;
  });
  const fill = (from: number, to: number, now = someTime) => {
    for (let number = from; number < to; number += 1) recorder.used(at(number), now);
  };
  return { seen, recorder, fill };
}

const written = async () => undefined;
const away = async () => {
  throw new Error('away');
};
/** Everything that was begun and needs no time has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a usage recorder', () => {
  test('drops new uses beyond 100,000 that wait and tells of each, counts known ones on, and has room after a flush', async () => {
    const { seen, recorder, fill } = setUp(written);
    fill(0, most);
    expect(seen.dropped).toBe(0);
    recorder.used(at(most), someTime);
    recorder.refused(at(most + 1), someTime);
    expect(seen.dropped).toBe(2);
    recorder.used(at(0), someTime);
    recorder.refused(at(most - 1), someTime);
    expect(seen.dropped).toBe(2);
    await recorder.flush();
    recorder.used(at(most), someTime);
    expect(seen.dropped).toBe(2);
  });

  test('remembers when it dropped one last, whatever the order of the clock', async () => {
    const { recorder, fill } = setUp(written);
    fill(0, most);
    expect(recorder.lastDroppedAt()).toBe(0);
    recorder.used(at(most), someTime + 5);
    expect(recorder.lastDroppedAt()).toBe(someTime + 5);
    recorder.refused(at(most), someTime + 4);
    expect(recorder.lastDroppedAt()).toBe(someTime + 5);
    await recorder.flush();
    expect(recorder.lastDroppedAt(), 'room does not bring it back').toBe(someTime + 5);
  });

  test('does not grow either when what could not be written comes back, and counts that as dropped', async () => {
    const { seen, recorder, fill } = setUp(async () => {
      if (seen.writes === 1) fill(most, 2 * most, someTime + 9);
      await away();
    });
    fill(0, most, someTime + 7);
    await settled();
    expect(seen.dropped).toBe(most);
    expect(recorder.lastDroppedAt(), 'those that are being written take no room').toBe(someTime + 7);
  });

  test('writes by itself when it is half full, in units of 500', async () => {
    const { seen, recorder, fill } = setUp(written);
    fill(0, most / 2 - 1);
    fill(0, most / 2 - 1);
    await settled();
    expect(seen.writes).toBe(0);
    recorder.refused(at(most / 2 - 1), someTime);
    await settled();
    expect(seen.writes).toBe(most / 2 / 500);
  });

  test('waits for the next minute when that fails, instead of trying again at once', async () => {
    const { seen, recorder, fill } = setUp(away);
    fill(0, most / 2 + 10);
    await settled();
    expect(seen.writes).toBe(1);
    await expect(recorder.flush()).rejects.toThrow('away');
    expect(seen.writes).toBe(2);
  });

  test('counts no more than 500 places of one credential each, so that no other credential loses its room', () => {
    const { seen, recorder, fill } = setUp(written);
    for (let number = 0; number < 2 * most; number += 1) {
      recorder.refused({ ...at(0), address: `from ${number}` }, someTime + number);
    }
    fill(placesOfOne, most - 1);
    expect(seen.dropped, 'one counter for all the others').toBe(0);
    expect(recorder.lastPendingAt(at(0).credentialId), 'and they count').toBe(someTime + 2 * most - 1);
    fill(most - 1, most);
    expect(seen.dropped).toBe(1);
  });

  test('knows of uses that are not written yet, while they are being written and when that failed', async () => {
    const { credentialId } = at(0);
    const pending: number[] = [];
    let isAway = true;
    const { recorder } = setUp(async () => {
      pending.push(recorder.lastPendingAt(credentialId));
      if (isAway) await away();
    });
    expect(recorder.lastPendingAt(credentialId)).toBe(0);
    recorder.used(at(0), someTime + 2);
    recorder.refused(at(1), someTime + 3);
    recorder.used(at(placesOfOne), someTime + 4);
    expect(recorder.lastPendingAt(credentialId), 'not those of another credential').toBe(someTime + 3);
    await expect(recorder.flush()).rejects.toThrow('away');
    expect(recorder.lastPendingAt(credentialId)).toBe(someTime + 3);
    isAway = false;
    await recorder.flush();
    expect(recorder.lastPendingAt(credentialId)).toBe(0);
    expect(pending).toEqual([someTime + 3, someTime + 3]);
  });
});
