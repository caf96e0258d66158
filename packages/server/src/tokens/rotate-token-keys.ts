// What happens to token keys, each in a unit of work of its own and one after the other on all nodes: a next key in time,
// a next key by command, the end of a key that leaked, and another master key.

import { type Environment, environments } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import type { Database, Tx } from '../platform/database/database.js';
import { lockForUnit } from '../platform/database/unit-lock.js';
import { decideRotation } from '../platform/keys/decide-generations.js';
import { KeyConflictError } from '../platform/keys/key-conflict-error.js';
import type { MasterKey } from '../platform/keys/master-key.js';
import type { KeyDescription, RotatableKey } from '../platform/keys/rotatable-key.js';
import type { RandomBytes } from '../platform/random.js';
import { decideCoveredUntil, decideSealingKey } from './decide-token-key.js';
import {
  addSeals,
  type CountedSeals,
  deleteTokenKey,
  deleteUnreadableTokenKeys,
  insertTokenKey,
  listTokenKeys,
  resealTokenKey,
  type StoredTokenKey,
  storeActiveFrom,
  storeTakenOver,
} from './token-key-store.js';

export interface TokenKeyRotation extends RotatableKey {
  /** Ends a key that leaked: every token it sealed is dead. A key that every node knows seals in its place. */
  revoke(keyId: string, now: number): Promise<TokenKeyRevocation>;
}

export type TokenKeyRevocation =
  | { readonly revoked: true; readonly environment: Environment }
  | { readonly revoked: false };

export interface TokenKeyDependencies {
  readonly database: Database;
  readonly masterKey: MasterKey;
  readonly random: RandomBytes;
}

interface Memory {
  /** Reads the keys again. */
  readonly reload: () => Promise<void>;
  readonly maintain: (now: number) => Promise<void>;
}

const publishAheadMs = 60 * 60_000;
const publishSecondsByCommand = 60;

export function createTokenKeyRotation(dependencies: TokenKeyDependencies, memory: Memory): TokenKeyRotation {
  const { database } = dependencies;
  const list = (now: number): Promise<KeyDescription[]> =>
    database.read(async (tx) => {
      const keys = await listTokenKeys(tx);
      return keys.map((key) => describe(key, keys, now));
    });
  return {
    kind: 'token',
    list,
    rotate: async ({ environment, publishSeconds = publishSecondsByCommand }, now) => {
      await database.transaction(async (tx) => {
        await lockTokenKeys(tx);
        for (const each of environment === undefined ? environments : [environment]) {
          const outcome = await bringNextKey(tx, each, 'operator', now + publishSeconds * 1_000, now, dependencies);
          if (outcome === 'sooner already') throw waitsAlready(each);
        }
      });
      await memory.reload();
      return list(now);
    },
    maintain: memory.maintain,
    reload: memory.reload,
    reseal: async (newMasterKey) => {
      let count = 0;
      for (const key of await database.read((tx) => listTokenKeys(tx))) {
        if (await database.transaction((tx) => resealTokenKey(tx, newMasterKey, key))) count += 1;
      }
      return count;
    },
    revoke: async (keyId, now) => {
      const environment = await database.transaction((tx) => revokeTokenKey(tx, keyId, now, dependencies));
      if (environment === undefined) return { revoked: false };
      await memory.reload();
      return { revoked: true, environment };
    },
  };
}

function waitsAlready(environment: Environment): KeyConflictError {
  return new KeyConflictError(
    `The next token key of ${environment} is there already and takes over sooner than this would: "tollward keys list" shows when.`,
  );
}

/** The turn of every minute, on every node. @param sealsPerKey a key that sealed so many tokens is replaced */
export async function maintainTokenKeys(
  tx: Tx,
  seals: readonly CountedSeals[],
  sealsPerKey: number,
  now: number,
  dependencies: TokenKeyDependencies,
): Promise<void> {
  await lockTokenKeys(tx);
  await deleteUnreadableTokenKeys(tx, now);
  await addSeals(tx, seals);
  for (const environment of environments) {
    await ensureNextKey(tx, environment, now, dependencies);
    const worn = decideSealingKey(await listTokenKeys(tx, environment), now);
    if (worn !== undefined && worn.seals >= sealsPerKey) {
      await bringNextKey(tx, environment, 'tollward', now + publishSecondsByCommand * 1_000, now, dependencies);
    }
  }
}

/** So that two nodes do not both make the next key. */
function lockTokenKeys(tx: Tx): Promise<void> {
  return lockForUnit(tx, 'token keys');
}

/** An hour ahead; at once where there is none, on the first start and after a long stop. */
async function ensureNextKey(
  tx: Tx,
  environment: Environment,
  now: number,
  dependencies: TokenKeyDependencies,
): Promise<void> {
  const coveredUntil = decideCoveredUntil(await listTokenKeys(tx, environment), now);
  if (coveredUntil > now + publishAheadMs) return;
  await makeKey(tx, environment, 'tollward', coveredUntil, now, dependencies);
}

/** Sees to it that the next key takes over at `activeFrom`: one that waits already is brought forward. */
async function bringNextKey(
  tx: Tx,
  environment: Environment,
  actor: Actor,
  activeFrom: number,
  now: number,
  dependencies: TokenKeyDependencies,
): Promise<'done' | 'sooner already'> {
  const keys = await listTokenKeys(tx, environment);
  // Not later than the end of the key that seals now, or there would be none in between.
  const at = Math.min(activeFrom, decideSealingKey(keys, now)?.activeUntil ?? now);
  const decision = decideRotation(keys, at, now);
  if (decision.kind === 'conflict') return 'sooner already';
  if (decision.kind === 'make') await makeKey(tx, environment, actor, at, now, dependencies);
  else await bringForward(tx, decision.next, actor, at, now, dependencies);
  return 'done';
}

async function makeKey(
  tx: Tx,
  environment: Environment,
  actor: Actor,
  activeFrom: number,
  now: number,
  { masterKey, random }: TokenKeyDependencies,
): Promise<void> {
  const id = await insertTokenKey(tx, masterKey, environment, activeFrom, now);
  await storeTakenOver(tx, environment, id, activeFrom);
  const details = { activeFrom: new Date(activeFrom).toISOString() };
  await appendAuditEntry(tx, { environment, actor, action: 'token_key.created', subject: id, details }, now, random);
}

async function bringForward(
  tx: Tx,
  key: StoredTokenKey,
  actor: Actor,
  activeFrom: number,
  now: number,
  { random }: TokenKeyDependencies,
): Promise<void> {
  const { environment, id } = key;
  await storeActiveFrom(tx, key, activeFrom);
  await storeTakenOver(tx, environment, id, activeFrom);
  const details = { activeFrom: new Date(activeFrom).toISOString() };
  const action = 'token_key.brought_forward';
  await appendAuditEntry(tx, { environment, actor, action, subject: id, details }, now, random);
}

/** @returns the environment of the key; undefined when there is none of that id */
async function revokeTokenKey(
  tx: Tx,
  keyId: string,
  now: number,
  dependencies: TokenKeyDependencies,
): Promise<Environment | undefined> {
  await lockTokenKeys(tx);
  const key = (await listTokenKeys(tx)).find(({ id }) => id === keyId);
  if (key === undefined) return undefined;
  const { environment } = key;
  await deleteTokenKey(tx, key);
  const left = await listTokenKeys(tx, environment);
  const next = left.find(({ activeFrom }) => activeFrom > now);
  // The one that waits is known to every node, so it is better than a new one that nobody has heard of.
  if (!left.some(({ activeFrom, activeUntil }) => activeFrom <= now && now < activeUntil) && next !== undefined) {
    await bringForward(tx, next, 'operator', now, now, dependencies);
  }
  await ensureNextKey(tx, environment, now, dependencies);
  const fact = { environment, actor: 'operator', action: 'token_key.revoked', subject: keyId, details: {} } as const;
  await appendAuditEntry(tx, fact, now, dependencies.random);
  return environment;
}

function describe(key: StoredTokenKey, keys: readonly StoredTokenKey[], now: number): KeyDescription {
  const { environment, id, createdAt, activeFrom, activeUntil, readableUntil } = key;
  const ofEnvironment = keys.filter((each) => each.environment === environment);
  const isActive = decideSealingKey(ofEnvironment, now)?.id === id;
  const state = isActive ? 'active' : activeFrom > now ? 'next' : 'retired';
  return { kind: 'token', environment, id, state, createdAt, activeFrom, activeUntil, readableUntil };
}
