import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { migrate } from './platform/database/migrate.js';
import { openPostgres } from './platform/database/postgres.js';
import { createMasterKey } from './platform/keys/master-key.js';
import { SecretValue } from './platform/secret-value.js';
import {
  aClient,
  aToken,
  callPlayground,
  createTestPostgres,
  requestToken,
  startTestServer,
  type TestPostgres,
  type TestServer,
  testServerUrl,
} from './testing/index.js';
import { insertTokenKey } from './tokens/token-key-store.js';

const serverUrl = testServerUrl();
const soon = { timeout: 10_000, interval: 20 };

describe.skipIf(!serverUrl)('keys of two nodes on one PostgreSQL', () => {
  let postgres: TestPostgres;
  let first: TestServer;
  let second: TestServer;
  beforeAll(async () => {
    postgres = await createTestPostgres(serverUrl ?? '');
    const database = await openPostgres({ url: postgres.url });
    await migrate(database);
    await database.close();
    [first, second] = await Promise.all([startNode(), startNode()]);
    // Each stands still since its own start.
    second.time.now = first.time.now;
  });
  afterAll(async () => {
    await first.stop();
    await second.stop();
    await postgres.drop();
  });

  async function startNode(): Promise<TestServer> {
    return startTestServer({ database: await openPostgres({ url: postgres.url, poolSize: 4 }) });
  }

  const passSeconds = (seconds: number): void => {
    for (const node of [first, second]) node.time.now += seconds * 1_000;
  };

  const activeTokenKey = async (): Promise<string> => {
    const { keys } = await first.core.keyCommands.list(first.time.now);
    const active = keys.find((key) => key.kind === 'token' && key.environment === 'sandbox' && key.state === 'active');
    return active?.id ?? '';
  };

  test('[KEY-03] a rotation while both issue and admit is noticed by no client', async () => {
    const client = await aClient(first);
    const tokens = [await aToken(first, client), await aToken(second, client)];
    const before = await activeTokenKey();
    await first.core.keyCommands.rotate('token', { environment: 'sandbox', publishSeconds: 5 }, first.time.now);
    for (let step = 0; step < 4; step += 1) {
      for (const node of [first, second]) tokens.push(await aToken(node, client));
      for (const token of tokens) {
        for (const node of [first, second]) expect((await callPlayground(node, client, token)).status).toBe(200);
      }
      passSeconds(2);
    }
    expect(await activeTokenKey()).not.toBe(before);
  });

  test('[KEY-05] a token key that is revoked at one node is gone at the other, and clients get new tokens', async () => {
    const client = await aClient(first);
    const token = await aToken(second, client);
    expect((await callPlayground(second, client, token)).status).toBe(200);
    await first.core.keyCommands.revokeTokenKey(await activeTokenKey(), first.time.now);
    expect((await callPlayground(first, client, token)).status).toBe(401);
    await vi.waitFor(async () => expect((await callPlayground(second, client, token)).status).toBe(401), soon);
    const next = await aToken(second, client);
    for (const node of [first, second]) expect((await callPlayground(node, client, next)).status).toBe(200);
  });

  test('[KEY-07] a secret moves to the new version when it is proved, and both nodes go on proving it', async () => {
    const client = await aClient(first);
    await first.core.keyCommands.rotate('hmac', { environment: 'sandbox', publishSeconds: 5 }, first.time.now);
    passSeconds(5);
    const versionOf = () =>
      second.core.database.read((tx) =>
        tx
          .selectFrom('client_secrets')
          .select('hmac_key_version')
          .where('client_id', '=', client.clientId)
          .executeTakeFirstOrThrow(),
      );
    expect(await versionOf()).toEqual({ hmac_key_version: 1 });
    await vi.waitFor(async () => {
      expect((await requestToken(second, client)).status).toBe(200);
      expect(await versionOf()).toEqual({ hmac_key_version: 2 });
    }, soon);
    for (const node of [first, second]) expect((await requestToken(node, client)).status).toBe(200);
  });

  test('[KEY-12] the metrics say since when each key in use is used, and how many wait and are retired', async () => {
    await vi.waitFor(async () => {
      const text = await first.core.metrics.render();
      expect(text).toMatch(/^key_active_since_timestamp_seconds\{kind="token",environment="production"\} \d{10}/m);
      expect(text).toMatch(/^key_replaced_at_timestamp_seconds\{kind="hmac",environment="sandbox"\} \d{10}/m);
      expect(text).toMatch(/^keys_total\{kind="token",environment="production",state="active"\} 1$/m);
    }, soon);
  });

  test('a node that hears of a key it can not open is not ready, rather than refusing good tokens, until it can', async () => {
    const { database } = first.core;
    const foreign = createMasterKey(new SecretValue(Buffer.alloc(32, 99).toString('base64')));
    const id = await database.transaction((tx) =>
      insertTokenKey(tx, foreign, 'sandbox', first.time.now + 3_600_000, first.time.now),
    );
    await vi.waitFor(async () => expect(await second.isReady()).toBe(false), soon);
    await database.transaction((tx) => tx.deleteFrom('token_keys').where('id', '=', id).execute());
    await vi.waitFor(async () => expect(await second.isReady()).toBe(true), soon);
  });

  test('[KEY-05] a revoked token key is gone at a node whose connections are all taken by requests', async () => {
    const client = await aClient(first);
    const token = await aToken(first, client);
    expect((await callPlayground(second, client, token)).status).toBe(200);
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const held = [1, 2, 3, 4].map(() => second.core.database.transaction(() => released));
    try {
      await first.core.keyCommands.revokeTokenKey(await activeTokenKey(), first.time.now);
      await vi.waitFor(async () => expect((await callPlayground(second, client, token)).status).toBe(401), soon);
      for (const key of second.core.keys) await key.reload();
    } finally {
      release();
      await Promise.all(held);
    }
  });

  test('[KEY-05] a node that may not have heard of a revoked token key asks before it opens a token', async () => {
    const client = await aClient(first);
    const token = await aToken(first, client);
    const answer = async () => (await callPlayground(second, client, token)).status;
    expect(await answer()).toBe(200);
    const hearing = vi.spyOn(second.core.feed, 'isFresh').mockReturnValue(false);
    try {
      expect(await answer(), 'the key is still there').toBe(200);
      // Without the triggers nobody is told.
      await postgres.run(
        `set session_replication_role = replica; delete from token_keys where id = '${await activeTokenKey()}'`,
      );
      await vi.waitFor(async () => expect(await answer()).toBe(401), soon);
    } finally {
      hearing.mockRestore();
      const now = await first.core.database.clock();
      for (const node of [first, second]) {
        for (const key of node.core.keys.filter(({ kind }) => kind === 'token')) await key.maintain(now);
      }
    }
  });

  test('a node whose clock is days ahead takes no key from the others and gives them none', async () => {
    const client = await aClient(first);
    const token = await aToken(first, client);
    const keyTables = [
      'token_keys',
      'hmac_keys',
      'signing_keys',
      'ticket_keys',
      'audit_keys',
      'certificate_authorities',
    ] as const;
    const idsOf = (table: (typeof keyTables)[number]) =>
      first.core.database.read(async (tx) =>
        (await tx.selectFrom(table).select('active_from').execute()).map((row) => row.active_from.getTime()).sort(),
      );
    const listed = () => Promise.all(keyTables.map(idsOf));
    const before = await listed();
    const database = await openPostgres({ url: postgres.url, poolSize: 4 });
    const ahead = await startTestServer({ database, clockAheadMs: 72 * 3_600_000 });
    try {
      // What is done at the start and every minute has been done.
      await vi.waitFor(async () => expect(await ahead.core.metrics.render()).toMatch(/^keys_total\{/m), soon);
      expect(await listed()).toEqual(before);
      expect((await callPlayground(first, client, token)).status).toBe(200);
      expect((await requestToken(first, client)).status).toBe(200);
    } finally {
      await ahead.stop();
    }
  });
});
