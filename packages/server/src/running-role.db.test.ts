// The rights that the guide to operating gives a role that runs nodes are enough.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { migrate } from './platform/database/migrate.js';
import { openPostgres } from './platform/database/postgres.js';
import { runCli } from './testing/cli.js';
import {
  aClient,
  aToken,
  callPlayground,
  createTestPostgres,
  requestToken,
  startTestServer,
  type TestPostgres,
  testServerUrl,
} from './testing/index.js';

const serverUrl = testServerUrl();
const guide = new URL('../../../docs/guides/operating.md', import.meta.url);

describe.skipIf(!serverUrl)('a role that does not own the database', () => {
  const role = `tollward_node_${randomBytes(6).toString('hex')}`;
  let postgres: TestPostgres;
  let url: string;
  beforeEach(async () => {
    postgres = await createTestPostgres(serverUrl ?? '');
    await postgres.run(`create role ${role} login password 'secret'`);
    const asRole = new URL(postgres.url);
    asRole.username = role;
    asRole.password = 'secret';
    url = asRole.href;
  });
  afterEach(async () => {
    await postgres.run(`drop owned by ${role}; drop role ${role}`);
    await postgres.drop();
  });

  async function migrateAsOwner(): Promise<void> {
    const database = await openPostgres({ url: postgres.url });
    await migrate(database);
    await database.close();
  }

  async function grant(): Promise<void> {
    const [, statements = ''] = /```sql\n(grant [\s\S]*?)```/.exec(await readFile(guide, 'utf8')) ?? [];
    await postgres.run(statements.replaceAll('tollward_node', role));
  }

  test.each([
    ['after the schema was made', [migrateAsOwner, grant]],
    ['before the schema is made', [grant, migrateAsOwner]],
  ])('runs a node with the rights of the guide, given %s', async (_when, steps) => {
    for (const step of steps) await step();
    const server = await startTestServer({ database: await openPostgres({ url, poolSize: 4 }) });
    Object.defineProperty(server.time, 'now', { get: () => Date.now() });
    const client = await aClient(server);
    expect((await requestToken(server, client)).status).toBe(200);
    expect((await callPlayground(server, client, await aToken(server, client))).status).toBe(200);
    for (const key of server.core.keys) expect(await key.rotate({ publishSeconds: 5 }, Date.now())).not.toEqual([]);
    await server.stop();
  });

  test('is told of its missing rights, and can not change the schema', async () => {
    await migrateAsOwner();
    const run = (command: string) => runCli(['migrate', command], { variables: { TOLLWARD_DATABASE_URL: url } });
    const without = await run('status');
    expect(without.exitCode).toBe(1);
    expect(without.error).toMatch(/permission denied for table schema_migrations.*"A role for nodes"/);
    await grant();
    expect((await run('status')).exitCode).toBe(0);
    await postgres.run(`delete from schema_migrations where name = (select max(name) from schema_migrations)`);
    expect(await run('up')).toMatchObject({ exitCode: 1, error: expect.stringContaining('nothing was changed') });
  });
});
