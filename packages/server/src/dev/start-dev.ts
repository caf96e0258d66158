// `tollward dev`: everything on this machine, nothing to set up.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isatty } from 'node:tty';
import { type Environment, environments } from '@tollward/protocol';
import { type RunningTollward, startTollward, type TollwardOptions } from '../compose.js';
import { readPolicies } from '../gateway/index.js';
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
import { drainMs, openManagement, readFilesAgain, untilSignal } from '../process-life.js';
import { createInjectedFaults } from '../surfaces/wire/injected-faults.js';
import { loadOrCreateMasterKey, prepareDataDirectory } from './data-directory.js';
import { renderQuickStart } from './quick-start.js';
import { seed, trustFileOf, writeTrustFile } from './seed.js';
import { findSimulatorProgram, type Simulators, startSimulators } from './simulators.js';

/** An authority that was rotated is to be trusted before its time comes. */
const trustFilesMs = 5_000;

export interface DevOptions {
  /** When standard input ends, so does the server: whoever started it may have been killed. */
  readonly endWithStdin?: boolean;
}

function terminate(): void {
  process.kill(process.pid, 'SIGTERM');
}

/** Starts, prints the quick start, and resolves when a signal has ended it. */
export async function startDev({ settings, files }: LoadedSettings, { endWithStdin }: DevOptions = {}): Promise<void> {
  // As the signal would, so also during the start.
  if (endWithStdin) process.stdin.on('end', terminate).on('error', terminate).resume();
  const { dataDir } = settings;
  if (settings.environment !== 'both') {
    throw new SettingsError([
      `${variableName('environment')} is for "tollward serve": dev serves both environments, which is what its example partners are made for.`,
    ]);
  }
  const simulatorProgram = findSimulatorProgram(settings);
  // They are read again where they are used. Here it is still early: a start that is refused leaves nothing behind.
  const policies = await readPolicies({ settings, files, environments });
  // Before the first file: what libraries make, the database above all, is for nobody else either.
  process.umask(0o077);
  const output = openStandardOutput();
  const log = createLog(settings.logLevel, output);
  // The quick start says in words what a good start would log. No checkpoint of the audit chain is missed in these lines: they
  // go to a terminal, and the next one covers what the one before did.
  if (settings.logLevel === 'info') log.logger.level = 'warn';
  const say = (line: string): void => void process.stdout.write(`${line}\n`);

  const hasTerminal = isatty(0);
  await prepareDataDirectory(dataDir);
  const database = await openDatabase(settings, say);
  let simulators: Simulators | undefined;
  const settledUrls = { sandbox: settings.sandboxUpstream, production: settings.productionUpstream };
  const upstreamUrl = (environment: Environment): string | undefined =>
    settledUrls[environment] ?? simulators?.urlOf(environment);
  const injectedFaults = createInjectedFaults();
  const tollward = await openTollward({ settings, files, upstreamUrl, injectedFaults }, database, log, say);
  let management: ManagementSocket | undefined;
  let trustFiles: Routine | undefined;
  try {
    management = await openManagement(dataDir, tollward, log, injectedFaults);
    const writeTrustFiles = async (): Promise<void> => {
      for (const environment of environments) await writeTrustFile(dataDir, environment, tollward.core);
    };
    await writeTrustFiles();
    if (simulatorProgram !== undefined) {
      simulators = startSimulators({
        settings,
        program: simulatorProgram,
        issuerOf: (environment) => tollward.urlOf(environment, 'api'),
        caFileOf: (environment) => trustFileOf(dataDir, environment),
        upstreamsOf: (environment) => [...(policies.get(environment)?.policy.upstreams.values() ?? [])],
        log,
      });
    }
    const seeded = await seed(dataDir, tollward);
    await simulators?.ready;
    trustFiles = every(trustFilesMs, log, 'trust files', writeTrustFiles);
    // Before the text: whoever reads it may press Ctrl-C.
    const stopped = untilSignal(() =>
      say('Stopping: running requests may end, new ones are refused. A second signal ends at once.'),
    );
    const onHangUp = (): void => {
      if (hasTerminal && !isatty(0)) {
        // A terminal that was closed says so in the same way, and nobody could press Ctrl-C any more: end as others do.
        process.off('SIGHUP', onHangUp);
        process.kill(process.pid, 'SIGHUP');
      } else readFilesAgain(tollward, log);
    };
    process.on('SIGHUP', onHangUp);
    const isSimulated = settings.sandboxUpstream === undefined && settings.sandboxPolicy === undefined;
    const policyFileOf = (environment: Environment) => policies.get(environment)?.file;
    const simulatorOf = (environment: Environment) => simulators?.urlOf(environment);
    say(
      renderQuickStart({
        dataDir,
        sandbox: seeded.sandbox,
        tollward,
        isSimulated,
        policyFileOf,
        simulatorOf,
        now: Date.now(),
      }),
    );
    log.logger.level = settings.logLevel;
    await stopped;
  } finally {
    // Together, so that it is not ready from the moment it says that it stops.
    await Promise.all([trustFiles?.stop(), management?.close(), tollward.close(drainMs)]);
    // After the last call that was on its way to them.
    await simulators?.stop();
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
  start: Pick<TollwardOptions, 'settings' | 'files' | 'upstreamUrl' | 'injectedFaults'>,
  database: Database,
  log: Log,
  say: (line: string) => void,
): Promise<RunningTollward> {
  const { settings } = start;
  try {
    const { applied } = await migrate(database);
    if (applied.length > 0) say(`Applied ${applied.length} database migration${applied.length === 1 ? '' : 's'}.`);
    const { dataDir, masterKey: configured, otherMasterKey } = settings;
    const other = otherMasterKey === undefined ? undefined : new SecretValue(otherMasterKey);
    const masterKey = createMasterKey(await loadOrCreateMasterKey(dataDir, configured), other);
    say('Starting the listeners ...');
    return await startTollward({ ...start, database, masterKey, log });
  } catch (error) {
    await database.close();
    throw error;
  }
}
