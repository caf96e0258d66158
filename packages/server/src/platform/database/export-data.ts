// Writes down an installation, in the form that export-file.ts reads.

import { createHash } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import type { ParsedMasterKey } from '../keys/master-key.js';
import type { Database, Tx } from './database.js';
import { type ExportEnd, type ExportHeader, exportFormat } from './export-file.js';
import { createExportMac } from './export-mac.js';
import { assertMigrated } from './migration-status.js';
import { type MovedColumn, type MovedTable, movedTables, readMovedColumns } from './moved-tables.js';
import { EngineDatabase } from './unit-of-work.js';

/** Rows in memory at one time. */
const rowsAtOnce = 1_000;

export interface ExportedTable {
  readonly table: MovedTable;
  readonly rows: number;
}

export interface Exported {
  readonly tables: readonly ExportedTable[];
  readonly end: ExportEnd;
  /** Whether it has the last line that proves who wrote it. */
  readonly isAuthenticated: boolean;
}

/**
 * Everything as of one moment, whoever else writes meanwhile. Private keys stay sealed by the master key.
 *
 * @param write takes the next piece of the file
 * @param masterKey proves that the file is as it was written; left out, nothing does
 * @throws MigrationError when the database is not exactly at the migrations of this program
 */
export async function exportData(
  database: Database,
  exportedAt: Date,
  write: (text: string) => Promise<void>,
  masterKey?: ParsedMasterKey | undefined,
): Promise<Exported> {
  const migrations = await assertMigrated(database);
  const { engine } = database;
  const header: ExportHeader = {
    tollwardExport: exportFormat,
    migrations: [...migrations],
    engine,
    exportedAt: exportedAt.toISOString(),
  };
  return EngineDatabase.administer(database, (kysely) =>
    kysely
      .transaction()
      .setIsolationLevel('repeatable read')
      .setAccessMode('read only')
      .execute(async (tx) => writeAll(tx, header, write, masterKey)),
  );
}

async function writeAll(
  tx: Tx,
  header: ExportHeader,
  write: (text: string) => Promise<void>,
  masterKey: ParsedMasterKey | undefined,
): Promise<Exported> {
  // Dates are written as the server spells them.
  await sql.raw(`set local datestyle = 'ISO'; set local timezone = 'UTC'`).execute(tx);
  const hash = createHash('sha256');
  const mac = masterKey && createExportMac(masterKey);
  const writeLines = async (lines: readonly string[]): Promise<void> => {
    const text = lines.map((line) => `${line}\n`).join('');
    hash.update(text);
    mac?.update(text);
    await write(text);
  };

  await writeLines([JSON.stringify(header)]);
  const tables: ExportedTable[] = [];
  for (const table of movedTables) {
    const columns = await readMovedColumns(tx, table);
    await writeLines([JSON.stringify({ table, columns: columns.map(({ name }) => name) })]);
    const rows = await writeRows(tx, table, columns, writeLines);
    await writeLines([JSON.stringify({ table, rows })]);
    tables.push({ table, rows });
  }
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  const end = { tables: tables.length, rows, sha256: hash.copy().digest('hex') };
  await writeLines([JSON.stringify(end)]);
  if (mac !== undefined) await write(`${JSON.stringify(mac.finish())}\n`);
  return { tables, end, isAuthenticated: mac !== undefined };
}

async function writeRows(
  tx: Tx,
  table: MovedTable,
  columns: readonly MovedColumn[],
  writeLines: (lines: readonly string[]) => Promise<void>,
): Promise<number> {
  const values = sql.join(columns.map(textOf));
  await sql`
    declare exported_rows no scroll cursor for
    select json_build_array(${values})::text as line from ${sql.table(table)}
  `.execute(tx);
  let written = 0;
  for (;;) {
    const { rows } = await sql<{ line: string }>`fetch ${sql.lit(rowsAtOnce)} from exported_rows`.execute(tx);
    if (rows.length === 0) break;
    await writeLines(rows.map(({ line }) => line));
    written += rows.length;
  }
  await sql`close exported_rows`.execute(tx);
  return written;
}

/** The server's own text of a value loses nothing, the microseconds of a time included. */
function textOf({ name, type }: MovedColumn): RawBuilder<string> {
  const column = sql.ref(name);
  return type === 'bytea' ? sql`replace(encode(${column}, 'base64'), chr(10), '')` : sql`${column}::text`;
}
