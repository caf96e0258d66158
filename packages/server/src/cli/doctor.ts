import { servedEnvironments } from '../open-listeners.js';
import { SettingsError } from '../platform/config/load-settings.js';
import { readOpenFileLimit } from '../platform/listeners/maximum-connections.js';
import type { Cli, CliContext, LoadSettings, Outcome } from './cli.js';
import { checkAuditChain } from './doctor-audit.js';
import { checkEndingCertificates } from './doctor-certificates.js';
import {
  type Check,
  checkCertificates,
  checkDataDirectory,
  checkNode,
  checkPorts,
  checkSecretFiles,
  checkServer,
  checkSocketPath,
} from './doctor-checks.js';
import { checkKeys } from './doctor-keys.js';
import { checkDisk, checkFitToServe, checkServerCertificates, judgeOpenFiles } from './doctor-machine.js';
import { checkForwarding } from './doctor-upstreams.js';
import { exitCodes } from './exit-codes.js';
import { renderTable } from './text.js';

export function addDoctorCommand({ program, context, run }: Cli): void {
  program
    .command('doctor')
    .description('check whether this machine, the settings and the running server are in order')
    .action(() => run((load) => examine(load, context)));
}

async function examine(load: LoadSettings, context: CliContext): Promise<Outcome> {
  const checks = await runChecks(load, context.clock);
  const lines = checks.map(({ name, result, detail, remedy }) => [
    result,
    name,
    remedy === undefined ? detail : `${detail}: ${remedy}`,
  ]);
  const failures = checks.filter(({ result }) => result === 'fail').length;
  const warnings = checks.filter(({ result }) => result === 'warn').length;
  const summary = summarise(failures, warnings, checks.length);
  return {
    exitCode: failures === 0 ? exitCodes.ok : exitCodes.failure,
    output: { text: `${renderTable(['RESULT', 'CHECK', 'FOUND'], lines, context)}\n\n${summary}`, json: { checks } },
  };
}

function summarise(failures: number, warnings: number, count: number): string {
  if (failures > 0) return `${failures} of ${count} checks failed.`;
  if (warnings === 0) return 'Nothing is wrong.';
  return `Nothing is wrong yet; ${warnings === 1 ? 'one check warns' : `${warnings} checks warn`}.`;
}

async function runChecks(load: LoadSettings, clock: () => number): Promise<readonly Check[]> {
  const node = checkNode(process.versions.node);
  let loaded: ReturnType<LoadSettings>;
  try {
    loaded = load();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return [
      node,
      { name: 'settings', result: 'fail', detail: 'they can not be used', remedy: error.problems.join(' ') },
    ];
  }
  const { settings, files } = loaded;
  // Loaded only here, with the drivers of the database: other commands should not wait for them.
  const { checkDatabase } = await import('./doctor-database.js');
  const { running, checks } = await checkServer(settings.dataDir);
  const forwarding = await checkForwarding(loaded, servedEnvironments(settings));
  const now = clock();
  return [
    node,
    { name: 'settings', result: 'ok', detail: 'they can be used' },
    ...checkFitToServe(settings, forwarding.missing),
    ...(await checkSecretFiles(files)),
    ...(await checkDataDirectory(settings.dataDir)),
    ...(await checkDisk(settings)),
    judgeOpenFiles(readOpenFileLimit(), settings),
    checkSocketPath(),
    ...checks,
    ...(running ? [] : await checkPorts(settings)),
    ...forwarding.checks,
    ...(await checkDatabase(settings, running, clock)),
    ...(await checkServerCertificates(settings, now)),
    ...(running ? await checkEndingCertificates(settings.dataDir, now) : []),
    ...(running ? await checkAuditChain(settings.dataDir, now) : []),
    ...(running ? await checkKeys(settings.dataDir, now) : []),
    ...(await checkCertificates(settings.dataDir, now)),
  ];
}
