import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { migrate } from '../platform/database/migrate.js';
import { openPostgres } from '../platform/database/postgres.js';
import { createTestPostgres, openTestDatabase, type TestPostgres, testServerUrl } from '../testing/index.js';
import { type AwaitedNode, awaitNodes } from './await-nodes.js';

const serverUrl = testServerUrl();

describe.skipIf(!serverUrl)('waiting for nodes [PostgreSQL]', () => {
  let postgres: TestPostgres;
  let database: Database;
  let admin: pg.Client;
  beforeAll(async () => {
    postgres = await createTestPostgres(serverUrl ?? '');
    database = await openPostgres({ url: postgres.url });
    await migrate(database);
    admin = new pg.Client({ connectionString: postgres.url });
    await admin.connect();
    await admin.query(`insert into organisations (id, name, created_at) values ('org_1', 'one', now())`);
    for (const id of ['cli_1', 'cli_2']) {
      await admin.query(
        `insert into clients (environment, id, organisation_id, name, created_at) values ('sandbox', '${id}', 'org_1', '${id}', now())`,
      );
    }
    await admin.query(
      `insert into client_secrets (environment, id, client_id, hash, hmac_key_version, hint, created_at)
       values ('sandbox', 'sec_1', 'cli_1', decode(repeat('00', 32), 'hex'), 1, 'abcd', now())`,
    );
  });
  beforeEach(async () => {
    await admin.query('delete from nodes');
  });
  afterAll(async () => {
    await admin.end();
    await database.close();
    await postgres.drop();
  });

  /** A node that has taken into account what is committed now. */
  async function aNode(id: string, silentSeconds = 0): Promise<void> {
    await admin.query(
      `insert into nodes (id, name, version, environments, started_at, polled_at, bound_ms, applied, expires_at)
       values ($1, $1, '1', '{sandbox}', now(), now() - make_interval(secs => $2), 1500, pg_current_snapshot(), now() + interval '1 minute')`,
      [id, silentSeconds],
    );
  }

  async function readUpToNow(id: string): Promise<void> {
    await admin.query('update nodes set applied = pg_current_snapshot() where id = $1', [id]);
  }

  async function change(clientId: string): Promise<void> {
    await admin.query(`update clients set mtls_required = not mtls_required where id = $1`, [clientId]);
  }

  /** The wait looks so often before its time is over, and `between` runs after each look. */
  async function waitFor(subject: string, looks: number, between = async (_look: number): Promise<void> => undefined) {
    let now = 0;
    return awaitNodes(subject, looks, {
      database,
      monotonic: () => now,
      delay: async () => {
        now += 1;
        await between(now);
      },
    });
  }

  const states = (nodes: readonly AwaitedNode[] | undefined) => nodes?.map(({ id, state }) => [id, state]);

  test('is over when every node has read the change, and not before', async () => {
    await aNode('a');
    await aNode('b');
    await change('cli_1');
    expect(states(await waitFor('cli_1', 3))).toEqual([
      ['a', 'waiting'],
      ['b', 'waiting'],
    ]);
    await readUpToNow('a');
    const looks: number[] = [];
    const nodes = await waitFor('cli_1', 100, async (look) => {
      looks.push(look);
      if (look === 4) await readUpToNow('b');
    });
    expect(looks).toEqual([1, 2, 3, 4]);
    expect(states(nodes)).toEqual([
      ['a', 'confirmed'],
      ['b', 'confirmed'],
    ]);
  });

  test('asks for the client of a secret, and not for what happened to another client', async () => {
    await aNode('a');
    await change('cli_2');
    expect(states(await waitFor('sec_1', 0))).toEqual([['a', 'confirmed']]);
    await change('cli_1');
    expect(states(await waitFor('sec_1', 0))).toEqual([['a', 'waiting']]);
  });

  test('a change that was committed before a later one is waited for too', async () => {
    await aNode('a');
    const late = new pg.Client({ connectionString: postgres.url });
    await late.connect();
    await late.query('begin');
    await late.query(`update client_secrets set paused_until = now() where id = 'sec_1'`);
    await change('cli_1');
    await readUpToNow('a');
    await late.query('commit');
    await late.end();
    expect(states(await waitFor('cli_1', 0))).toEqual([['a', 'waiting']]);
  });

  test('does not wait for a node that was silent beyond its bound, and says that it refuses', async () => {
    await aNode('a', 2);
    await change('cli_1');
    expect(states(await waitFor('cli_1', 0))).toEqual([['a', 'refusing']]);
  });

  test('knows no other ids', async () => {
    expect(await waitFor('cli_unknown', 0)).toBeUndefined();
  });
});

test('there is nobody to wait for on a database that nobody shares', async () => {
  const database = await openTestDatabase();
  await database.transaction((tx) =>
    tx.insertInto('organisations').values({ id: 'org_1', name: 'one', created_at: new Date() }).execute(),
  );
  await database.transaction((tx) =>
    tx
      .insertInto('clients')
      .values({ environment: 'sandbox', id: 'cli_1', organisation_id: 'org_1', name: 'a', created_at: new Date() })
      .execute(),
  );
  const nobody = { database, monotonic: () => 0, delay: async () => undefined };
  expect(await awaitNodes('cli_1', 0, nobody)).toEqual([]);
  await database.close();
});
