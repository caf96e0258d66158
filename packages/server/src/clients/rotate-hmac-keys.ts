// The keys under which client secrets are stored get a new version once a year or by command. An old version is kept for
// as long as a secret is stored under it, because nobody but its partner knows a secret and could hash it anew.

import { type Environment, environments } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import type { Database, Tx } from '../platform/database/database.js';
import { lockForUnit } from '../platform/database/unit-lock.js';
import { decideRotation, judgeGenerations } from '../platform/keys/decide-generations.js';
import {
  hmacKeysLock,
  insertHmacKey,
  listHmacKeys,
  resealHmacKey,
  type StoredHmacKey,
} from '../platform/keys/hmac-keyring.js';
import { KeyConflictError } from '../platform/keys/key-conflict-error.js';
import type { MasterKey } from '../platform/keys/master-key.js';
import type { KeyDescription, RotatableKey } from '../platform/keys/rotatable-key.js';
import type { RandomBytes } from '../platform/random.js';
import { loadUsedHashVersions } from './secret-store.js';

export interface HmacKeyDependencies {
  readonly database: Database;
  readonly masterKey: MasterKey;
  readonly random: RandomBytes;
  /** Reads the keys of this node again. */
  readonly reload: () => Promise<void>;
}

const dayMs = 24 * 60 * 60_000;
const keyLifetimeMs = 365 * dayMs;
const publishAheadMs = 60 * 60_000;
const publishSecondsByCommand = 60;
/** A node whose clock is behind still hashes with the version before. */
const restMs = dayMs;

export function createHmacKeyRotation(dependencies: HmacKeyDependencies): RotatableKey {
  const { database, reload } = dependencies;
  const list = async (now: number): Promise<KeyDescription[]> => {
    const keys = await database.read((tx) => listHmacKeys(tx));
    return environments.flatMap((environment) =>
      describeAll(
        keys.filter((key) => key.environment === environment),
        now,
      ),
    );
  };
  return {
    kind: 'hmac',
    list,
    rotate: async ({ environment, publishSeconds = publishSecondsByCommand }, now) => {
      await database.transaction(async (tx) => {
        await lockForUnit(tx, hmacKeysLock);
        for (const each of environment === undefined ? environments : [environment]) {
          await bringNextVersion(tx, each, now + publishSeconds * 1_000, now, dependencies);
        }
      });
      await reload();
      return list(now);
    },
    maintain: async (now) => {
      const changed = await database.transaction(async (tx) => {
        await lockForUnit(tx, hmacKeysLock);
        let changes = 0;
        for (const environment of environments) {
          if (await ensureNextVersion(tx, environment, now, dependencies)) changes += 1;
          changes += await deleteUnusedVersions(tx, environment, now, dependencies);
        }
        return changes > 0;
      });
      if (changed) await reload();
    },
    reload,
    reseal: async (newMasterKey) => {
      let count = 0;
      for (const key of await database.read((tx) => listHmacKeys(tx))) {
        if (await database.transaction((tx) => resealHmacKey(tx, newMasterKey, key))) count += 1;
      }
      return count;
    },
  };
}

async function ensureNextVersion(
  tx: Tx,
  environment: Environment,
  now: number,
  dependencies: HmacKeyDependencies,
): Promise<boolean> {
  const keys = await listHmacKeys(tx, environment);
  const dueAt = Math.max(...keys.map(({ activeFrom }) => activeFrom)) + keyLifetimeMs;
  if (now < dueAt - publishAheadMs) return false;
  await makeVersion(tx, keys, environment, 'tollward', Math.max(dueAt, now + publishAheadMs), now, dependencies);
  return true;
}

async function bringNextVersion(
  tx: Tx,
  environment: Environment,
  activeFrom: number,
  now: number,
  dependencies: HmacKeyDependencies,
): Promise<void> {
  const keys = await listHmacKeys(tx, environment);
  const decision = decideRotation(keys, activeFrom, now);
  if (decision.kind === 'make') {
    await makeVersion(tx, keys, environment, 'operator', activeFrom, now, dependencies);
    return;
  }
  if (decision.kind === 'conflict') {
    throw new KeyConflictError(
      `The next HMAC key of ${environment} is there already and takes over sooner than this would: "tollward keys list" shows when.`,
    );
  }
  await tx
    .updateTable('hmac_keys')
    .set({ active_from: new Date(activeFrom) })
    .where('environment', '=', environment)
    .where('version', '=', decision.next.version)
    .execute();
  await audit(tx, decision.next, 'operator', 'hmac_key.brought_forward', activeFrom, now, dependencies);
}

async function makeVersion(
  tx: Tx,
  keys: readonly StoredHmacKey[],
  environment: Environment,
  actor: Actor,
  activeFrom: number,
  now: number,
  dependencies: HmacKeyDependencies,
): Promise<void> {
  const version = Math.max(...keys.map((key) => key.version)) + 1;
  await insertHmacKey(tx, dependencies.masterKey, { environment, version, activeFrom }, now);
  await audit(tx, { environment, version }, actor, 'hmac_key.created', activeFrom, now, dependencies);
}

/** @returns how many that were */
async function deleteUnusedVersions(
  tx: Tx,
  environment: Environment,
  now: number,
  { random }: HmacKeyDependencies,
): Promise<number> {
  const rested = judgeGenerations(await listHmacKeys(tx, environment), now).filter(
    ({ state, supersededAt = Infinity }) => state === 'retired' && supersededAt + restMs <= now,
  );
  if (rested.length === 0) return 0;
  const used = await loadUsedHashVersions(tx, environment, now);
  const unused = rested.map(({ generation }) => generation).filter(({ version }) => !used.has(version));
  for (const { id, version } of unused) {
    await tx.deleteFrom('hmac_keys').where('environment', '=', environment).where('version', '=', version).execute();
    const fact = { environment, actor: 'tollward', action: 'hmac_key.deleted', subject: id, details: {} } as const;
    await appendAuditEntry(tx, fact, now, random);
  }
  return unused.length;
}

function audit(
  tx: Tx,
  { environment, version }: Pick<StoredHmacKey, 'environment' | 'version'>,
  actor: Actor,
  action: string,
  activeFrom: number,
  now: number,
  { random }: HmacKeyDependencies,
): Promise<void> {
  const details = { activeFrom: new Date(activeFrom).toISOString() };
  return appendAuditEntry(tx, { environment, actor, action, subject: String(version), details }, now, random);
}

function describeAll(keys: readonly StoredHmacKey[], now: number): KeyDescription[] {
  return judgeGenerations(keys, now).map(({ generation, state, supersededAt }) => ({
    kind: 'hmac',
    environment: generation.environment,
    id: generation.id,
    state,
    createdAt: generation.createdAt,
    activeFrom: generation.activeFrom,
    activeUntil: supersededAt ?? generation.activeFrom + keyLifetimeMs,
    readableUntil: null,
  }));
}
