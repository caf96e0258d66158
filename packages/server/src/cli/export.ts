// `tollward export`: the whole installation as one file, for another database.

import { access, type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Exported, exportData } from '../platform/database/export-data.js';
import { type Cli, done, failed, type Outcome } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { withOfflineDatabase } from './offline-database.js';

export function addExportCommand({ program, context, run }: Cli): void {
  program
    .command('export')
    .description('write everything that the database holds into a file, to import it into another one')
    .argument('<file>', 'a new file')
    .action((name: string) =>
      run(async (load) => {
        const { settings } = load();
        const path = resolve(context.workingDirectory, name);
        const exportedAt = new Date(context.clock());
        const written = await writeNewFile(path, (write) =>
          withOfflineDatabase(settings, (database) => exportData(database, exportedAt, write)),
        );
        if (!written.ok) return written.outcome;
        return describe(path, written.value, settings.databaseUrl !== undefined);
      }),
    );
}

function describe(path: string, { tables, end }: Exported, isShared: boolean): Outcome {
  const text = [
    `${path} holds ${end.rows} rows of ${end.tables} tables, with the SHA-256 ${end.sha256}.`,
    'The master key is not in it, and nothing sealed by it can be used without: carry it along, on another way. Neither are the settings.',
    ...(isShared
      ? [
          'It is what the database held when the export began. For a move, stop every server first: what they change now is not in it.',
        ]
      : []),
  ].join('\n');
  return done(text, {
    file: path,
    ...end,
    rowsOfTables: Object.fromEntries(tables.map(({ table, rows }) => [table, rows])),
  });
}

interface Refused {
  readonly ok: false;
  readonly outcome: Outcome;
}

type Written<T> = { readonly ok: true; readonly value: T } | Refused;

/** For its owner only, under its name only when it is complete, and never over another file. */
async function writeNewFile<T>(
  path: string,
  work: (write: (text: string) => Promise<void>) => Promise<T>,
): Promise<Written<T>> {
  if (await exists(path)) return taken(path);
  const partial = `${path}.partial`;
  let handle: FileHandle;
  try {
    handle = await open(partial, 'wx', 0o600);
  } catch (error) {
    if (!isExisting(error)) throw error;
    return refused(
      `${partial} exists: another export is writing it, or one was cut off. Remove it when none is running.`,
    );
  }
  try {
    const value = await work(async (text) => void (await handle.writeFile(text)));
    await handle.sync();
    if (await exists(path)) return taken(path);
    await rename(partial, path);
    await syncDirectory(dirname(path));
    return { ok: true, value };
  } finally {
    await handle.close();
    await rm(partial, { force: true });
  }
}

function taken(path: string): Refused {
  return refused(`${path} exists and is not overwritten. Name another file.`);
}

function refused(message: string): Refused {
  return { ok: false, outcome: failed(exitCodes.conflict, message) };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
