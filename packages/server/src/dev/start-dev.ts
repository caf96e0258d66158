// `tollward dev`: everything on this machine, nothing to set up.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningTollward, startTollward } from '../compose.js';
import type { LoadedSettings } from '../platform/config/load-settings.js';
import type { Settings } from '../platform/config/settings.js';
import type { Database } from '../platform/database/database.js';
import { migrate } from '../platform/database/migrate.js';
import { openPglite } from '../platform/database/pglite.js';
import { openPostgres } from '../platform/database/postgres.js';
import { createMasterKey } from '../platform/keys/master-key.js';
import { type ManagementSocket, openManagementSocket } from '../platform/listeners/management-socket.js';
import { createLog, type Log, openStandardOutput } from '../platform/observability/log.js';
import { createManagementSurface } from '../surfaces/management/management-surface.js';
import { version } from '../version.js';
import { loadOrCreateMasterKey, prepareDataDirectory } from './data-directory.js';
import { renderQuickStart } from './quick-start.js';
import { seed } from './seed.js';

const drainMs = 25_000;

/** Starts, prints the quick start, and resolves when a signal has ended it. */
export async function startDev({ settings }: LoadedSettings): Promise<void> {
  const { dataDir } = settings;
  // Before the first file: what libraries make, the database above all, is for nobody else either.
  process.umask(0o077);
  const output = openStandardOutput();
  const log = createLog(settings.logLevel, output);
  const say = (line: string): void => void process.stdout.write(`${line}\n`);

  await prepareDataDirectory(dataDir);
  const database = await openDatabase(settings, say);
  const tollward = await openTollward(settings, database, log, say);
  let management: ManagementSocket | undefined;
  try {
    management = await openManagement(dataDir, tollward, log);
    const seeded = await seed(dataDir, tollward);
    // Before the text: whoever reads it may press Ctrl-C.
    const stopped = untilSignal(say);
    say(renderQuickStart(dataDir, seeded.sandbox, tollward));
    await stopped;
  } finally {
    // Together, so that it is not ready from the moment it says that it stops.
    await Promise.all([management?.close(), tollward.close(drainMs)]);
    output.flush();
  }
}

async function openDatabase({ dataDir, databaseUrl }: Settings, say: (line: string) => void): Promise<Database> {
  if (databaseUrl !== undefined) {
    say('Opening the PostgreSQL database ...');
    return openPostgres({ url: databaseUrl, exclusive: true });
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
  settings: Settings,
  database: Database,
  log: Log,
  say: (line: string) => void,
): Promise<RunningTollward> {
  try {
    const { applied } = await migrate(database);
    if (applied.length > 0) say(`Applied ${applied.length} database migration${applied.length === 1 ? '' : 's'}.`);
    const masterKey = createMasterKey(await loadOrCreateMasterKey(settings.dataDir, settings.masterKey));
    say('Starting the listeners ...');
    return await startTollward({ settings, database, masterKey, log });
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function openManagement(dataDir: string, tollward: RunningTollward, log: Log): Promise<ManagementSocket> {
  const startedAt = new Date(tollward.core.clock()).toISOString();
  const status = async () => ({
    version,
    pid: process.pid,
    startedAt,
    listeners: [...tollward.listeners],
    ready: await tollward.isReady(),
  });
  const surface = createManagementSurface({
    ...tollward.core,
    clients: tollward.core.standing,
    status,
    onFault: (error) => log.logger.error({ error }, 'management request failed'),
  });
  await surface.ready();
  return openManagementSocket({ dataDirectory: dataDir, server: surface.server });
}

/** A terminal gives Ctrl-C to npm and to us, and npm passes it on: what comes this soon is the same wish twice. */
const sameWishMs = 500;

/** Resolves at the first SIGINT or SIGTERM; a second wish to stop ends the process at once. */
function untilSignal(say: (line: string) => void): Promise<void> {
  return new Promise((resolve) => {
    let stoppingSince: number | undefined;
    const onSignal = (): void => {
      if (stoppingSince === undefined) {
        stoppingSince = performance.now();
        say('Stopping: running requests may end, new ones are refused. A second signal ends at once.');
        resolve();
      } else if (performance.now() - stoppingSince > sameWishMs) process.exit(1);
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  });
}
