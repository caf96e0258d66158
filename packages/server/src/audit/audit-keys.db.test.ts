import { randomBytes } from 'node:crypto';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { createMasterKey, MasterKeyError } from '../platform/keys/master-key.js';
import { SecretValue } from '../platform/secret-value.js';
import { describeOnEachEngine } from '../testing/database.js';
import { emptyChain, openTestChain, type TestChain } from './chain-for-tests.js';

const yearMs = 365 * 86_400_000;

describeOnEachEngine('the key of the audit chain', (open) => {
  let database: Database;
  let node: TestChain;
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyChain(database);
    node = await openTestChain(database);
    await node.turn();
  });

  const keys = () => node.chain.keys.list(node.time.now);
  const states = async () => (await keys()).map(({ state }) => state);
  const sealedOf = (id: string | undefined) =>
    database.read((tx) =>
      tx.selectFrom('audit_keys').select('key_sealed').where('id', '=', String(id)).executeTakeFirstOrThrow(),
    );

  test('[AUD-04] is made once, at the first start, and used by every node', async () => {
    await openTestChain(database, node.masterKey);
    expect(await keys()).toMatchObject([
      { kind: 'audit', environment: null, state: 'active', createdAt: node.time.now },
    ]);
  });

  test('[AUD-10] passes its trust on to the next one, at the same place of the chain', async () => {
    const [first] = await keys();
    const [second] = await node.chain.keys.rotate({}, node.time.now);
    expect(second).toMatchObject({ state: 'next' });
    expect(await states()).toEqual(['active', 'next']);
    await node.turn();
    expect(await states()).toEqual(['retired', 'active']);
    const checkpoints = await node.source().checkpoints(0, 10);
    expect(checkpoints.map(({ position, keyId }) => [position, keyId])).toEqual([
      [1, first?.id],
      [2, first?.id],
      [2, second?.id],
    ]);
    for (const key of [first, second])
      expect(await node.verify({ trustedKeyId: key?.id })).toMatchObject({ problems: [] });
  });

  test('[AUD-10] can not sign any more once it is replaced: its private part is gone', async () => {
    const [first] = await keys();
    await node.chain.keys.rotate({}, node.time.now);
    await node.turn();
    expect(await sealedOf(first?.id)).toEqual({ key_sealed: null });
  });

  test('is used from the time on that was asked for', async () => {
    await node.chain.keys.rotate({ publishSeconds: 60 }, node.time.now);
    await node.turnLater(59_999);
    expect(await states()).toEqual(['active', 'next']);
    await node.turnLater(10_000);
    expect(await states()).toEqual(['retired', 'active']);
  });

  test('has one successor at a time', async () => {
    await node.chain.keys.rotate({ publishSeconds: 60 }, node.time.now);
    await expect(node.chain.keys.rotate({}, node.time.now)).rejects.toThrow(/made already/);
    expect(await states()).toEqual(['active', 'next']);
  });

  test('is replaced by the schedule after a year, once', async () => {
    await node.chain.keys.maintain(node.time.now + yearMs - 1);
    expect(await states()).toEqual(['active']);
    node.time.now += yearMs;
    await node.chain.keys.maintain(node.time.now);
    await node.chain.keys.maintain(node.time.now);
    await node.turn();
    await node.chain.keys.maintain(node.time.now);
    expect(await states()).toEqual(['retired', 'active']);
    expect((await node.source().entries(1, 10)).map(({ actor, action }) => [actor, action])).toEqual([
      ['tollward', 'audit_key.created'],
    ]);
  });

  test('is sealed anew under another master key, and refused under a third one', async () => {
    const [old, other] = [randomBytes(32), randomBytes(32)].map((key) => new SecretValue(key.toString('base64')));
    if (old === undefined || other === undefined) throw new Error('there are two');
    await emptyChain(database);
    const before = await openTestChain(database, createMasterKey(old));
    const both = createMasterKey(other, old);
    expect(await before.chain.keys.reseal(both)).toBe(1);
    expect(await before.chain.keys.reseal(both)).toBe(0);
    await expect(openTestChain(database, createMasterKey(old))).rejects.toThrow(MasterKeyError);
    const after = await openTestChain(database, createMasterKey(other));
    await after.turn();
    expect(await after.verify()).toMatchObject({ problems: [], checkpoints: 1 });
  });
});
