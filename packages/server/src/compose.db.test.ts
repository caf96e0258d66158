import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Database } from './platform/database/database.js';
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
  testServerUrl,
} from './testing/index.js';

const serverUrl = testServerUrl();

describe.skipIf(!serverUrl)('a process that loses its lock on PostgreSQL', () => {
  let postgres: TestPostgres;
  let admin: pg.Client;
  beforeAll(async () => {
    postgres = await createTestPostgres(serverUrl ?? '');
    admin = new pg.Client({ connectionString: postgres.url });
    await admin.connect();
  });
  afterAll(async () => {
    await admin.end();
    await postgres.drop();
  });

  async function open(): Promise<Database> {
    const database = await openPostgres({ url: postgres.url, poolSize: 4, exclusive: true });
    await migrate(database);
    return database;
  }

  /** Ends the connection that holds the lock, and takes the database before its owner is back. */
  async function takeOver(): Promise<Database> {
    const endLock = `select pg_terminate_backend(pid, 5000) from pg_locks
      where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`;
    return vi.waitFor(
      async () => {
        await admin.query(endLock);
        return open();
      },
      { timeout: 10_000 },
    );
  }

  test('serves nobody until it has the lock again, and then refuses what another process revoked', async () => {
    const first = await startTestServer({ database: await open() });
    const client = await aClient(first);
    const token = await aToken(first, client);
    expect((await callPlayground(first, client, token)).status).toBe(200);
    expect(await first.isReady()).toBe(true);

    const second = await startTestServer({ database: await takeOver() });
    await endClient(second, client);
    // A revocation counts from its own time on, and the clock of the first server stands still.
    first.time.now = second.time.now;
    expect((await callPlayground(first, client, token)).status).toBe(503);
    const refused = await requestToken(first, client);
    expect([refused.status, refused.json['error']]).toEqual([503, 'temporarily_unavailable']);
    expect(await first.isReady()).toBe(false);

    await second.stop();
    await vi.waitFor(async () => expect(await first.isReady()).toBe(true), { timeout: 10_000 });
    expect((await callPlayground(first, client, token)).status).toBe(401);
    expect((await requestToken(first, client)).json).toMatchObject({ error: 'invalid_client' });
    await first.stop();
  });
});
