// Numbered, forward-only SQL files, applied in order and all in one transaction, under a lock.

import { type Kysely, type Migration, Migrator, sql } from 'kysely';
import type { Database } from './database.js';
import { MigrationError } from './database-errors.js';
import {
  listMigrations,
  migrationsDirectory,
  migrationTableName,
  newerDatabase,
  readApplied,
  readMigration,
} from './migration-status.js';
import type { Tables } from './tables.js';
import { EngineDatabase } from './unit-of-work.js';

const migrationLockTableName = 'schema_migrations_lock';

/**
 * Brings the schema to what this program needs. Of several at the same time one applies, and the others find nothing to do.
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
      await assertNoneUnknown(connection, directory);
      // A change to a large table, and the wait for another process that is migrating, may take their time.
      await sql`set statement_timeout = 0`.execute(connection);
      try {
        return await applyMissing(connection, directory);
      } finally {
        await sql`reset statement_timeout`.execute(connection);
      }
    }),
  );
}

async function applyMissing(connection: Kysely<Tables>, directory: URL): Promise<{ applied: readonly string[] }> {
  const migrator = new Migrator({
    db: connection,
    provider: { getMigrations: async () => Object.fromEntries(await readMigrations(directory)) },
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
  const names = await listMigrations(directory);
  return new Map(
    names.map((name) => [
      name,
      {
        up: async (kysely) => void (await sql.raw(limitWait + (await readMigration(name, directory))).execute(kysely)),
      },
    ]),
  );
}

/** While a change waits for a table that a long query reads, everybody else waits behind it: running servers too. */
const limitWait = "set local lock_timeout = '10s';\n";

async function assertNoneUnknown(connection: Kysely<Tables>, directory: URL): Promise<void> {
  const known = await listMigrations(directory);
  const unknown = (await readApplied(connection)).map(({ name }) => name).filter((name) => !known.includes(name));
  if (unknown.length > 0) throw newerDatabase(unknown);
}
