// `tollward export`: the whole installation as one file, for another database.

import { access, type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Exported, exportData } from '../platform/database/export-data.js';
import { type Cli, done, failed, type Outcome } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { withOfflineDatabase } from './offline-database.js';
import { readMasterKeys } from './offline-master-key.js';

export function addExportCommand({ program, context, run }: Cli): void {
  program
    .command('export')
    .description('write everything that the database holds into a file, to import it into another one')
    .argument('<file>', 'a new file')
    .addHelpText('after', `\n${keeping}`)
    .action((name: string) =>
      run(async (load) => {
        const { settings } = load();
        const path = resolve(context.workingDirectory, name);
        const exportedAt = new Date(context.clock());
        const [masterKey] = await readMasterKeys(settings);
        const written = await writeNewFile(path, (write) =>
          withOfflineDatabase(settings, (database) => exportData(database, exportedAt, write, masterKey)),
        );
        if (!written.ok) return written.outcome;
        return describe(path, written.value, settings.databaseUrl !== undefined);
      }),
    );
}

const keeping =
  'The file is not encrypted, apart from private keys. With the master key at hand it ends in an HMAC, by which "tollward\n' +
  'import" finds a change; without, whoever can write to it can make clients of his own. Keep it as private and\n' +
  'unchangeable as a backup.';

function describe(path: string, { tables, end, isAuthenticated }: Exported, isShared: boolean): Outcome {
  const text = [
    `${path} holds ${end.rows} rows of ${end.tables} tables, with the SHA-256 ${end.sha256}.`,
    'The master key is not in it, and nothing sealed by it can be used without: carry it along, on another way. Neither are the settings.',
    isAuthenticated
      ? 'It ends in an HMAC made with the master key, by which an import finds a change.'
      : 'No master key was at hand, so it has no HMAC and no import finds what somebody changes in it: keep it unchangeable.',
    ...(isShared
      ? [
          'It is what the database held when the export began. For a move, stop every server first: what they change now is not in it.',
        ]
      : []),
  ].join('\n');
  return done(text, {
    file: path,
    ...end,
    authenticated: isAuthenticated,
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
