import { beforeEach, expect, test } from 'vitest';
import { describeOnEachEngine } from '../../testing/database.js';
import { someTime } from '../../testing/facts.js';
import type { Database } from '../database/database.js';
import { DatabaseUnavailableError } from '../database/database-errors.js';
import { SecretValue } from '../secret-value.js';
import { hashesEqual, insertHmacKey, openHmacKeyring } from './hmac-keyring.js';
import { createMasterKey, MasterKeyError } from './master-key.js';

function masterKeyOf(byte: number) {
  return createMasterKey(new SecretValue(Buffer.alloc(32, byte).toString('base64')));
}

describeOnEachEngine('the keys under which secrets are stored', (open) => {
  let database: Database;
  beforeEach(async () => {
    database ??= await open();
    await database.transaction((tx) => tx.deleteFrom('hmac_keys').execute());
  });

  test('are made once and are the same at every start', async () => {
    const first = await openHmacKeyring(database, masterKeyOf(1), someTime);
    const second = await openHmacKeyring(database, masterKeyOf(1), someTime + 1);
    expect(first.currentVersion('sandbox', someTime)).toBe(1);
    for (const environment of ['sandbox', 'production'] as const) {
      expect(second.hash(environment, 1, 'secret').equals(first.hash(environment, 1, 'secret'))).toBe(true);
    }
  });

  test('give 32 bytes that depend on the whole secret and on the environment', async () => {
    const ring = await openHmacKeyring(database, masterKeyOf(1), someTime);
    const hashes = [
      ring.hash('sandbox', 1, 'secret'),
      ring.hash('sandbox', 1, 'secres'),
      ring.hash('sandbox', 1, ''),
      ring.hash('production', 1, 'secret'),
    ];
    expect(hashes.map((hash) => hash.length)).toEqual([32, 32, 32, 32]);
    expect(new Set(hashes.map((hash) => hash.toString('hex'))).size).toBe(4);
  });

  /** What another node does to make the second version of sandbox. */
  const addSecondVersion = (activeFrom: number) =>
    database.transaction((tx) =>
      insertHmacKey(tx, masterKeyOf(1), { environment: 'sandbox', version: 2, activeFrom }, someTime),
    );

  test('verify old versions after a newer one was added, and hash with the newest from its time on', async () => {
    const ring = await openHmacKeyring(database, masterKeyOf(1), someTime);
    const old = ring.hash('sandbox', 1, 'secret');
    await addSecondVersion(someTime + 60_000);
    await ring.reload();
    expect([
      ring.currentVersion('sandbox', someTime + 59_999),
      ring.currentVersion('sandbox', someTime + 60_000),
    ]).toEqual([1, 2]);
    expect(ring.currentVersion('production', someTime + 60_000)).toBe(1);
    expect(ring.hash('sandbox', 1, 'secret').equals(old)).toBe(true);
    expect(ring.hash('sandbox', 2, 'secret').equals(old)).toBe(false);
  });

  test('[KEY-06] that another node has just made are learned, with one read a second at most, and never taken for a wrong secret', async () => {
    const ring = await openHmacKeyring(database, masterKeyOf(1), someTime);
    expect(ring.learn('sandbox', [1], someTime), 'nothing to wait for').toBeUndefined();
    await expect(ring.learn('sandbox', [1, 2], someTime)).rejects.toThrow(DatabaseUnavailableError);
    await addSecondVersion(someTime);
    await expect(ring.learn('sandbox', [2], someTime + 999), 'not asked again within the second').rejects.toThrow(
      DatabaseUnavailableError,
    );
    await ring.learn('sandbox', [2], someTime + 1_000);
    expect(ring.hash('sandbox', 2, 'secret')).toHaveLength(32);
    expect(ring.learn('sandbox', [2], someTime + 1_001)).toBeUndefined();
  });

  test('are made once by nodes that start at the same moment', async () => {
    const rings = await Promise.all([1, 2, 3, 4, 5].map(() => openHmacKeyring(database, masterKeyOf(1), someTime)));
    const hashes = rings.map((ring) => ring.hash('production', 1, 'secret').toString('hex'));
    expect(new Set(hashes).size).toBe(1);
  });

  test('a version that is not there is a fault, not a hash', async () => {
    const ring = await openHmacKeyring(database, masterKeyOf(1), someTime);
    expect(() => ring.hash('production', 9, 'secret')).toThrow('there is no HMAC key 9 for production');
  });

  test('do not open with another master key', async () => {
    await openHmacKeyring(database, masterKeyOf(1), someTime);
    await expect(openHmacKeyring(database, masterKeyOf(2), someTime)).rejects.toThrow(MasterKeyError);
  });
});

test('two hashes are equal when all of their bytes are, and of different lengths never', () => {
  const hash = Buffer.from('00112233', 'hex');
  expect(hashesEqual(hash, Buffer.from(hash))).toBe(true);
  expect(hashesEqual(hash, Buffer.from('00112234', 'hex'))).toBe(false);
  expect(hashesEqual(hash, hash.subarray(0, 3))).toBe(false);
  expect(hashesEqual(Buffer.alloc(0), hash)).toBe(false);
});
