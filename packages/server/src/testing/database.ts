// Databases for tests: the embedded engine always, PostgreSQL when TOLLWARD_TEST_DATABASE_URL names a server.

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { PGlite } from '@electric-sql/pglite';
import { afterAll, describe } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { migrate } from '../platform/database/migrate.js';
import { migrationsDirectory } from '../platform/database/migration-status.js';
import { createPglite, pgliteDatabase } from '../platform/database/pglite.js';
import { openPostgres } from '../platform/database/postgres.js';
import { createTestPostgres, type TestPostgres, testServerUrl } from './postgres-server.js';

/** Opens a database of its own for every call, migrated and empty. It is gone when the block ends. */
export type OpenDatabase = () => Promise<Database>;

/**
 * Runs a block of tests on both engines. The PostgreSQL half is skipped when no server is configured, and an error
 * instead when TOLLWARD_TEST_REQUIRE_POSTGRES is 1.
 */
export function describeOnEachEngine(name: string, block: (open: OpenDatabase) => void): void {
  const serverUrl = testServerUrl();
  describe(`${name} [PGlite]`, () => {
    const opened: Database[] = [];
    afterAll(() => closeAll(opened));
    block(async () => keep(opened, await openTestDatabase()));
  });
  describe.skipIf(!serverUrl)(`${name} [PostgreSQL]`, () => {
    const opened: Database[] = [];
    const created: TestPostgres[] = [];
    afterAll(async () => {
      await closeAll(opened);
      for (const postgres of created) await postgres.drop();
    });
    block(async () => {
      const postgres = await createTestPostgres(serverUrl ?? '');
      created.push(postgres);
      const database = keep(opened, await openPostgres({ url: postgres.url, poolSize: 4 }));
      await migrate(database);
      return database;
    });
  });
}

/** A migrated, empty database in memory. The caller closes it. */
export async function openTestDatabase(): Promise<Database> {
  return pgliteDatabase(idleEngines.pop() ?? (await createEngine()));
}

function keep(opened: Database[], database: Database): Database {
  opened.push(database);
  return database;
}

async function closeAll(opened: readonly Database[]): Promise<void> {
  for (const database of opened) await database.close();
}

// An engine takes half a second to make and some milliseconds to empty, so that the next test gets the one before.
const idleEngines: PGlite[] = [];

async function createEngine(): Promise<PGlite> {
  const engine = await createPglite(undefined, await migratedImage());
  const asMade = await schemaState(engine);
  const end = engine.close.bind(engine);
  engine.close = async () => {
    // One whose schema a test changed is not used again.
    const usable = (await schemaState(engine).catch(() => undefined)) === asMade;
    if (!usable) return end();
    await engine.exec('discard all');
    await engine.exec(await statementThatEmpties(engine));
    idleEngines.push(engine);
  };
  return engine;
}

/** Differs when a table, a column, a trigger, a function or the list of migrations does. */
async function schemaState(engine: PGlite): Promise<string> {
  const { rows } = await engine.query<{ state: string }>(`
    select format('%s %s %s', count(*), max(xmin::text::bigint),
                  (select string_agg(name, ',' order by name) from schema_migrations)) as state
    from (select xmin from pg_attribute union all select xmin from pg_type
          union all select xmin from pg_trigger union all select xmin from pg_proc) as definitions`);
  return rows[0]?.state ?? '';
}

async function statementThatEmpties(engine: PGlite): Promise<string> {
  const { rows } = await engine.query<{ tables: string }>(`
    select string_agg(format('%I', tablename), ', ') as tables
    from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations'`);
  return `truncate ${rows[0]?.tables} restart identity`;
}

const cacheDirectory = new URL('../../../../node_modules/.cache/tollward/', import.meta.url);
let image: Promise<Blob> | undefined;

/** A dump of a migrated, empty database. Loading it takes a fraction of the time of creating and migrating a database. */
export function migratedImage(): Promise<Blob> {
  image ??= readOrCreateImage();
  return image;
}

// Nothing connects to the template databases, and they are two thirds of the files that each copy is made of.
const leanSteps = [
  "update pg_database set datistemplate = false where datname in ('template0', 'template1')",
  'drop database template0',
  'drop database template1',
];

async function readOrCreateImage(): Promise<Blob> {
  const file = new URL(`${await imageKey()}.tar`, cacheDirectory);
  const cached = await readFile(file).catch(() => undefined);
  if (cached) return new Blob([cached]);

  const pglite = await createPglite();
  const database = pgliteDatabase(pglite);
  await migrate(database);
  for (const step of leanSteps) await pglite.exec(step);
  const dump = await pglite.dumpDataDir('none');
  await database.close();

  // Several test workers may get here at once. Each writes a file of its own, and the rename is atomic.
  await mkdir(cacheDirectory, { recursive: true });
  const temporary = new URL(`${randomBytes(8).toString('hex')}.tmp`, cacheDirectory);
  await writeFile(temporary, new Uint8Array(await dump.arrayBuffer()));
  await rename(temporary, file);
  return dump;
}

async function imageKey(): Promise<string> {
  const hash = createHash('sha256')
    .update(await pgliteVersion())
    .update(leanSteps.join());
  for (const name of (await readdir(migrationsDirectory)).sort()) {
    hash.update(`\0${name}\0`).update(await readFile(new URL(name, migrationsDirectory)));
  }
  return hash.digest('hex');
}

async function pgliteVersion(): Promise<string> {
  // The package does not export its package.json, which lies beside the folder of its entry point.
  const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite');
  return readFile(new URL('../package.json', pathToFileURL(entry)), 'utf8');
}
