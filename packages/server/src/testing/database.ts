// Databases for tests: the embedded engine always, PostgreSQL when TOLLWARD_TEST_DATABASE_URL names a server.

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { afterAll, describe } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { migrate } from '../platform/database/migrate.js';
import { migrationsDirectory } from '../platform/database/migration-status.js';
import { createPglite, openPglite, pgliteDatabase } from '../platform/database/pglite.js';
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
  return openPglite({ directory: 'memory', loadFrom: await migratedImage() });
}

function keep(opened: Database[], database: Database): Database {
  opened.push(database);
  return database;
}

async function closeAll(opened: readonly Database[]): Promise<void> {
  for (const database of opened) await database.close();
}

const cacheDirectory = new URL('../../../../node_modules/.cache/tollward/', import.meta.url);
let image: Promise<Blob> | undefined;

/** A dump of a migrated, empty database. Loading it takes a fraction of the time of creating and migrating a database. */
export function migratedImage(): Promise<Blob> {
  image ??= readOrCreateImage();
  return image;
}

async function readOrCreateImage(): Promise<Blob> {
  const file = new URL(`${await imageKey()}.tar`, cacheDirectory);
  const cached = await readFile(file).catch(() => undefined);
  if (cached) return new Blob([cached]);

  const pglite = await createPglite();
  const database = pgliteDatabase(pglite);
  await migrate(database);
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
  const hash = createHash('sha256').update(await pgliteVersion());
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
