import { beforeAll, expect, test } from 'vitest';
import { describeOnEachEngine } from '../../testing/database.js';
import { someTime } from '../../testing/facts.js';
import type { Database } from '../database/database.js';
import { SecretValue } from '../secret-value.js';
import { hashesEqual, openHmacKeyring } from './hmac-keyring.js';
import { createMasterKey, MasterKeyError } from './master-key.js';

function masterKeyOf(byte: number) {
  return createMasterKey(new SecretValue(Buffer.alloc(32, byte).toString('base64')));
}

describeOnEachEngine('the keys under which secrets are stored', (open) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });

  test('are made once and are the same at every start', async () => {
    const first = await openHmacKeyring(database, masterKeyOf(1), someTime);
    const second = await openHmacKeyring(database, masterKeyOf(1), someTime + 1);
    expect(first.currentVersion('sandbox')).toBe(1);
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

  test('verify old versions after a newer one was added, and hash with the newest', async () => {
    const before = await openHmacKeyring(database, masterKeyOf(1), someTime);
    const old = before.hash('sandbox', 1, 'secret');
    const sealed = masterKeyOf(1).seal(Buffer.alloc(32, 5), { environment: 'sandbox', table: 'hmac_keys', row: '2' });
    await database.transaction((tx) =>
      tx
        .insertInto('hmac_keys')
        .values({ environment: 'sandbox', version: 2, key_sealed: sealed, created_at: new Date(someTime) })
        .execute(),
    );
    const after = await openHmacKeyring(database, masterKeyOf(1), someTime);
    expect([after.currentVersion('sandbox'), after.currentVersion('production')]).toEqual([2, 1]);
    expect(after.hash('sandbox', 1, 'secret').equals(old)).toBe(true);
    expect(after.hash('sandbox', 2, 'secret').equals(old)).toBe(false);
  });

  test('a version that is not there is a fault, not a hash', async () => {
    const ring = await openHmacKeyring(database, masterKeyOf(1), someTime);
    expect(() => ring.hash('production', 9, 'secret')).toThrow('there is no HMAC key 9 for production');
  });

  test('do not open with another master key', async () => {
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
