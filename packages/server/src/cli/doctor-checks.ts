// The single checks of `doctor`. Each says what it found, and what to do where that is not in order.

import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environments } from '@tollward/protocol';
import type { z } from 'zod';
import { simulatedEnvironments } from '../dev/simulators.js';
import { portsFrom, servedEnvironments } from '../open-listeners.js';
import { notReadySkewMs, warnSkewMs } from '../platform/clock-watch.js';
import type { SettingFiles } from '../platform/config/load-settings.js';
import { isSecretSetting, type Settings, settingNames, variableName } from '../platform/config/settings.js';
import { listenOn, PortInUseError } from '../platform/listeners/listen.js';
import { fitsSocketPath } from '../platform/listeners/management-socket.js';
import { statusSchema } from '../surfaces/management/schemas/status.js';
import { describeDuration } from './duration.js';
import { parseEnvFile } from './env-file.js';
import { askManagement } from './management-client.js';

export interface Check {
  readonly name: string;
  readonly result: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  readonly remedy?: string;
}

const dayMs = 24 * 60 * 60_000;
const warnDaysBeforeExpiry = 14;

export function checkNode(nodeVersion: string): Check {
  const name = 'Node';
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return { name, result: 'ok', detail: nodeVersion };
  return { name, result: 'fail', detail: nodeVersion, remedy: 'install Node 20.19 or newer' };
}

export async function checkDataDirectory(dataDirectory: string): Promise<readonly Check[]> {
  const name = 'data directory';
  const mode = await modeOf(dataDirectory);
  if (mode === undefined) {
    return [{ name, result: 'warn', detail: `${dataDirectory} is not there`, remedy: 'a start makes it' }];
  }
  const checks = [checkMode(name, dataDirectory, mode, 0o700)];
  const keyFile = join(dataDirectory, 'master.key');
  const keyMode = await modeOf(keyFile);
  return keyMode === undefined ? checks : [...checks, checkMode('master key', keyFile, keyMode, 0o600)];
}

function checkMode(name: string, path: string, mode: number, wanted: number): Check {
  if ((mode & 0o077) === 0) return { name, result: 'ok', detail: `${path}, for its owner only` };
  const detail = `${path} is open to others (mode 0${mode.toString(8)})`;
  return { name, result: 'fail', detail, remedy: `chmod 0${wanted.toString(8)} '${path}'` };
}

/** A group may read one: a certificate that is renewed while the server runs has to be given to its user that way. */
export async function checkSecretFiles(files: SettingFiles): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const setting of settingNames) {
    const file = files[setting];
    if (file === undefined || !isSecretSetting(setting)) continue;
    const mode = await modeOf(file);
    if (mode === undefined || (mode & 0o007) === 0) continue;
    const detail = `${file} is open to every user of this machine (mode 0${mode.toString(8)})`;
    checks.push({ name: `${variableName(setting)}_FILE`, result: 'warn', detail, remedy: `chmod o= '${file}'` });
  }
  return checks;
}

async function modeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mode & 0o777;
  } catch {
    return undefined;
  }
}

export async function checkServer(dataDirectory: string): Promise<{ running: boolean; checks: readonly Check[] }> {
  const name = 'server';
  const answer = await askManagement(dataDirectory, { method: 'GET', path: '/status', answer: statusSchema });
  if (!answer.ok) {
    if (!answer.running) return { running: false, checks: [{ name, result: 'ok', detail: 'not running' }] };
    const remedy = answer.outcome.problem?.message ?? 'look into its log';
    return { running: true, checks: [{ name, result: 'fail', detail: 'running, but without a good answer', remedy }] };
  }
  return { running: true, checks: judgeServer(answer.value) };
}

export function judgeServer({
  pid,
  version,
  startedAt,
  ready,
  checks,
  clockSkewMs,
}: z.output<typeof statusSchema>): readonly Check[] {
  const name = 'server';
  const detail = `version ${version}, process ${pid}, running since ${startedAt}`;
  const missing = checks
    .filter(({ ok }) => !ok)
    .map(
      (check): Check => ({
        name: `ready: ${check.name}`,
        result: 'fail',
        detail: check.detail ?? 'no',
        remedy: 'look into the log of the server',
      }),
    );
  const server: Check = ready
    ? { name, result: 'ok', detail: `${detail}, ready` }
    : { name, result: 'fail', detail: `${detail}, not ready`, remedy: 'the lines below say why' };
  return [server, ...missing, ...(clockSkewMs === null ? [] : [checkClock(clockSkewMs)])];
}

export function checkClock(skewMs: number): Check {
  const name = 'clock';
  const apart = Math.abs(skewMs);
  const detail = `${apart} ms apart from the database`;
  if (apart <= warnSkewMs) return { name, result: 'ok', detail };
  return { name, result: apart > notReadySkewMs ? 'fail' : 'warn', detail, remedy: 'synchronise both clocks (NTP)' };
}

/** Whether the ports of the settings are free, for a server that does not run yet. One that runs may have been told others. */
export async function checkPorts(settings: Settings): Promise<readonly Check[]> {
  const { host, portBase, operationsHost } = settings;
  if (portBase === 0) return [{ name: 'ports', result: 'ok', detail: 'chosen by the system' }];
  const ports = portsFrom(portBase);
  const simulated = simulatedEnvironments(settings);
  const places: (readonly [address: string, port: number])[] = [];
  for (const environment of servedEnvironments(settings)) {
    const { simulator, ...listeners } = ports[environment];
    for (const port of Object.values(listeners)) places.push([host, port]);
    if (simulated.includes(environment)) places.push(['127.0.0.1', simulator]);
  }
  places.push([operationsHost, ports.operations]);
  const checks: Check[] = [];
  for (const [address, port] of places) {
    checks.push(await checkFree(address, port));
  }
  return checks;
}

async function checkFree(host: string, port: number): Promise<Check> {
  const name = `port ${port}`;
  const server = createServer();
  try {
    await listenOn(server, host, port);
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return { name, result: 'ok', detail: 'free' };
  } catch (error) {
    const detail = error instanceof PortInUseError ? 'in use' : `can not be opened on ${host}`;
    return { name, result: 'fail', detail, remedy: 'stop what listens there, or choose other ports with --port-base' };
  }
}

export function checkSocketPath(temporaryDirectory: string = tmpdir()): Check {
  const name = 'management socket';
  if (fitsSocketPath(temporaryDirectory))
    return { name, result: 'ok', detail: `its path in ${temporaryDirectory} is short enough` };
  const detail = `its path in ${temporaryDirectory} would be too long`;
  return { name, result: 'fail', detail, remedy: 'set TMPDIR to a shorter path' };
}

/** The certificates of the example partners. */
export async function checkCertificates(dataDirectory: string, now: number): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const environment of environments) {
    const text = await readFile(join(dataDirectory, `${environment}.env`), 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const parsed = parseEnvFile(text);
    for (const variable of ['CLIENT_CERT', 'OTHER_CLIENT_CERT']) {
      const file = parsed.ok ? parsed.values.get(variable) : undefined;
      checks.push(await checkCertificate(`${environment} ${variable}`, file, now));
    }
  }
  return checks;
}

async function checkCertificate(name: string, file: string | undefined, now: number): Promise<Check> {
  const remedy = 'start "tollward dev" again, which makes what is missing or over';
  const expiresAt = file === undefined ? undefined : await readExpiry(file);
  if (expiresAt === undefined) return { name, result: 'fail', detail: 'can not be read', remedy };
  const detail = `valid until ${new Date(expiresAt).toISOString()}`;
  if (expiresAt <= now) return { name, result: 'fail', detail, remedy };
  const endsSoon = expiresAt - now < warnDaysBeforeExpiry * dayMs;
  if (!endsSoon) return { name, result: 'ok', detail };
  const left = describeDuration((expiresAt - now) / 1_000);
  return {
    name,
    result: 'warn',
    detail: `ends in ${left}, ${detail}`,
    remedy: 'when it is over, a start of "tollward dev" makes another',
  };
}

async function readExpiry(file: string): Promise<number | undefined> {
  try {
    return Date.parse(new X509Certificate(await readFile(file)).validTo);
  } catch {
    return undefined;
  }
}
