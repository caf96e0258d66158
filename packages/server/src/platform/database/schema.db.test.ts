import { readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeOnEachEngine, openTestDatabase } from '../../testing/database.js';
import type { Database } from './database.js';
import { MigrationError } from './database-errors.js';
import { describeSchema } from './describe-schema.js';
import { migrate } from './migrate.js';
import { EngineDatabase } from './unit-of-work.js';

describeOnEachEngine('migrations', (open) => {
  let database: Database;
  const directories: string[] = [];
  beforeAll(async () => {
    database = await open();
  });
  afterAll(async () => {
    for (const directory of directories) await rm(directory, { recursive: true });
  });

  async function withFiles(files: Record<string, string>): Promise<URL> {
    const directory = await mkdtemp(join(tmpdir(), 'tollward-migrations-'));
    directories.push(directory);
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    return pathToFileURL(`${directory}/`);
  }

  const known = Object.fromEntries(
    readdirSync(new URL('./migrations/', import.meta.url)).map((name) => [name, 'select 1; select 2']),
  );

  test('run a second time apply nothing', async () => {
    expect(await migrate(database)).toEqual({ applied: [] });
  });

  test('roll back entirely when one of them fails, and name its file', async () => {
    const before = await describeSchema(database);
    const directory = await withFiles({
      ...known,
      '0901-good.sql': 'create table extra (id text primary key); create index extra_by_id on extra (id)',
      '0902-broken.sql': 'create table another (id text); create table extra (id text)',
    });
    const failed = migrate(database, directory);
    await expect(failed).rejects.toThrow(MigrationError);
    await expect(failed).rejects.toThrow(/0902-broken\.sql.*"extra" already exists/);
    expect(await describeSchema(database)).toBe(before);
    expect(await migrate(database)).toEqual({ applied: [] });
  });

  test('several statements of one file all apply, in the order of the file names', async () => {
    const own = await open();
    const directory = await withFiles({
      ...known,
      '0902-after.sql': 'alter table extra add column late text not null',
      '0901-good.sql': 'create table extra (id text primary key); create index extra_by_id on extra (id)',
    });
    expect(await migrate(own, directory)).toEqual({ applied: ['0901-good.sql', '0902-after.sql'] });
    const schema = await describeSchema(own);
    expect(schema).toContain('| `late` | text | no |  |');
    expect(schema).toContain('CREATE INDEX extra_by_id');
  });

  test('give up on a table that is in use before everybody waits behind them', async () => {
    const own = await open();
    const look = "create table looked as select current_setting('lock_timeout') as lock_timeout";
    await migrate(own, await withFiles({ ...known, '0901-look.sql': look }));
    const { rows } = await EngineDatabase.administer(own, (kysely) =>
      sql`select lock_timeout, current_setting('lock_timeout') as afterwards from looked`.execute(kysely),
    );
    expect(rows).toEqual([{ lock_timeout: '10s', afterwards: '0' }]);
  });

  test('refuse a database that a newer program has migrated', async () => {
    const own = await open();
    await migrate(own, await withFiles({ ...known, '0999-newer.sql': 'create table newer (id text)' }));
    await expect(migrate(own)).rejects.toThrow(/newer Tollward \(0999-newer\.sql\)/);
  });
});

describeOnEachEngine('the schema description', (open) => {
  test('is the same on every engine', async () => {
    const database = await open();
    const reference = await openTestDatabase();
    const schema = await describeSchema(database);
    expect(schema).toBe(await describeSchema(reference));
    await reference.close();
  });

  test('shows columns, keys, checks and indexes as the migration declares them', async () => {
    const schema = await describeSchema(await open());
    const certificates = schema.slice(schema.indexOf('## certificates'), schema.indexOf('## client_secrets'));
    expect(certificates).toContain('| `sha256` | bytea | no |  |');
    expect(certificates).toContain('| `revoked_at` | timestamp with time zone | yes |  |');
    expect(certificates).toContain('- `PRIMARY KEY (environment, id)`');
    expect(certificates).toContain('UNIQUE INDEX certificates_by_identity');
    expect(certificates).toContain('- `FOREIGN KEY (environment, client_id) REFERENCES clients(environment, id)`');
    expect(certificates).toContain('- `CHECK ((octet_length(sha256) = 32))`');
    expect(schema).toContain('| `mtls_required` | boolean | no | `true` |');
    expect(schema).toContain('WHERE (chain_position IS NULL)');
  });
});
