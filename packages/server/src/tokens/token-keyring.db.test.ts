import { beforeEach, expect, test } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { createMasterKey, MasterKeyError } from '../platform/keys/master-key.js';
import { SecretValue } from '../platform/secret-value.js';
import { describeOnEachEngine } from '../testing/database.js';
import { someTime } from '../testing/facts.js';
import { openTokenKeyring } from './token-keyring.js';

const hourMs = 3_600_000;
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

  const countRows = async (): Promise<number> => {
    const rows = await database.read((tx) => tx.selectFrom('token_keys').select('id').execute());
    return rows.length;
  };

  test('are there from the first start, one for each environment and unknown in the other', async () => {
    const ring = await openTokenKeyring(database, masterKey, someTime);
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
    const ring = await openTokenKeyring(database, masterKey, someTime);
    const secret = ring.current('sandbox', someTime).secret.export();
    const rows = await database.read((tx) => tx.selectFrom('token_keys').selectAll().execute());
    expect(rows.some((row) => row.key_sealed.includes(secret))).toBe(false);
  });

  test('serve a clock that was set back by a moment after the first start', async () => {
    const ring = await openTokenKeyring(database, masterKey, someTime);
    expect(ring.current('sandbox', someTime - 2_000)).toBe(ring.current('sandbox', someTime));
  });

  test('are published an hour before they are used, and used from the end of the one before', async () => {
    const ring = await openTokenKeyring(database, masterKey, someTime);
    const first = ring.current('sandbox', someTime);
    await ring.maintain(first.activeUntil - hourMs - 1);
    expect(await countRows(), 'not earlier').toBe(2);
    await ring.maintain(first.activeUntil - hourMs);
    expect(await countRows()).toBe(4);
    expect(ring.current('sandbox', first.activeUntil - 1).id).toBe(first.id);
    const second = ring.current('sandbox', first.activeUntil);
    expect(second.id).not.toBe(first.id);
    expect(ring.find('sandbox', first.id), 'the tokens of the first one are still read').toBeDefined();
    await ring.maintain(first.activeUntil - hourMs);
    expect(await countRows(), 'one next key is enough').toBe(4);
  });

  test('read every token for as long as it can live, over days of rotation, and then go', async () => {
    const ring = await openTokenKeyring(database, masterKey, someTime);
    const sealed: { readonly keyId: string; readonly expiresAt: number }[] = [];
    for (let now = someTime; now < someTime + 4 * dayMs; now += hourMs / 2) {
      await ring.maintain(now);
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
    const ring = await openTokenKeyring(database, masterKey, someTime);
    const first = ring.current('sandbox', someTime);
    const row = await database.read((tx) =>
      tx.selectFrom('token_keys').select('readable_until').where('id', '=', first.id).executeTakeFirstOrThrow(),
    );
    const readableUntil = row.readable_until.getTime();
    expect(readableUntil).toBeGreaterThanOrEqual(first.activeUntil + dayMs);
    await ring.maintain(readableUntil - 1);
    expect(ring.find('sandbox', first.id)).toBeDefined();
    await ring.maintain(readableUntil);
    expect(ring.find('sandbox', first.id)).toBeUndefined();
    expect(ring.current('sandbox', readableUntil), 'there is still one to seal with').toBeDefined();
  });

  test('are replaced at the next maintenance after their last allowed seal, whatever was reloaded in between', async () => {
    const ring = await openTokenKeyring(database, masterKey, someTime, 4);
    const worn = ring.current('sandbox', someTime);
    ring.current('sandbox', someTime);
    const untouched = ring.current('production', someTime);
    await ring.maintain(someTime + 60_000);
    await ring.reload(someTime + 60_000);
    ring.current('sandbox', someTime + 60_000);
    expect(ring.current('sandbox', someTime + 60_000).id, 'not before its fourth seal').toBe(worn.id);

    await ring.maintain(someTime + 120_000);
    const fresh = ring.current('sandbox', someTime + 120_000);
    expect(fresh.id).not.toBe(worn.id);
    expect(ring.find('sandbox', worn.id), 'its tokens are still read').toBeDefined();
    expect(ring.current('production', someTime + 120_000).id).toBe(untouched.id);

    await ring.maintain(someTime + 180_000);
    expect(ring.current('sandbox', someTime + 180_000).id, 'the fresh one has seals left').toBe(fresh.id);
  });

  test('are the same for a second start', async () => {
    const first = await openTokenKeyring(database, masterKey, someTime);
    const second = await openTokenKeyring(database, masterKey, someTime + 60_000);
    const key = first.current('sandbox', someTime);
    expect(second.current('sandbox', someTime + 60_000).secret.equals(key.secret)).toBe(true);
    expect(await countRows()).toBe(2);
  });

  test('cover a start after a long stop', async () => {
    await openTokenKeyring(database, masterKey, someTime);
    const later = someTime + 30 * dayMs;
    const ring = await openTokenKeyring(database, masterKey, later);
    expect(ring.current('sandbox', later).activeUntil).toBeGreaterThan(later);
    expect(await countRows()).toBe(2);
  });

  test('that another node made are found by a reload, of which there is one a second at most', async () => {
    const ours = await openTokenKeyring(database, masterKey, someTime);
    const theirs = await openTokenKeyring(database, masterKey, someTime);
    const end = ours.current('sandbox', someTime).activeUntil;
    await ours.reload(end - 1_000);
    await theirs.maintain(end - 1_000);
    const made = theirs.current('sandbox', end).id;
    await ours.reload(end - 1);
    expect(ours.find('sandbox', made)).toBeUndefined();
    await ours.reload(end);
    expect(ours.find('sandbox', made)?.id).toBe(made);
  });

  test('do not open with another master key, and the error names the place and no secret', async () => {
    await openTokenKeyring(database, masterKey, someTime);
    const wrong = openTokenKeyring(database, masterKeyOf(2), someTime);
    await expect(wrong).rejects.toThrow(MasterKeyError);
    await expect(wrong).rejects.toThrow(/token_keys .*Configure the master key this data was made with/);
  });
});
