import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockDataDirectory } from '../platform/database/data-directory-lock.js';
import { listMigrations } from '../platform/database/migration-status.js';
import { runCli } from '../testing/cli.js';
import { createTestPostgres, type TestPostgres, testServerUrl } from '../testing/postgres-server.js';

const serverUrl = testServerUrl();

describe('migrate on the embedded database', () => {
  let workingDirectory: string;
  beforeEach(async () => {
    workingDirectory = await mkdtemp(join(tmpdir(), 'migrate-'));
  });
  afterEach(() => rm(workingDirectory, { recursive: true }));

  const migrate = (...words: string[]) => runCli(['migrate', ...words, '--data-dir', 'data'], { workingDirectory });

  it('makes a database for its owner only, and says with exit code 0 or 1 whether something is missing', async () => {
    const missing = await migrate('status');
    expect(missing).toMatchObject({ exitCode: 1, out: '' });
    expect(missing.error).toMatch(/There is no database in .*data\/database/);

    const up = await migrate('up');
    expect(up.error).toBe('');
    expect(up.out).toMatch(/^Applied: 0001-first-token\.sql, 0002-/);
    expect((await stat(join(workingDirectory, 'data'))).mode & 0o777).toBe(0o700);
    expect((await migrate('up')).out).toBe('There was nothing to apply.\n');

    const status = await migrate('status');
    expect(status.exitCode).toBe(0);
    expect(status.out).toMatch(/^0001-first-token\.sql +applied 20\d\d-\d\d-\d\dT/m);
  }, 60_000);

  it('refuses a database that a running server has, and says to stop it', async () => {
    const lock = await lockDataDirectory(join(workingDirectory, 'data', 'database'));
    const { exitCode, error } = await migrate('up');
    await lock.release();
    expect(exitCode).toBe(1);
    expect(error).toMatch(/in use.*Stop it first/);
  });
});

describe.skipIf(!serverUrl)('migrate on PostgreSQL', () => {
  const created: TestPostgres[] = [];
  afterAll(async () => {
    for (const postgres of created) await postgres.drop();
  });
  async function emptyDatabase(): Promise<{ url: string; migrate: (...words: string[]) => ReturnType<typeof runCli> }> {
    const postgres = await createTestPostgres(serverUrl ?? '');
    created.push(postgres);
    const variables = { TOLLWARD_DATABASE_URL: postgres.url };
    return { url: postgres.url, migrate: (...words) => runCli(['migrate', ...words], { variables }) };
  }

  it('[STO-01] shows what it would do without doing it', async () => {
    const { url, migrate } = await emptyDatabase();
    const plan = await migrate('plan');
    expect(plan.out).toMatch(/^Would apply: 0001-first-token\.sql, /);
    const withSql = await migrate('plan', '--sql');
    expect(withSql.out).toMatch(/^-- 0001-first-token\.sql\n/);
    expect(withSql.out).toContain('create table organisations');
    const status = await migrate('status');
    expect(status.exitCode).toBe(1);
    expect(status.out).toMatch(/^0001-first-token\.sql +missing$/m);
    expect(await tablesOf(url)).toEqual([]);
  });

  it('[STO-02] applies each migration once when several are started at the same time', async () => {
    const { migrate } = await emptyDatabase();
    const runs = await Promise.all(Array.from({ length: 6 }, () => migrate('up', '--json')));
    expect(runs.map(({ error }) => error)).toEqual(runs.map(() => ''));
    const applied = runs.flatMap(({ out }) => (JSON.parse(out) as { applied: string[] }).applied);
    expect(applied).toEqual(await listMigrations());
    expect((await migrate('status')).exitCode).toBe(0);
  });

  it('[STO-03] has nothing to do in a database that a newer version has migrated, so that one can go back', async () => {
    const { url, migrate } = await emptyDatabase();
    await migrate('up');
    await onDatabase(url, `insert into schema_migrations values ('9999-newer.sql', '2030-01-01T00:00:00.000Z')`);
    const up = await migrate('up');
    expect(up).toMatchObject({ exitCode: 0, error: '' });
    expect(up.out).toBe(
      'There was nothing to apply.\nApplied by a newer Tollward: 9999-newer.sql. The version before it can be run on them.\n',
    );
    const status = await migrate('status');
    expect(status.exitCode).toBe(0);
    expect(status.out).toMatch(/^9999-newer\.sql +applied 2030-01-01T00:00:00\.000Z, by a newer Tollward$/m);
  });

  it('[STO-03] changes nothing where a newer version has migrated and something is missing', async () => {
    const { url, migrate } = await emptyDatabase();
    await migrate('up');
    const last = (await listMigrations()).at(-1) ?? '';
    await onDatabase(url, `update schema_migrations set name = '9999-newer.sql' where name = '${last}'`);
    const up = await migrate('up');
    expect(up).toMatchObject({ exitCode: 1, out: '' });
    expect(up.error).toContain('newer Tollward (9999-newer.sql)');
    const status = await migrate('status');
    expect(status.exitCode).toBe(1);
    expect(status.out).toContain(`Missing: ${last}.`);
  });
});

async function onDatabase(url: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

function tablesOf(url: string): Promise<unknown[]> {
  return onDatabase(url, `select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`);
}
