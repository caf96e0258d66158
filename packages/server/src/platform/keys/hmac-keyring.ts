// Secrets of 256 random bits need no slow hash: they are stored as HMAC-SHA-256 (RFC 2104) under a random key of their
// environment, which the database holds only sealed. A stolen table is useless without the master key. Keys have
// versions: the newest whose time has come makes new hashes, and the others still prove old ones.

import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Environment, environments } from '@tollward/protocol';
import { coalesce } from '../coalesce.js';
import type { Database, ReadTx, Tx } from '../database/database.js';
import { DatabaseUnavailableError } from '../database/database-errors.js';
import { lockForUnit } from '../database/unit-lock.js';
import type { MasterKey } from './master-key.js';

export interface HmacKeyring {
  /** The version new hashes are made with. */
  currentVersion(environment: Environment, now: number): number;
  hash(environment: Environment, version: number, secret: string): Buffer;
  /**
   * Sees to it that `hash` knows all of these: reads the keys again for one that another node has just made, at most once
   * a second. Undefined when there is nothing to wait for.
   *
   * @throws DatabaseUnavailableError when one is still not known
   */
  learn(environment: Environment, versions: Iterable<number>, now: number): Promise<void> | undefined;
}

export interface OpenedHmacKeyring extends HmacKeyring {
  /** Reads the keys again, because they were changed. */
  reload(): Promise<void>;
}

export interface StoredHmacKey {
  readonly environment: Environment;
  /** The version as text. */
  readonly id: string;
  readonly version: number;
  readonly sealed: Buffer;
  readonly createdAt: number;
  readonly activeFrom: number;
}

const keyBytes = 32;
const reloadPauseMs = 1_000;

/**
 * Loads the keys of both environments; makes the first one of each where there is none.
 *
 * @throws MasterKeyError when the keys that are there were sealed by another master key
 */
export async function openHmacKeyring(
  database: Database,
  masterKey: MasterKey,
  now: number,
): Promise<OpenedHmacKeyring> {
  /** Of each environment, because this is asked for on every token request. */
  let newestFirst = new Map<Environment, readonly StoredHmacKey[]>();
  let keys = new Map<string, KeyObject>();
  let lastReload = Number.NEGATIVE_INFINITY;
  let learning: Promise<void> | undefined;

  const load = coalesce(async () => {
    const found = await database.readUrgently((tx) => listHmacKeys(tx));
    keys = new Map(
      found.map((key) => {
        const name = `${key.environment} ${key.version}`;
        return [name, keys.get(name) ?? createSecretKey(masterKey.open(key.sealed, placeOf(key)))];
      }),
    );
    newestFirst = new Map(
      environments.map((environment) => {
        const ofEnvironment = found.filter((key) => key.environment === environment);
        return [environment, ofEnvironment.sort((left, right) => right.activeFrom - left.activeFrom)];
      }),
    );
  });
  await database.transaction(async (tx) => {
    await lockForUnit(tx, hmacKeysLock);
    for (const environment of environments) {
      if ((await listHmacKeys(tx, environment)).length > 0) continue;
      await insertHmacKey(tx, masterKey, { environment, version: 1, activeFrom: now }, now);
    }
  });
  await load();

  const learnNow = async (environment: Environment, versions: readonly number[], at: number): Promise<void> => {
    if (learning === undefined && at - lastReload >= reloadPauseMs) {
      lastReload = at;
      learning = load().finally(() => {
        learning = undefined;
      });
    }
    await learning;
    const missing = versions.find((version) => !keys.has(`${environment} ${version}`));
    if (missing === undefined) return;
    throw new DatabaseUnavailableError(`HMAC key ${missing} of ${environment} is not known here yet`);
  };

  return {
    currentVersion: (environment, at) => {
      const ofEnvironment = newestFirst.get(environment) ?? [];
      // A clock that was set back to before the first one still needs one.
      return (ofEnvironment.find(({ activeFrom }) => activeFrom <= at) ?? ofEnvironment.at(-1))?.version ?? 0;
    },
    hash: (environment, version, secret) => {
      const key = keys.get(`${environment} ${version}`);
      if (key === undefined) throw new Error(`there is no HMAC key ${version} for ${environment}`);
      return createHmac('sha256', key).update(secret, 'utf8').digest();
    },
    learn: (environment, versions, at) => {
      const asked = [...versions];
      return asked.every((version) => keys.has(`${environment} ${version}`))
        ? undefined
        : learnNow(environment, asked, at);
    },
    reload: load,
  };
}

/** Compares two hashes without telling by time where they differ. */
export function hashesEqual(left: Buffer, right: Buffer): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Whoever changes these keys holds it (lockForUnit). */
export const hmacKeysLock = 'hmac keys';

/** In the order of their versions. */
export async function listHmacKeys(tx: ReadTx, environment?: Environment): Promise<StoredHmacKey[]> {
  const all = tx.selectFrom('hmac_keys').selectAll().orderBy('environment').orderBy('version');
  const asked = environment === undefined ? all : all.where('environment', '=', environment);
  const rows = await asked.execute();
  return rows.map((row) => ({
    environment: row.environment,
    id: String(row.version),
    version: row.version,
    sealed: row.key_sealed,
    createdAt: row.created_at.getTime(),
    activeFrom: row.active_from.getTime(),
  }));
}

export async function insertHmacKey(
  tx: Tx,
  masterKey: MasterKey,
  key: Pick<StoredHmacKey, 'environment' | 'version' | 'activeFrom'>,
  now: number,
): Promise<void> {
  await tx
    .insertInto('hmac_keys')
    .values({
      environment: key.environment,
      version: key.version,
      key_sealed: masterKey.seal(randomBytes(keyBytes), placeOf(key)),
      created_at: new Date(now),
      active_from: new Date(key.activeFrom),
    })
    .execute();
}

/** Seals one key anew, if another master key sealed it. Resolves to whether it did. */
export async function resealHmacKey(tx: Tx, masterKey: MasterKey, key: StoredHmacKey): Promise<boolean> {
  const { environment, version } = key;
  const row = await tx
    .selectFrom('hmac_keys')
    .select('key_sealed')
    .where('environment', '=', environment)
    .where('version', '=', version)
    .forUpdate()
    .executeTakeFirst();
  const sealed = row && masterKey.reseal(row.key_sealed, placeOf(key));
  if (sealed === undefined) return false;
  await tx
    .updateTable('hmac_keys')
    .set({ key_sealed: sealed })
    .where('environment', '=', environment)
    .where('version', '=', version)
    .execute();
  return true;
}

function placeOf({ environment, version }: Pick<StoredHmacKey, 'environment' | 'version'>) {
  return { environment, table: 'hmac_keys', row: String(version) };
}
