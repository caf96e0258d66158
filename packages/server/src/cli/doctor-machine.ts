// The part of `doctor` about what a server needs besides its database: settings for production, certificates, files, disk.

import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseServerCertificate } from '../certificates/index.js';
import { listenerNames, servedEnvironments } from '../open-listeners.js';
import { type Settings, variableName } from '../platform/config/settings.js';
import { decideMaximumConnections } from '../platform/listeners/maximum-connections.js';
import { findServeProblems } from '../serve-settings.js';
import { hostsOf, textsOf } from '../server-certificates.js';
import type { Check } from './doctor-checks.js';
import { describeDuration } from './duration.js';

const dayMs = 86_400_000;

/**
 * Settings on PostgreSQL are meant for `serve`, which asks for more than `dev`.
 *
 * @param missing what the route policies need besides
 */
export function checkFitToServe(settings: Settings, missing: readonly string[]): readonly Check[] {
  if (settings.databaseUrl === undefined) return [];
  const name = 'settings for serve';
  const problems = [...findServeProblems(settings, servedEnvironments(settings)), ...missing];
  if (problems.length === 0) return [{ name, result: 'ok', detail: 'complete' }];
  // Without a master key of the settings it may well be `dev` on PostgreSQL, which makes one.
  const result = settings.masterKey === undefined ? 'warn' : 'fail';
  return problems.map((remedy) => ({ name, result, detail: '"tollward serve" would not start', remedy }));
}

export async function checkServerCertificates(settings: Settings, now: number): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const environment of servedEnvironments(settings)) {
    const texts = textsOf(settings, environment);
    if (texts === undefined) continue;
    const name = `${environment} server certificate`;
    const variables = `${variableName(`${environment}ServerCertificate`)} and ${variableName(`${environment}ServerKey`)}`;
    const parsed = await parseServerCertificate(texts, hostsOf(settings, environment));
    if (!parsed.ok) {
      checks.push({ name, result: 'fail', detail: 'can not be used', remedy: `${parsed.problem}; see ${variables}` });
      continue;
    }
    const { validity, hostsNotCovered } = parsed.certificate;
    checks.push(judgeValidity(name, validity, now, `put its successor into ${variables}`));
    if (hostsNotCovered.length === 0) continue;
    const detail = `not good for ${hostsNotCovered.join(', ')}, where clients refuse it`;
    checks.push({ name, result: 'fail', detail, remedy: 'get one whose alternative names cover the public URLs' });
  }
  return checks;
}

function judgeValidity(
  name: string,
  { notBefore, notAfter }: { readonly notBefore: number; readonly notAfter: number },
  now: number,
  remedy: string,
): Check {
  const until = `until ${new Date(notAfter).toISOString()}`;
  if (now < notBefore) {
    return { name, result: 'fail', detail: `valid only from ${new Date(notBefore).toISOString()}`, remedy };
  }
  if (now >= notAfter) return { name, result: 'fail', detail: `it was valid ${until}`, remedy };
  const leftDays = (notAfter - now) / dayMs;
  const result = leftDays < 7 ? 'fail' : leftDays < 30 ? 'warn' : 'ok';
  if (result === 'ok') return { name, result, detail: `valid ${until}` };
  return { name, result, detail: `ends in ${describeDuration(leftDays * 86_400)}, valid ${until}`, remedy };
}

const fewConnections = 1_000;

/** @param openFiles how many files a process may have open; undefined where the system does not say */
export function judgeOpenFiles(openFiles: number | undefined, settings: Settings): Check {
  const name = 'open files';
  const listeners = servedEnvironments(settings).length * listenerNames.length;
  const connections = decideMaximumConnections(openFiles, listeners);
  const detail = `${openFiles ?? 'an unknown number of'} files, so ${connections} connections for each of ${listeners} listeners`;
  if (connections >= fewConnections || settings.databaseUrl === undefined) return { name, result: 'ok', detail };
  return { name, result: 'warn', detail, remedy: 'raise the limit to 65536 ("ulimit -n", LimitNOFILE of systemd)' };
}

const mebibyte = 1024 * 1024;
/** The embedded database writes up to 128 MiB of log between two checkpoints, and keeps some of it. */
const leastBytes = 256 * mebibyte;
const fewBytes = 1024 * mebibyte;

/** Only for the embedded database: nothing else grows in the data directory. */
export async function checkDisk({ databaseUrl, dataDir }: Settings): Promise<readonly Check[]> {
  return databaseUrl === undefined ? [judgeDisk(await readFreeBytes(dataDir))] : [];
}

export function judgeDisk(freeBytes: number): Check {
  const name = 'disk space';
  const detail = `${Math.floor(freeBytes / mebibyte)} MiB are free for the data directory`;
  if (freeBytes >= fewBytes) return { name, result: 'ok', detail };
  return {
    name,
    result: freeBytes < leastBytes ? 'fail' : 'warn',
    detail,
    remedy: 'make room: without it nothing can be changed',
  };
}

async function readFreeBytes(directory: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch (error) {
    const above = dirname(directory);
    if (above === directory) throw error;
    return readFreeBytes(above);
  }
}
