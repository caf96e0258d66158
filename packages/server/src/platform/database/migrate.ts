// Numbered, forward-only SQL files, applied in order and all in one transaction, under a lock.

import { readdir, readFile } from 'node:fs/promises';
import { type Kysely, type Migration, Migrator, sql } from 'kysely';
import type { Database } from './database.js';
import { MigrationError } from './database-errors.js';
import type { Tables } from './tables.js';
import { EngineDatabase } from './unit-of-work.js';

/** Not copied by the compiler, so both src/ and dist/ read the ones in src/. */
export const migrationsDirectory = new URL('../../../src/platform/database/migrations/', import.meta.url);

const migrationTableName = 'schema_migrations';
const migrationLockTableName = 'schema_migrations_lock';

/**
 * Brings the schema to what this program needs.
 *
 * @returns the files applied now, none when there was nothing to do
 * @throws MigrationError naming the file that failed (then nothing was applied), or when a newer Tollward has already
 *   changed the database
 */
export function migrate(
  database: Database,
  directory: URL = migrationsDirectory,
): Promise<{ applied: readonly string[] }> {
  return EngineDatabase.administer(database, (kysely) =>
    kysely.connection().execute(async (connection) => {
      const migrations = await readMigrations(directory);
      await assertNoneUnknown(connection, migrations);
      // A change to a large table, and the wait for another process that is migrating, may take their time.
      await sql`set statement_timeout = 0`.execute(connection);
      try {
        return await applyMissing(connection, migrations);
      } finally {
        await sql`reset statement_timeout`.execute(connection);
      }
    }),
  );
}

async function applyMissing(
  connection: Kysely<Tables>,
  migrations: ReadonlyMap<string, Migration>,
): Promise<{ applied: readonly string[] }> {
  const migrator = new Migrator({
    db: connection,
    provider: { getMigrations: async () => Object.fromEntries(migrations) },
    migrationTableName,
    migrationLockTableName,
  });
  const { error, results = [] } = await migrator.migrateToLatest();
  if (error !== undefined) {
    const failed = results.find(({ status }) => status === 'Error')?.migrationName;
    const what = failed === undefined ? 'The database could not be migrated' : `Migration ${failed} failed`;
    const why = error instanceof Error ? error.message : String(error);
    throw new MigrationError(`${what}, and nothing was changed: ${why}`, { cause: error });
  }
  return { applied: results.map(({ migrationName }) => migrationName) };
}

async function readMigrations(directory: URL): Promise<ReadonlyMap<string, Migration>> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  return new Map(
    names.map((name) => [
      name,
      { up: async (kysely) => void (await sql.raw(await readFile(new URL(name, directory), 'utf8')).execute(kysely)) },
    ]),
  );
}

async function assertNoneUnknown(
  connection: Kysely<Tables>,
  migrations: ReadonlyMap<string, Migration>,
): Promise<void> {
  const table = sql.table(migrationTableName);
  const { rows: tables } = await sql<{ exists: boolean }>`
    select to_regclass(${migrationTableName}) is not null as exists`.execute(connection);
  if (!tables[0]?.exists) return;
  const { rows } = await sql<{ name: string }>`select name from ${table} order by name`.execute(connection);
  const unknown = rows.map(({ name }) => name).filter((name) => !migrations.has(name));
  if (unknown.length > 0) {
    throw new MigrationError(
      `This database was migrated by a newer Tollward (${unknown.join(', ')}). Run that version or a newer one.`,
    );
  }
}
