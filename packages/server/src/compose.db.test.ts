import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { migrate } from './platform/database/migrate.js';
import { openPostgres } from './platform/database/postgres.js';
import {
  aClient,
  aToken,
  callPlayground,
  createTestPostgres,
  endClient,
  requestToken,
  startTestServer,
  type TestPostgres,
  type TestServer,
  testServerUrl,
} from './testing/index.js';

const serverUrl = testServerUrl();
const soon = { timeout: 10_000, interval: 20 };

describe.skipIf(!serverUrl)('two nodes on one PostgreSQL', () => {
  let postgres: TestPostgres;
  let first: TestServer;
  let second: TestServer;
  beforeAll(async () => {
    postgres = await createTestPostgres(serverUrl ?? '');
    const database = await openPostgres({ url: postgres.url });
    await migrate(database);
    await database.close();
    // At the same time, because each of them makes what is missing.
    [first, second] = await Promise.all([startNode(), startNode()]);
  });
  afterAll(async () => {
    await first.stop();
    await second.stop();
    await postgres.drop();
  });

  async function startNode(): Promise<TestServer> {
    const node = await startTestServer({ database: await openPostgres({ url: postgres.url, poolSize: 4 }) });
    // A clock that stands still would seem to drift from the one of the database.
    Object.defineProperty(node.time, 'now', { get: () => Date.now() });
    return node;
  }

  test('made their keys and authorities once', async () => {
    const admin = new pg.Client({ connectionString: postgres.url });
    await admin.connect();
    const { rows } = await admin.query<{ authorities: number; keys: number }>(
      `select (select count(*)::int from certificate_authorities) as authorities,
         (select count(*)::int from hmac_keys) as keys`,
    );
    await admin.end();
    expect(rows).toEqual([{ authorities: 4, keys: 2 }]);
    expect(second.caOf('sandbox')).toBe(first.caOf('sandbox'));
  });

  test('a client made at one node works at the other, and a token of one at the other', async () => {
    const client = await aClient(first);
    expect((await requestToken(second, client)).status).toBe(200);
    expect((await callPlayground(second, client, await aToken(first, client))).status).toBe(200);
    expect((await callPlayground(first, client, await aToken(second, client))).status).toBe(200);
  });

  test('a revocation at one node is seen at the other', async () => {
    const client = await aClient(first);
    const token = await aToken(first, client);
    expect((await callPlayground(second, client, token)).status).toBe(200);
    await endClient(first, client);
    await vi.waitFor(async () => expect((await callPlayground(second, client, token)).status).toBe(401), soon);
    expect((await requestToken(second, client)).json).toMatchObject({ error: 'invalid_client' });
  });

  test('[RATE-13] what a client used up at one node is used up at the other', async () => {
    const client = await aClient(first, { policy: { limits: { perSecond: 1_000, perMinute: 40 } } });
    const token = await aToken(first, client);
    const calls = Array.from({ length: 39 }, async () => (await callPlayground(first, client, token)).status);
    expect(new Set(await Promise.all(calls))).toEqual(new Set([200]));
    let admitted = 0;
    const isRefused = async (): Promise<void> => {
      const { status } = await callPlayground(second, client, token);
      if (status === 200) admitted += 1;
      expect(status).toBe(429);
    };
    await vi.waitFor(isRefused, soon);
    expect(admitted, 'of the 40 it would have by itself').toBeLessThan(39);
  });

  test('with the database away neither answers from memory beyond the bound, and both recover by themselves', async () => {
    const client = await aClient(first);
    const token = await aToken(first, client);
    const nodes = [first, second];
    for (const node of nodes) expect((await callPlayground(node, client, token)).status).toBe(200);
    await postgres.cut();
    for (const node of nodes) {
      await vi.waitFor(async () => expect(await node.isReady()).toBe(false), soon);
      await vi.waitFor(async () => expect((await callPlayground(node, client, token)).status).toBe(503), soon);
      const refused = await requestToken(node, client);
      expect([refused.status, refused.json['error']]).toEqual([503, 'temporarily_unavailable']);
    }
    await postgres.restore();
    for (const node of nodes) {
      await vi.waitFor(async () => expect(await node.isReady()).toBe(true), soon);
      expect((await callPlayground(node, client, token)).status).toBe(200);
    }
  });
});
