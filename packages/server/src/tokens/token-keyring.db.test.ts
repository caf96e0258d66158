import { randomBytes } from 'node:crypto';
import { environments } from '@tollward/protocol';
import { beforeEach, expect, test, vi } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { DatabaseUnavailableError } from '../platform/database/database-errors.js';
import { createMasterKey, MasterKeyError } from '../platform/keys/master-key.js';
import { SecretValue } from '../platform/secret-value.js';
import { describeOnEachEngine } from '../testing/database.js';
import { someTime } from '../testing/facts.js';
import { type OpenedTokenKeyring, openTokenKeyring } from './token-keyring.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

function masterKeyOf(byte: number) {
  return createMasterKey(new SecretValue(Buffer.alloc(32, byte).toString('base64')));
}

const masterKey = masterKeyOf(1);

describeOnEachEngine('the keys of access tokens', (open) => {
  let database: Database;
  beforeEach(async () => {
    database ??= await open();
    await database.transaction((tx) => tx.deleteFrom('token_keys').execute());
  });

  /** This node's clock that is never set back, and the database's. */
  const clocks = { monotonic: 0, database: someTime };
  const openRing = (now: number, master = masterKey, sealsPerKey?: number): Promise<OpenedTokenKeyring> => {
    const monotonic = () => clocks.monotonic;
    const databaseNow = async () => clocks.database;
    const dependencies = { database, masterKey: master, random: randomBytes, monotonic, databaseNow };
    return openTokenKeyring(dependencies, now, sealsPerKey);
  };

  const countRows = async (): Promise<number> => {
    const rows = await database.read((tx) => tx.selectFrom('token_keys').select('id').execute());
    return rows.length;
  };

  test('are there from the first start, one for each environment and unknown in the other', async () => {
    const ring = await openRing(someTime);
    const sandbox = ring.current('sandbox', someTime);
    const production = ring.current('production', someTime);
    expect(sandbox.secret.export()).toHaveLength(32);
    expect(sandbox.secret.equals(production.secret)).toBe(false);
    expect(sandbox.idBytes.toString('hex')).toBe(sandbox.id);
    expect(ring.find('sandbox', sandbox.id)).toBe(sandbox);
    expect(ring.find('production', sandbox.id)).toBeUndefined();
    expect(await countRows()).toBe(2);
  });

  test('are not in the database in a readable form', async () => {
    const ring = await openRing(someTime);
    const secret = ring.current('sandbox', someTime).secret.export();
    const rows = await database.read((tx) => tx.selectFrom('token_keys').selectAll().execute());
    expect(rows.some((row) => row.key_sealed.includes(secret))).toBe(false);
  });

  test('serve a clock that was set back by a moment after the first start', async () => {
    const ring = await openRing(someTime);
    expect(ring.current('sandbox', someTime - 2_000)).toBe(ring.current('sandbox', someTime));
  });

  test('are published an hour before they are used, and used from the end of the one before', async () => {
    const ring = await openRing(someTime);
    const first = ring.current('sandbox', someTime);
    await ring.rotation.maintain(first.activeUntil - hourMs - 1);
    expect(await countRows(), 'not earlier').toBe(2);
    await ring.rotation.maintain(first.activeUntil - hourMs);
    expect(await countRows()).toBe(4);
    expect(ring.current('sandbox', first.activeUntil - 1).id).toBe(first.id);
    const second = ring.current('sandbox', first.activeUntil);
    expect(second.id).not.toBe(first.id);
    expect(ring.find('sandbox', first.id), 'the tokens of the first one are still read').toBeDefined();
    await ring.rotation.maintain(first.activeUntil - hourMs);
    expect(await countRows(), 'one next key is enough').toBe(4);
  });

  test('read every token for as long as it can live, over days of rotation, and then go', async () => {
    const ring = await openRing(someTime);
    const sealed: { readonly keyId: string; readonly expiresAt: number }[] = [];
    for (let now = someTime; now < someTime + 4 * dayMs; now += hourMs / 2) {
      await ring.rotation.maintain(now);
      const key = ring.current('production', now);
      expect(now - key.activeFrom, 'a key seals for a day at most').toBeLessThan(dayMs);
      sealed.push({ keyId: key.id, expiresAt: now + dayMs });
      const living = new Set(sealed.filter(({ expiresAt }) => expiresAt > now).map(({ keyId }) => keyId));
      for (const keyId of living) expect(ring.find('production', keyId)).toBeDefined();
    }
    expect(new Set(sealed.map(({ keyId }) => keyId)).size).toBeGreaterThanOrEqual(4);
    expect(await countRows(), 'the table does not grow').toBeLessThanOrEqual(2 * 4);
  });

  test('are kept until readable_until and deleted at that moment', async () => {
    const ring = await openRing(someTime);
    const first = ring.current('sandbox', someTime);
    const row = await database.read((tx) =>
      tx.selectFrom('token_keys').select('readable_until').where('id', '=', first.id).executeTakeFirstOrThrow(),
    );
    const readableUntil = row.readable_until.getTime();
    expect(readableUntil).toBeGreaterThanOrEqual(first.activeUntil + dayMs);
    await ring.rotation.maintain(readableUntil - 1);
    expect(ring.find('sandbox', first.id)).toBeDefined();
    await ring.rotation.maintain(readableUntil);
    expect(ring.find('sandbox', first.id)).toBeUndefined();
    expect(ring.current('sandbox', readableUntil), 'there is still one to seal with').toBeDefined();
  });

  test('are replaced after their last allowed seal on all nodes together, a minute after that is known', async () => {
    const [ours, theirs] = [await openRing(someTime, masterKey, 4), await openRing(someTime, masterKey, 4)];
    const worn = ours.current('sandbox', someTime);
    expect(theirs.current('sandbox', someTime).id).toBe(worn.id);
    theirs.current('sandbox', someTime);
    const untouched = ours.current('production', someTime);
    const first = someTime + minuteMs;
    await ours.rotation.maintain(first);
    await theirs.rotation.maintain(first);
    await ours.rotation.reload();
    expect(ours.current('sandbox', first).id, 'three seals so far, and this is the fourth').toBe(worn.id);

    const second = first + minuteMs;
    await ours.rotation.maintain(second);
    await theirs.rotation.maintain(second);
    for (const ring of [ours, theirs]) {
      expect(ring.current('sandbox', second + minuteMs - 1).id).toBe(worn.id);
      const fresh = ring.current('sandbox', second + minuteMs);
      expect(fresh.id).not.toBe(worn.id);
      expect(ring.find('sandbox', worn.id), 'its tokens are still read').toBeDefined();
      expect(ring.current('production', second + minuteMs).id).toBe(untouched.id);
    }
    expect(ours.current('sandbox', second + minuteMs).id).toBe(theirs.current('sandbox', second + minuteMs).id);
  });

  test('are made anew after a long sleep of the machine, and nothing is sealed with one that is over', async () => {
    const ring = await openRing(someTime);
    const old = ring.current('sandbox', someTime);
    expect(ring.current('sandbox', old.activeUntil - 1).id).toBe(old.id);
    clocks.database = old.activeUntil;
    expect(() => ring.current('sandbox', old.activeUntil)).toThrow(DatabaseUnavailableError);
    const fresh = await vi.waitFor(() => ring.current('sandbox', old.activeUntil));
    expect(fresh.id).not.toBe(old.id);
    expect(ring.find('sandbox', old.id)).toBeDefined();
  });

  test('are neither made nor deleted by the clock of a node that is ahead', async () => {
    clocks.database = someTime;
    const [ours, theirs] = [await openRing(someTime), await openRing(someTime)];
    const key = ours.current('sandbox', someTime);
    const tooLate = someTime + 72 * hourMs;
    for (let second = 0; second < 3; second += 1) {
      clocks.monotonic += 1_000;
      expect(() => theirs.current('sandbox', tooLate)).toThrow(DatabaseUnavailableError);
      await theirs.rotation.maintain(clocks.database);
    }
    await ours.rotation.reload();
    expect(ours.current('sandbox', someTime).id).toBe(key.id);
    expect(await countRows()).toBe(2);
  });

  test('are made for the time before one that begins far ahead, so that a clock that was wrong does no lasting harm', async () => {
    await openRing(someTime + 3 * dayMs);
    const ring = await openRing(someTime);
    for (let now = someTime; now < someTime + 5 * dayMs; now += hourMs / 2) {
      await ring.rotation.maintain(now);
      for (const environment of environments) {
        expect(ring.current(environment, now).activeFrom).toBeGreaterThan(now - dayMs);
        expect(ring.current(environment, now).activeFrom).toBeLessThanOrEqual(now);
      }
    }
  });

  test('are the same for a second start', async () => {
    const first = await openRing(someTime);
    const second = await openRing(someTime + 60_000);
    const key = first.current('sandbox', someTime);
    expect(second.current('sandbox', someTime + 60_000).secret.equals(key.secret)).toBe(true);
    expect(await countRows()).toBe(2);
  });

  test('cover a start after a long stop', async () => {
    await openRing(someTime);
    const later = someTime + 30 * dayMs;
    const ring = await openRing(later);
    expect(ring.current('sandbox', later).activeUntil).toBeGreaterThan(later);
    expect(await countRows()).toBe(2);
  });

  test('that another node made are found by a reload, of which there is one a second at most', async () => {
    const ours = await openRing(someTime);
    const theirs = await openRing(someTime);
    const end = ours.current('sandbox', someTime).activeUntil;
    clocks.monotonic += 1_000;
    await ours.reload();
    await theirs.rotation.maintain(end - 1_000);
    const made = theirs.current('sandbox', end).id;
    clocks.monotonic += 999;
    await ours.reload();
    expect(ours.find('sandbox', made)).toBeUndefined();
    clocks.monotonic += 1;
    await ours.reload();
    expect(ours.find('sandbox', made)?.id).toBe(made);
  });

  test('that can not be read again are not taken for all there is, by nobody who asks within that second', async () => {
    const ring = await openRing(someTime);
    const reading = vi.spyOn(database, 'readUrgently').mockRejectedValueOnce(new Error('damaged'));
    clocks.monotonic += 1_000;
    const attempts = [ring.reload(), ring.reload()];
    for (const attempt of attempts) await expect(attempt).rejects.toThrow(DatabaseUnavailableError);
    await expect(ring.reload()).rejects.toThrow(DatabaseUnavailableError);
    expect(reading).toHaveBeenCalledTimes(1);
    clocks.monotonic += 1_000;
    await expect(ring.reload()).resolves.toBeUndefined();
    reading.mockRestore();
  });

  test('do not open with another master key, and the error names the place and no secret', async () => {
    await openRing(someTime);
    const wrong = openRing(someTime, masterKeyOf(2));
    await expect(wrong).rejects.toThrow(MasterKeyError);
    await expect(wrong).rejects.toThrow(/token_keys .*Configure the master key this data was made with/);
  });
});
