// What the commands that need no running server work on: the database of the settings, opened for one command.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { prepareDataDirectory } from '../dev/data-directory.js';
import { SettingsError } from '../platform/config/load-settings.js';
import type { Settings } from '../platform/config/settings.js';
import type { Database } from '../platform/database/database.js';
import { DataDirectoryInUseError, NoDatabaseError } from '../platform/database/database-errors.js';
import { findDatabaseProblem } from '../serve-settings.js';

/**
 * Opens the database, whatever its migrations, and closes it when the work is over.
 *
 * @param whenMissing what happens where the data directory holds no embedded database yet
 * @throws NoDatabaseError when there is none, and none is to be made
 * @throws DataDirectoryInUseError when a running server has it
 * @throws SettingsError when the data directory belongs to another user or is open to others, or the database URL
 *   can not be used or leads over a network without TLS
 */
export async function withOfflineDatabase<T>(
  settings: Settings,
  work: (database: Database) => Promise<T>,
  whenMissing: 'refuse' | 'make' = 'refuse',
): Promise<T> {
  const database = await open(settings, whenMissing);
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

async function open(settings: Settings, whenMissing: 'refuse' | 'make'): Promise<Database> {
  const { databaseUrl, dataDir } = settings;
  // The engines are loaded only here: commands that speak to a server should not wait for them.
  if (databaseUrl !== undefined) {
    const problem = findDatabaseProblem(settings);
    if (problem !== undefined) throw new SettingsError([problem]);
    const { openPostgres } = await import('../platform/database/postgres.js');
    return openPostgres({ url: databaseUrl, unhurried: true });
  }
  const directory = join(dataDir, 'database');
  // Opening would make one.
  if (whenMissing === 'refuse' && !existsSync(join(directory, 'PG_VERSION'))) throw new NoDatabaseError(directory);
  // As a start does: files of another user, root for one, would lock the server out of its own database.
  await prepareDataDirectory(dataDir);
  process.umask(0o077);
  const { openPglite } = await import('../platform/database/pglite.js');
  try {
    return await openPglite({ directory });
  } catch (error) {
    if (!(error instanceof DataDirectoryInUseError)) throw error;
    throw new DataDirectoryInUseError(error.directory, ` Stop it first: this command works on the files.${error.hint}`);
  }
}
