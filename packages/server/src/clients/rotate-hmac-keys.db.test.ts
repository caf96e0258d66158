import { environments } from '@tollward/protocol';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { insertHmacKey } from '../platform/keys/hmac-keyring.js';
import { KeyConflictError } from '../platform/keys/key-conflict-error.js';
import { openTestCapabilities, type TestCapabilities } from '../testing/capabilities.js';
import { describeOnEachEngine } from '../testing/database.js';
import { fakeDatabase } from '../testing/facts.js';
import { createSecretRehasher } from './rehash-secrets.js';
import { revokeSecret } from './retire-secret.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

describeOnEachEngine('rotating the keys of secrets', (open) => {
  let database: Database;
  let node: TestCapabilities;
  beforeAll(async () => {
    database = await open();
    node = await openTestCapabilities(database);
  });
  beforeEach(async () => {
    await database.transaction(async (tx) => {
      await tx.deleteFrom('client_secrets').execute();
      await tx.deleteFrom('hmac_keys').execute();
      for (const environment of environments) {
        await insertHmacKey(tx, node.masterKey, { environment, version: 1, activeFrom: node.time.now }, node.time.now);
      }
    });
    await node.hmacKeyRotation.reload();
  });

  const versionOf = async (secretId: string): Promise<number> => {
    const row = await database.read((tx) =>
      tx.selectFrom('client_secrets').select('hmac_key_version').where('id', '=', secretId).executeTakeFirstOrThrow(),
    );
    return row.hmac_key_version;
  };
  const versions = async (): Promise<string[]> =>
    (await node.hmacKeyRotation.list(node.time.now))
      .filter(({ environment }) => environment === 'sandbox')
      .map(({ id, state }) => `${id} ${state}`);
  const rotateAndPass = async () => {
    await node.hmacKeyRotation.rotate({ environment: 'sandbox' }, node.time.now);
    node.time.now += minuteMs;
  };
  const actions = (subject: string): Promise<string[]> =>
    database.read(async (tx) => {
      const entries = await tx.selectFrom('audit_entries').select('action').where('subject', '=', subject).execute();
      return entries.map(({ action }) => action);
    });

  test('[KEY-07] old secrets are proved all the time, and move to the new version when they are, once', async () => {
    const client = await node.makeClient('moves');
    await node.hmacKeyRotation.rotate({ environment: 'sandbox' }, node.time.now);
    expect(await node.outcomeOf(client.clientId, client.secret)).toBe('token');
    expect(await versions()).toEqual(['1 active', '2 next']);
    await node.rehasher.flush();
    expect(await versionOf(client.secretId), 'not before its time').toBe(1);

    node.time.now += minuteMs;
    expect(await versions()).toEqual(['1 retired', '2 active']);
    for (let times = 0; times < 3; times += 1)
      expect(await node.outcomeOf(client.clientId, client.secret)).toBe('token');
    await node.rehasher.flush();
    expect(await versionOf(client.secretId)).toBe(2);
    expect(await node.outcomeOf(client.clientId, client.secret), 'with the new hash').toBe('token');
    expect(await node.outcomeOf(client.clientId, `${client.secret}x`)).toBe('client_authentication_failed');
    expect(await actions('2')).toContain('hmac_key.created');
  });

  test('a secret that was not accepted keeps its version', async () => {
    const client = await node.makeClient('refused');
    await revokeSecret({ secretId: client.secretId, quietSeconds: undefined, actor: 'operator' }, node.time.now, node);
    await rotateAndPass();
    expect(await node.outcomeOf(client.clientId, client.secret)).toBe('secret_revoked');
    await node.rehasher.flush();
    expect(await versionOf(client.secretId)).toBe(1);
  });

  test('new secrets are stored under the new version from its time on', async () => {
    await rotateAndPass();
    expect(await versionOf((await node.makeClient('new')).secretId)).toBe(2);
  });

  test('[KEY-08] an old version is deleted a day after its successor came, and not while a secret needs it', async () => {
    const client = await node.makeClient('needs it');
    await rotateAndPass();
    await node.passTime(2 * dayMs);
    await node.hmacKeyRotation.maintain(node.time.now);
    expect(await versions()).toEqual(['1 retired', '2 active']);
    await node.outcomeOf(client.clientId, client.secret);
    await node.rehasher.flush();
    await node.hmacKeyRotation.maintain(node.time.now - dayMs - 1);
    expect(await versions(), 'not within the day').toEqual(['1 retired', '2 active']);
    await node.hmacKeyRotation.maintain(node.time.now);
    expect(await versions()).toEqual(['2 active']);
    expect(await node.outcomeOf(client.clientId, client.secret)).toBe('token');
    expect(await actions('1')).toContain('hmac_key.deleted');
  });

  test('a revoked secret is told that it is, as long as it is remembered, and then its version may go', async () => {
    const client = await node.makeClient('remembered');
    await revokeSecret({ secretId: client.secretId, quietSeconds: undefined, actor: 'operator' }, node.time.now, node);
    await rotateAndPass();
    await node.passTime(29 * dayMs);
    await node.hmacKeyRotation.maintain(node.time.now);
    expect(await node.outcomeOf(client.clientId, client.secret)).toBe('secret_revoked');
    await node.passTime(2 * dayMs);
    await node.hmacKeyRotation.maintain(node.time.now);
    expect(await versions()).toEqual(['2 active']);
    expect(await node.outcomeOf(client.clientId, client.secret)).toBe('client_authentication_failed');
  });

  test('there is a new version once a year, known an hour before it is used, and one only', async () => {
    const due = node.time.now + 365 * dayMs;
    await node.hmacKeyRotation.maintain(due - hourMs - 1);
    expect(await versions()).toEqual(['1 active']);
    await node.hmacKeyRotation.maintain(due - hourMs);
    await node.hmacKeyRotation.maintain(due - hourMs);
    node.time.now = due - 1;
    expect(await versions()).toEqual(['1 active', '2 next']);
    node.time.now = due;
    expect(await versions()).toEqual(['1 retired', '2 active']);
  });

  test('a next version that waits is brought forward, and a later one is refused', async () => {
    await node.hmacKeyRotation.rotate({ publishSeconds: 3_600 }, node.time.now);
    const [, next] = (await node.hmacKeyRotation.rotate({ publishSeconds: 5 }, node.time.now)).filter(
      ({ environment }) => environment === 'sandbox',
    );
    expect(next).toMatchObject({ id: '2', state: 'next', activeFrom: node.time.now + 5_000 });
    await expect(node.hmacKeyRotation.rotate({}, node.time.now)).rejects.toThrow(KeyConflictError);
    expect((await versions()).length).toBe(2);
  });
});

test('what can not be written is given up, and noted again by the next use', async () => {
  let units = 0;
  const transaction = async (): Promise<never> => {
    units += 1;
    throw new Error('away');
  };
  const standingChanged = vi.fn();
  const rehasher = createSecretRehasher({ database: fakeDatabase({ transaction }), standingChanged });
  const note = (secretId: string) =>
    rehasher.note({
      environment: 'sandbox',
      clientId: 'c',
      secretId,
      oldVersion: 1,
      version: 2,
      hash: Buffer.alloc(32),
    });
  for (const id of ['a', 'a', 'b']) note(id);
  await rehasher.flush();
  note('a');
  await rehasher.flush();
  expect(units).toBe(2);
  expect(standingChanged).not.toHaveBeenCalled();
  for (let id = 0; id < 1_500; id += 1) note(`s${id}`);
  units = 0;
  await rehasher.flush();
  expect(units, 'a thousand at most, a hundred at a time').toBe(10);
});
