// Fills an empty database with an installation from a file.

import { type RawBuilder, sql } from 'kysely';
import type { ParsedMasterKey } from '../keys/master-key.js';
import type { Database, Tx } from './database.js';
import { ImportError } from './database-errors.js';
import { type ExportEnd, type ExportHeader, type ExportProof, readExportFile } from './export-file.js';
import { assertMigrated } from './migration-status.js';
import { type MovedColumn, type MovedTable, movedTables, readMovedColumns } from './moved-tables.js';

/** Rows in one statement. */
const rowsAtOnce = 500;

export interface Imported {
  readonly header: ExportHeader;
  readonly end: ExportEnd;
  readonly proof: ExportProof;
}

/**
 * All of the file or nothing. The file is read twice: first to see that it is whole, so that a damaged one is told as such and
 * not by what the database makes of it.
 *
 * @param check looks at what was imported before it is kept, and throws when it must not be
 * @param masterKeys those at hand, to prove that the file is as it was written
 * @throws ImportError, MigrationError when the database is not exactly at the migrations of this program
 */
export async function importData(
  database: Database,
  path: string,
  check: (tx: Tx) => Promise<void>,
  masterKeys: readonly ParsedMasterKey[] = [],
): Promise<Imported> {
  const { header } = await readThrough(path, masterKeys);
  assertSameMigrations(header.migrations, await assertMigrated(database));
  const imported = await database.transaction(async (tx) => {
    // From the look at what is there until the end nobody else may write.
    await sql`lock table ${sql.join(movedTables.map((table) => sql.table(table)))} in share row exclusive mode`.execute(
      tx,
    );
    await assertEmpty(tx);
    const inserted = await insertAll(tx, path, masterKeys);
    for (const table of movedTables) await continueNumbers(tx, table);
    await check(tx);
    return inserted;
  });
  return { header, ...imported };
}

async function readThrough(path: string, masterKeys: readonly ParsedMasterKey[]): Promise<{ header: ExportHeader }> {
  let header: ExportHeader | undefined;
  for await (const part of readExportFile(path, masterKeys)) if (part.kind === 'header') header = part.header;
  if (header === undefined) throw new Error('an export without a header was read to its end');
  return { header };
}

function assertSameMigrations(exported: readonly string[], applied: readonly string[]): void {
  const onlyInFile = exported.filter((name) => !applied.includes(name));
  const onlyHere = applied.filter((name) => !exported.includes(name));
  if (onlyInFile.length > 0) {
    throw new ImportError(
      `the file comes from a newer Tollward, with ${onlyInFile.join(', ')}. Import it with that version.`,
    );
  }
  if (onlyHere.length > 0) {
    throw new ImportError(
      `the file comes from an older Tollward, without ${onlyHere.join(', ')}. Run "tollward migrate up" where it was made and export again.`,
    );
  }
}

async function assertEmpty(tx: Tx): Promise<void> {
  const filled: string[] = [];
  for (const table of movedTables) {
    const { rows } = await sql`select from ${sql.table(table)} limit 1`.execute(tx);
    if (rows.length > 0) filled.push(table);
  }
  if (filled.length > 0) {
    throw new ImportError(`the database is not empty, there are rows in ${filled.join(', ')}. Import into a new one.`);
  }
}

async function insertAll(
  tx: Tx,
  path: string,
  masterKeys: readonly ParsedMasterKey[],
): Promise<Omit<Imported, 'header'>> {
  let insert: (rows: readonly string[]) => Promise<void> = async () => undefined;
  let waiting: string[] = [];
  for await (const part of readExportFile(path, masterKeys)) {
    if (part.kind === 'row') {
      waiting.push(part.json);
      if (waiting.length < rowsAtOnce) continue;
    }
    await insert(waiting);
    waiting = [];
    if (part.kind === 'table') insert = await inserterOf(tx, part.table, part.columns);
    if (part.kind === 'end') return { end: part.end, proof: part.proof };
  }
  throw new Error('an export ended without its last line');
}

async function inserterOf(
  tx: Tx,
  table: MovedTable,
  names: readonly string[],
): Promise<(rows: readonly string[]) => Promise<void>> {
  const columns = await readMovedColumns(tx, table);
  if (columns.map(({ name }) => name).join() !== names.join()) {
    throw new ImportError(`the columns of ${table} are others than in this database.`);
  }
  const targets = sql.join(names.map((name) => sql.ref(name)));
  const values = sql.join(columns.map(columnFrom));
  return async (rows) => {
    if (rows.length === 0) return;
    await sql`
      insert into ${sql.table(table)} (${targets}) overriding system value
      select ${values} from json_array_elements(${`[${rows.join()}]`}::json) as line
    `.execute(tx);
  };
}

function columnFrom({ type }: MovedColumn, index: number): RawBuilder<unknown> {
  const text = sql`line ->> ${sql.lit(index)}`;
  return type === 'bytea' ? sql`decode(${text}, 'base64')` : sql`(${text})::${sql.raw(type)}`;
}

/** Columns that number themselves go on after the highest number that came along. */
async function continueNumbers(tx: Tx, table: MovedTable): Promise<void> {
  for (const { name, sequence } of await readMovedColumns(tx, table)) {
    if (sequence === null) continue;
    const highest = sql`(select max(${sql.ref(name)}) from ${sql.table(table)})`;
    await sql`select setval(${sequence}, ${highest}) where ${highest} is not null`.execute(tx);
  }
}
