// Which migrations a database has had, against those that this program brings.

import { readdir, readFile } from 'node:fs/promises';
import { type Kysely, sql } from 'kysely';
import type { Database } from './database.js';
import { MigrationError } from './database-errors.js';
import type { Tables } from './tables.js';
import { EngineDatabase } from './unit-of-work.js';

/** Not copied by the compiler, so both src/ and dist/ read the ones in src/. */
export const migrationsDirectory = new URL('../../../src/platform/database/migrations/', import.meta.url);

export const migrationTableName = 'schema_migrations';

export interface AppliedMigration {
  readonly name: string;
  readonly appliedAt: Date;
}

export interface MigrationStatus {
  /** In the order of their names. */
  readonly applied: readonly AppliedMigration[];
  /** What this program brings and the database has not had. */
  readonly pending: readonly string[];
  /** What the database has had from a newer program. */
  readonly unknown: readonly string[];
}

/** Changes nothing: a database without any migration stays as it is. */
export function checkMigrations(database: Database, directory: URL = migrationsDirectory): Promise<MigrationStatus> {
  return EngineDatabase.administer(database, async (kysely) => {
    const applied = await readApplied(kysely);
    const names = applied.map(({ name }) => name);
    const known = await listMigrations(directory);
    return {
      applied,
      pending: known.filter((name) => !names.includes(name)),
      unknown: names.filter((name) => !known.includes(name)),
    };
  });
}

/**
 * @returns the names of what was applied, which is exactly what this program brings
 * @throws MigrationError when something is missing, or known only to a newer program
 */
export async function assertMigrated(database: Database): Promise<readonly string[]> {
  const { applied, pending, unknown } = await checkMigrations(database);
  if (unknown.length > 0) throw newerDatabase(unknown);
  if (pending.length > 0) {
    throw new MigrationError(
      `The database lacks ${pending.join(', ')}. "tollward migrate up" applies what is missing.`,
    );
  }
  return applied.map(({ name }) => name);
}

export function newerDatabase(unknown: readonly string[]): MigrationError {
  return new MigrationError(
    `This database was migrated by a newer Tollward (${unknown.join(', ')}). Run that version or a newer one.`,
  );
}

/** The files this program brings, in the order in which they are applied. */
export async function listMigrations(directory: URL = migrationsDirectory): Promise<readonly string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
}

export function readMigration(name: string, directory: URL = migrationsDirectory): Promise<string> {
  return readFile(new URL(name, directory), 'utf8');
}

export async function readApplied(kysely: Kysely<Tables>): Promise<readonly AppliedMigration[]> {
  const { rows: tables } = await sql<{ exists: boolean }>`
    select to_regclass(${migrationTableName}) is not null as exists`.execute(kysely);
  if (!tables[0]?.exists) return [];
  const { rows } = await sql<{ name: string; timestamp: string }>`
    select name, timestamp from ${sql.table(migrationTableName)} order by name collate "C"`.execute(kysely);
  return rows.map(({ name, timestamp }) => ({ name, appliedAt: new Date(timestamp) }));
}
