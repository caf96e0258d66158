// `tollward dev`: everything on this machine, nothing to set up.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { environments } from '@tollward/protocol';
import { type RunningTollward, startTollward } from '../compose.js';
import { type LoadedSettings, SettingsError } from '../platform/config/load-settings.js';
import { type Settings, variableName } from '../platform/config/settings.js';
import type { Database } from '../platform/database/database.js';
import { migrate } from '../platform/database/migrate.js';
import { openPglite } from '../platform/database/pglite.js';
import { openPostgres } from '../platform/database/postgres.js';
import { every, type Routine } from '../platform/every.js';
import { createMasterKey } from '../platform/keys/master-key.js';
import type { ManagementSocket } from '../platform/listeners/management-socket.js';
import { createLog, type Log, openStandardOutput } from '../platform/observability/log.js';
import { SecretValue } from '../platform/secret-value.js';
import { drainMs, openManagement, untilSignal } from '../process-life.js';
import { loadOrCreateMasterKey, prepareDataDirectory } from './data-directory.js';
import { renderQuickStart } from './quick-start.js';
import { seed, writeTrustFile } from './seed.js';

/** An authority that was rotated is to be trusted before its time comes. */
const trustFilesMs = 5_000;

/** Starts, prints the quick start, and resolves when a signal has ended it. */
export async function startDev({ settings, files }: LoadedSettings): Promise<void> {
  const { dataDir } = settings;
  if (settings.environment !== 'both') {
    throw new SettingsError([
      `${variableName('environment')} is for "tollward serve": dev serves both environments, which is what its example partners are made for.`,
    ]);
  }
  // Before the first file: what libraries make, the database above all, is for nobody else either.
  process.umask(0o077);
  const output = openStandardOutput();
  const log = createLog(settings.logLevel, output);
  const say = (line: string): void => void process.stdout.write(`${line}\n`);

  await prepareDataDirectory(dataDir);
  const database = await openDatabase(settings, say);
  const tollward = await openTollward({ settings, files }, database, log, say);
  let management: ManagementSocket | undefined;
  let trustFiles: Routine | undefined;
  try {
    management = await openManagement(dataDir, tollward, log);
    const seeded = await seed(dataDir, tollward);
    trustFiles = every(trustFilesMs, log, 'trust files', async () => {
      for (const environment of environments) await writeTrustFile(dataDir, environment, tollward.core);
    });
    // Before the text: whoever reads it may press Ctrl-C.
    const stopped = untilSignal(() =>
      say('Stopping: running requests may end, new ones are refused. A second signal ends at once.'),
    );
    say(renderQuickStart(dataDir, seeded.sandbox, tollward));
    await stopped;
  } finally {
    // Together, so that it is not ready from the moment it says that it stops.
    await Promise.all([trustFiles?.stop(), management?.close(), tollward.close(drainMs)]);
    output.flush();
  }
}

async function openDatabase({ dataDir, databaseUrl }: Settings, say: (line: string) => void): Promise<Database> {
  if (databaseUrl !== undefined) {
    say('Opening the PostgreSQL database ...');
    return openPostgres({ url: databaseUrl });
  }
  const directory = join(dataDir, 'database');
  say(
    existsSync(directory)
      ? 'Opening the embedded database ...'
      : 'Creating the embedded database, on the first start only ...',
  );
  return openPglite({ directory });
}

async function openTollward(
  { settings, files }: Pick<LoadedSettings, 'settings' | 'files'>,
  database: Database,
  log: Log,
  say: (line: string) => void,
): Promise<RunningTollward> {
  try {
    const { applied } = await migrate(database);
    if (applied.length > 0) say(`Applied ${applied.length} database migration${applied.length === 1 ? '' : 's'}.`);
    const { dataDir, masterKey: configured, otherMasterKey } = settings;
    const other = otherMasterKey === undefined ? undefined : new SecretValue(otherMasterKey);
    const masterKey = createMasterKey(await loadOrCreateMasterKey(dataDir, configured), other);
    say('Starting the listeners ...');
    return await startTollward({ settings, files, database, masterKey, log });
  } catch (error) {
    await database.close();
    throw error;
  }
}
