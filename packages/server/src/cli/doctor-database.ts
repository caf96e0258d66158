// The part of `doctor` that looks into the database: can Tollward run on it, is it migrated, does the master key open it.

import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SettingsError } from '../platform/config/load-settings.js';
import { type Settings, variableName } from '../platform/config/settings.js';
import type { Database } from '../platform/database/database.js';
import {
  hearsNotifications,
  inspectPostgres,
  type NodeFacts,
  type PostgresFacts,
  readNodes,
} from '../platform/database/inspect-postgres.js';
import { checkMigrations, type MigrationStatus } from '../platform/database/migration-status.js';
import { mostConnectionsOfNode } from '../platform/database/postgres.js';
import { countSealedValues, type SealedCounts } from '../platform/database/sealed-values.js';
import type { MasterKey } from '../platform/keys/master-key.js';
import { findExposure } from '../serve-settings.js';
import { type Check, checkClock } from './doctor-checks.js';
import { withOfflineDatabase } from './offline-database.js';
import { describeMissingKeys, openMasterKey } from './offline-master-key.js';

export async function checkDatabase(
  settings: Settings,
  isRunning: boolean,
  clock: () => number,
): Promise<readonly Check[]> {
  const name = 'database';
  if (settings.databaseUrl === undefined) {
    if (isRunning) return [{ name, result: 'ok', detail: 'the embedded one, in use by the running server' }];
    if (!existsSync(join(settings.dataDir, 'database'))) {
      return [{ name, result: 'ok', detail: 'the embedded one, not there yet' }];
    }
  }
  try {
    return await withOfflineDatabase(settings, (database) => checkOpened(database, settings, isRunning, clock));
  } catch (error) {
    return [{ name, result: 'fail', detail: 'can not be used', remedy: describe(error) }];
  }
}

async function checkOpened(
  database: Database,
  settings: Settings,
  isRunning: boolean,
  clock: () => number,
): Promise<readonly Check[]> {
  const migrations = await checkMigrations(database);
  const nodes = database.shared && migrations.pending.length === 0 ? await readNodes(database) : [];
  const ofEngine: readonly Check[] = database.shared
    ? await checkPostgres(database, settings, nodes.length)
    : [{ name: 'database', result: 'ok', detail: 'the embedded one can be opened' }];
  const sealed = await checkSealed(settings, await countSealedValues(database));
  // A running server has told of its clock by itself.
  const clocks = database.shared && !isRunning ? [await checkDrift(database, clock)] : [];
  return [...ofEngine, ...clocks, judgeMigrations(migrations, database.shared), sealed, ...nodes.map(judgeNode)];
}

async function checkPostgres(
  database: Database,
  { databaseUrl = '', unsafeDatabaseWithoutTls }: Settings,
  nodes: number,
): Promise<readonly Check[]> {
  const facts = await inspectPostgres(database);
  const exposure = findExposure(databaseUrl);
  return [
    ...judgePostgres(facts, nodes, exposure, unsafeDatabaseWithoutTls === 'true'),
    judgeNotifications(await hearsNotifications(database, randomUUID())),
  ];
}

/** The server reads its clock somewhere within the round trip. */
async function checkDrift(database: Database, clock: () => number): Promise<Check> {
  const before = clock();
  const theirs = await database.clock();
  return checkClock(Math.round((before + clock()) / 2) - theirs);
}

/** @param exposure the host that the URL reaches over a network without the protection of TLS, and how, if it does */
export function judgePostgres(
  facts: PostgresFacts,
  nodes: number,
  exposure: string | undefined,
  withoutTlsAllowed: boolean,
): readonly Check[] {
  return [
    judgeServer(facts),
    judgeWrites(facts),
    judgeTls(facts, exposure, withoutTlsAllowed),
    judgeConnections(facts, nodes),
  ];
}

function judgeServer({ version, encoding }: PostgresFacts): Check {
  const [name, detail] = ['database', `PostgreSQL ${version}, encoding ${encoding}`];
  if (encoding === 'UTF8') return { name, result: 'ok', detail };
  return { name, result: 'fail', detail, remedy: 'make the database anew with "encoding UTF8 template template0"' };
}

function judgeWrites({ readOnly, synchronousCommit, fsync }: PostgresFacts): Check {
  const name = 'database writes';
  if (readOnly) {
    const remedy = 'give the URL of the primary, and no default_transaction_read_only';
    return { name, result: 'fail', detail: 'it can only be read: a standby, or set to be', remedy };
  }
  const detail = `synchronous_commit ${synchronousCommit}, fsync ${fsync ? 'on' : 'off'}`;
  if (fsync) return { name, result: 'ok', detail };
  return { name, result: 'fail', detail, remedy: 'turn fsync on: a power loss can destroy the whole database' };
}

function judgeTls({ tls }: PostgresFacts, exposure: string | undefined, withoutTlsAllowed: boolean): Check {
  const name = 'database connection';
  if (exposure === undefined) return { name, result: 'ok', detail: tls ?? 'without TLS, on this machine' };
  const remedy = `add "?sslmode=verify-full" to ${variableName('databaseUrl')}`;
  return { name, result: withoutTlsAllowed ? 'warn' : 'fail', detail: `to ${exposure}`, remedy };
}

function judgeConnections({ mostConnections, openConnections }: PostgresFacts, nodes: number): Check {
  const name = 'database connections';
  const needed = Math.max(1, nodes) * mostConnectionsOfNode;
  const detail = `${openConnections} of ${mostConnections} are open; ${describeNodes(nodes)} up to ${needed}`;
  if (needed <= mostConnections) return { name, result: 'ok', detail };
  return { name, result: 'warn', detail, remedy: 'raise max_connections, or the limit of the role or the database' };
}

function describeNodes(nodes: number): string {
  return nodes > 1 ? `${nodes} nodes take` : 'a node takes';
}

export function judgeNotifications(arrive: boolean): Check {
  const name = 'database notifications';
  if (arrive) return { name, result: 'ok', detail: 'they arrive' };
  const remedy =
    'give the URL of the server itself; a pooler that shares sessions (PgBouncer in transaction mode) swallows them';
  return { name, result: 'fail', detail: 'what LISTEN waits for does not arrive', remedy };
}

/** @param shared whether servers leave it to the operator to migrate */
export function judgeMigrations({ applied, pending, unknown }: MigrationStatus, shared: boolean): Check {
  const name = 'migrations';
  if (unknown.length > 0) {
    const detail = `a newer version has applied ${unknown.join(', ')}`;
    // An installation that is upgraded node by node is like this for a while.
    return { name, result: shared ? 'warn' : 'fail', detail, remedy: 'run the newer version' };
  }
  if (pending.length > 0) {
    const detail = `missing: ${pending.join(', ')}`;
    if (shared) return { name, result: 'fail', detail, remedy: 'run "tollward migrate up"' };
    return { name, result: 'ok', detail: `${detail}; the next start of "tollward dev" applies them` };
  }
  return { name, result: 'ok', detail: `all ${applied.length} are applied` };
}

async function checkSealed(settings: Settings, counts: SealedCounts): Promise<Check> {
  try {
    return judgeSealed(await openMasterKey(settings), counts);
  } catch (error) {
    return { name: sealedValues, result: 'fail', detail: 'the master key can not be used', remedy: describe(error) };
  }
}

function describe(error: unknown): string {
  if (error instanceof SettingsError) return error.problems.join(' ');
  return error instanceof Error ? error.message : 'for a reason that is not known';
}

const sealedValues = 'sealed values';

export function judgeSealed(masterKey: MasterKey | undefined, counts: SealedCounts): Check {
  const name = sealedValues;
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const remedy = `give the master key of this data as ${variableName('masterKey')}, or a second one as ${variableName('otherMasterKey')}`;
  if (masterKey === undefined) {
    if (all === 0) return { name, result: 'ok', detail: 'there are none, and no master key yet' };
    return {
      name,
      result: 'fail',
      detail: `${all}, by ${[...counts.keys()].join(' and ')}, and no master key is here`,
      remedy,
    };
  }
  const missing = describeMissingKeys(masterKey, counts);
  if (missing !== undefined) return { name, result: 'fail', detail: missing, remedy };
  const byOther = masterKey.otherId === null ? 0 : (counts.get(masterKey.otherId) ?? 0);
  const detail = `the master key opens all ${all}`;
  return {
    name,
    result: 'ok',
    detail: byOther === 0 ? detail : `${detail}, ${byOther} of them as the other master key`,
  };
}

export function judgeNode({ name, version, environments, polledMsAgo, boundMs }: NodeFacts): Check {
  const detail = `${name}, version ${version}, serves ${environments.join(' and ')}, heard of ${polledMsAgo} ms ago`;
  if (polledMsAgo <= boundMs) return { name: 'node', result: 'ok', detail };
  const remedy = 'while it does not reach the database it refuses what it would have to ask; look into its log';
  return { name: 'node', result: 'warn', detail, remedy };
}
