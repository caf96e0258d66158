// The file that holds an installation: JSON, a line each. A header; of every table a line that names its columns, its rows as
// lists of texts, and a line that counts them; at the end the totals and the SHA-256 (FIPS 180-4) of every line before, which
// tells damage. Where the master key was at hand an HMAC follows, which tells changes as well.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { z } from 'zod';
import { describeConfigured, type ParsedMasterKey } from '../keys/master-key.js';
import { ImportError } from './database-errors.js';
import { createExportMac, type ExportMacMaker, exportMacSchema, isSameMac } from './export-mac.js';
import { type MovedTable, movedTables } from './moved-tables.js';

export const exportFormat = 1;

const headerSchema = z.strictObject({
  tollwardExport: z.literal(exportFormat),
  migrations: z.array(z.string()),
  engine: z.enum(['pglite', 'postgres']),
  exportedAt: z.iso.datetime(),
});
const tableSchema = z.strictObject({ table: z.enum(movedTables), columns: z.array(z.string()).min(1) });
const countSchema = z.strictObject({ table: z.enum(movedTables), rows: z.int().min(0) });
const endSchema = z.strictObject({
  tables: z.int().min(0),
  rows: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
const rowSchema = z.array(z.string().nullable());

export type ExportHeader = z.output<typeof headerSchema>;
export type ExportEnd = z.output<typeof endSchema>;

/**
 * Whether somebody with a master key wrote the file as it is: `missing`, it does not say so; `unchecked`, it does, and no
 * master key is at hand.
 */
export type ExportProof = 'verified' | 'missing' | 'unchecked';

export type ExportPart =
  | { readonly kind: 'header'; readonly header: ExportHeader }
  | { readonly kind: 'table'; readonly table: MovedTable; readonly columns: readonly string[] }
  /** A JSON list of texts and nulls, as many as the table has columns. */
  | { readonly kind: 'row'; readonly json: string }
  | { readonly kind: 'end'; readonly end: ExportEnd; readonly proof: ExportProof };

/**
 * The parts of a file in the order in which an export writes them. The end comes only for a file that is whole and unchanged.
 *
 * @param masterKeys those at hand
 * @throws ImportError for every other file
 */
export async function* readExportFile(
  path: string,
  masterKeys: readonly ParsedMasterKey[] = [],
): AsyncGenerator<ExportPart> {
  const hash = createHash('sha256');
  const macs = masterKeys.map(createExportMac);
  const lines = readLines(path);
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new ImportError('the file is not whole, its end is missing.');
    return value;
  };
  const hashed = (line: string): string => {
    hash.update(line).update('\n');
    for (const mac of macs) mac.update(`${line}\n`);
    return line;
  };

  yield { kind: 'header', header: parseHeader(hashed(await next())) };
  let rows = 0;
  for (const table of movedTables) {
    const { columns } = parseOf(table, tableSchema, hashed(await next()));
    yield { kind: 'table', table, columns };
    let rowsOfTable = 0;
    let line = hashed(await next());
    for (; line.startsWith('['); line = hashed(await next())) {
      const row = rowSchema.safeParse(parseJson(line)).data;
      if (row?.length !== columns.length) throw changed(`row ${rowsOfTable + 1} of ${table}`);
      rowsOfTable += 1;
      yield { kind: 'row', json: line };
    }
    if (parseOf(table, countSchema, line).rows !== rowsOfTable) throw changed(`the number of rows of ${table}`);
    rows += rowsOfTable;
  }
  const sha256 = hash.copy().digest('hex');
  const end = endSchema.safeParse(parseJson(hashed(await next()))).data;
  if (end === undefined || end.tables !== movedTables.length || end.rows !== rows) throw changed('the last line');
  if (end.sha256 !== sha256) throw changed('its SHA-256');
  const { value: last } = await lines.next();
  const proof = last === undefined ? 'missing' : checkMac(last, macs);
  if (!(await lines.next()).done) throw changed('what follows its end');
  yield { kind: 'end', end, proof };
}

function checkMac(line: string, macs: readonly ExportMacMaker[]): ExportProof {
  const found = exportMacSchema.safeParse(parseJson(line)).data;
  if (found === undefined) throw changed('what follows its end');
  const made = macs.map((mac) => mac.finish());
  const [main, other] = made;
  if (main === undefined) return 'unchecked';
  const mac = made.find(({ masterKey }) => masterKey === found.masterKey);
  if (mac === undefined) {
    const configured = describeConfigured({ id: main.masterKey, otherId: other?.masterKey ?? null });
    throw new ImportError(
      `the file was written with master key ${found.masterKey}, ${configured}. Configure the master key of the installation that was exported.`,
    );
  }
  if (!isSameMac(mac, found)) throw changed('its HMAC');
  return 'verified';
}

function parseHeader(line: string): ExportHeader {
  const value = parseJson(line);
  const header = headerSchema.safeParse(value).data;
  if (header !== undefined) return header;
  const format = z.object({ tollwardExport: z.number() }).safeParse(value).data?.tollwardExport;
  if (format === undefined) throw new ImportError('the file is no export of Tollward.');
  if (format === exportFormat) throw changed('the first line');
  throw new ImportError(
    `the file has format ${format}, and this version reads ${exportFormat}. Use the version that made it.`,
  );
}

function parseOf<T extends { readonly table: string }>(table: MovedTable, schema: z.ZodType<T>, line: string): T {
  const parsed = schema.safeParse(parseJson(line)).data;
  if (parsed?.table !== table) throw changed(`a line where ${table} is expected`);
  return parsed;
}

function changed(where: string): ImportError {
  return new ImportError(`the file was damaged or changed after it was made (${where}).`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Far beyond every row, and little enough for a file without any line ends. */
const longestLine = 4 * 1024 * 1024;

async function* readLines(path: string): AsyncGenerator<string> {
  let rest = '';
  const stream = createReadStream(path, 'utf8');
  for await (const chunk of stream as AsyncIterable<string>) {
    const [first = '', ...others] = chunk.split('\n');
    rest += first;
    for (const other of others) {
      yield rest;
      rest = other;
    }
    if (rest.length > longestLine) throw new ImportError('the file is no export of Tollward.');
  }
  if (rest !== '') throw new ImportError('the file is not whole, its last line is cut off.');
}
