// What a production start insists on. `dev` makes what is missing; `serve` has no default for a secret, a database or a
// public name, because whatever it made up would be found out by a partner.

import type { Environment } from '@tollward/protocol';
import { type SettingName, type Settings, variableName } from './platform/config/settings.js';
import { UnsupportedDatabaseError } from './platform/database/database-errors.js';
import { parseDatabaseUrl } from './platform/database/database-url.js';

/** Why `serve` does not start with these settings, all at once; nothing when it does. */
export function findServeProblems(settings: Settings, served: readonly Environment[]): readonly string[] {
  const problems: string[] = [];
  const need = (name: SettingName, what: string): void => {
    if (settings[name] === undefined) problems.push(`${variableName(name)} must be set: ${what}`);
  };
  need('databaseUrl', 'serve runs on PostgreSQL only; the embedded database is for "tollward dev".');
  need('masterKey', '32 bytes in base64, the same on every node ("openssl rand -base64 32" makes one).');
  for (const environment of served) {
    need(`${environment}ApiUrl`, `the address at which partners reach the api listener of ${environment}.`);
    need(`${environment}MtlsUrl`, `the address at which partners reach the mutual TLS listener of ${environment}.`);
    const [api, mtls] = [settings[`${environment}ApiUrl`], settings[`${environment}MtlsUrl`]];
    if (api !== undefined && api === mtls) {
      problems.push(
        `${variableName(`${environment}ApiUrl`)} and ${variableName(`${environment}MtlsUrl`)} are the same: the two listeners need two addresses.`,
      );
    }
  }
  if (settings.otherMasterKey !== undefined && settings.otherMasterKey === settings.masterKey) {
    problems.push(`${variableName('otherMasterKey')} is the master key itself. Leave it out, or give the other one.`);
  }
  const ofDatabase = findDatabaseProblem(settings);
  if (ofDatabase !== undefined) problems.push(ofDatabase);
  return problems;
}

/** What is wrong with the way to the database; undefined when nothing is, or it is wanted so. */
export function findDatabaseProblem({ databaseUrl, unsafeDatabaseWithoutTls }: Settings): string | undefined {
  if (databaseUrl === undefined) return undefined;
  let exposure: string | undefined;
  try {
    exposure = findExposure(databaseUrl);
  } catch (error) {
    if (error instanceof UnsupportedDatabaseError) return `${variableName('databaseUrl')}: ${error.message}`;
    throw error;
  }
  if (exposure === undefined || unsafeDatabaseWithoutTls === 'true') return undefined;
  return (
    `${variableName('databaseUrl')} reaches ${exposure}. Add "?sslmode=verify-full" (and sslrootcert=<file> for an authority of your own), ` +
    `use a Unix socket, or set ${variableName('unsafeDatabaseWithoutTls')}=true if that network is as good as a cable.`
  );
}

/** What is switched on and named unsafe, for the log of the start. */
export function unsafeSettings(settings: Settings): readonly string[] {
  const unsafe: string[] = [];
  if (settings.unsafeDatabaseWithoutTls === 'true') unsafe.push(variableName('unsafeDatabaseWithoutTls'));
  if (settings.unsafeNoSca === 'true') unsafe.push(variableName('unsafeNoSca'));
  if (settings.unsafeServeStaleStandingSeconds > 0) unsafe.push(variableName('unsafeServeStaleStandingSeconds'));
  return unsafe;
}

const thisMachine = new Set(['localhost', '127.0.0.1', '::1']);

/**
 * The host that is asked over a network without the protection of TLS, and how; undefined when there is none.
 *
 * @throws UnsupportedDatabaseError when the URL can not be used
 */
export function findExposure(databaseUrl: string): string | undefined {
  const { host, isSocket, encrypted, verified } = parseDatabaseUrl(databaseUrl).connection;
  if (isSocket || verified || thisMachine.has(host)) return undefined;
  return encrypted ? `${host} by TLS without checking its certificate` : `${host} without TLS`;
}
