// `tollward serve`: one of any number of nodes on one PostgreSQL database.

import { type RunningTollward, startTollward } from './compose.js';
import { prepareDataDirectory } from './dev/data-directory.js';
import { findPolicyProblems } from './gateway/index.js';
import { servedEnvironments } from './open-listeners.js';
import { type LoadedSettings, SettingsError } from './platform/config/load-settings.js';
import type { Database } from './platform/database/database.js';
import { MigrationError } from './platform/database/database-errors.js';
import { checkMigrations } from './platform/database/migration-status.js';
import { openPostgres } from './platform/database/postgres.js';
import { createMasterKey } from './platform/keys/master-key.js';
import type { ManagementSocket } from './platform/listeners/management-socket.js';
import { createLog, type Log, openStandardOutput } from './platform/observability/log.js';
import { SecretValue } from './platform/secret-value.js';
import { drainMs, openManagement, readFilesAgain, untilSignal } from './process-life.js';
import { findServeProblems, unsafeSettings } from './serve-settings.js';
import { version } from './version.js';

/** A worker that keeps its connection hears in its next answer that it ends, if there is one this soon. */
const idleMs = 5_000;

/**
 * Starts a node and resolves when a signal has ended it.
 *
 * @throws SettingsError, MigrationError when the schema is not there yet, and what opening the database throws
 */
export async function startServe({ settings, files }: LoadedSettings): Promise<void> {
  const { databaseUrl, masterKey, dataDir } = settings;
  // From the first moment on: a reload that comes during the start must not end the process.
  let reload = (): void => undefined;
  process.on('SIGHUP', () => reload());
  const served = servedEnvironments(settings);
  const problems = [
    ...findServeProblems(settings, served),
    ...(await findPolicyProblems({ settings, files, environments: served })),
  ];
  if (problems.length > 0 || databaseUrl === undefined || masterKey === undefined) throw new SettingsError(problems);
  process.umask(0o077);
  const output = openStandardOutput();
  const log = createLog(settings.logLevel, output);
  for (const name of unsafeSettings(settings)) {
    log.logger.warn({ setting: name }, 'an unsafe setting is in use');
  }
  await prepareDataDirectory(dataDir);
  const database = await openPostgres({ url: databaseUrl });
  const tollward = await openNode({ settings, files }, masterKey, database, log);
  let management: ManagementSocket | undefined;
  try {
    management = await openManagement(dataDir, tollward, log);
    const stopped = untilSignal(() =>
      log.logger.info('stopping: running requests may end, new connections are refused'),
    );
    reload = () => readFilesAgain(tollward, log);
    const { listeners, operationsUrl: operations, core } = tollward;
    log.logger.info({ version, node: core.feed.nodeId, listeners, operations }, 'ready');
    await stopped;
  } finally {
    try {
      // Together, so that it is not ready from the moment it says that it stops.
      await Promise.all([management?.close(), tollward.close(drainMs, idleMs)]);
      log.logger.info('stopped');
    } finally {
      output.flush();
      // What still waits for a silent database would keep the process.
      setTimeout(() => process.exit(), 500).unref();
    }
  }
}

async function openNode(
  { settings, files }: Pick<LoadedSettings, 'settings' | 'files'>,
  masterKey: string,
  database: Database,
  log: Log,
): Promise<RunningTollward> {
  try {
    const { pending, unknown } = await checkMigrations(database);
    if (pending.length > 0) {
      throw new MigrationError(
        `The database is not migrated for this version: ${pending.join(', ')} ${pending.length === 1 ? 'is' : 'are'} missing. Run "tollward migrate up" first.`,
      );
    }
    // While an installation is upgraded node by node, those of the version before go on, and may have to start again.
    if (unknown.length > 0) log.logger.warn({ migrations: unknown }, 'a newer version has migrated the database');
    const { otherMasterKey } = settings;
    const other = otherMasterKey === undefined ? undefined : new SecretValue(otherMasterKey);
    const key = createMasterKey(new SecretValue(masterKey), other);
    return await startTollward({ settings, files, database, masterKey: key, log });
  } catch (error) {
    await database.close();
    throw error;
  }
}
