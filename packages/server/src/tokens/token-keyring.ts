// The keys that seal access tokens, as a request needs them: one seals, every other one that a living token may need
// opens. In memory, as it is in the database, where they are sealed by the master key.

import type { KeyObject } from 'node:crypto';
import type { Environment } from '@tollward/protocol';
import { coalesce } from '../platform/coalesce.js';
import { DatabaseUnavailableError } from '../platform/database/database-errors.js';
import { decideSealingKey } from './decide-token-key.js';
import {
  createTokenKeyRotation,
  maintainTokenKeys,
  type TokenKeyDependencies,
  type TokenKeyRotation,
} from './rotate-token-keys.js';
import { listTokenKeys, openTokenKey } from './token-key-store.js';

export interface TokenKey {
  readonly id: string;
  readonly idBytes: Buffer;
  readonly secret: KeyObject;
  readonly activeFrom: number;
  readonly activeUntil: number;
}

export interface TokenKeyring {
  /**
   * The key to seal with now.
   *
   * @throws DatabaseUnavailableError when every key is over, as after a long sleep of this machine. One is then being made.
   */
  current(environment: Environment, now: number): TokenKey;
  find(environment: Environment, keyId: string): TokenKey | undefined;
  /**
   * Reads the keys again, at most once a second: who asks within a second of a reading shares its outcome.
   *
   * @throws DatabaseUnavailableError when they can not be read, so that nobody takes what is in memory for all there is
   */
  reload(): Promise<void>;
}

export interface TokenKeyringDependencies extends TokenKeyDependencies {
  /** Milliseconds of a clock that is never set back. */
  readonly monotonic: () => number;
  /** What keys are made and deleted by: the one clock that all nodes share. */
  readonly databaseNow: () => Promise<number>;
}

export interface OpenedTokenKeyring extends TokenKeyring {
  readonly rotation: TokenKeyRotation;
}

const reloadPauseMs = 1_000;
const maintainPauseMs = 1_000;
/**
 * Random 96-bit nonces stay safe for 2^32 messages under one key (NIST SP 800-38D section 8.3), on all nodes together.
 * Half of it is the limit here, because what the nodes have not told yet comes on top: a minute of each.
 */
const defaultSealsPerKey = 2 ** 31;

interface KeyUse {
  readonly environment: Environment;
  readonly key: TokenKey;
  /** Not told to the database yet. */
  seals: number;
}

const noUses = (): Record<Environment, Map<string, KeyUse>> => ({ sandbox: new Map(), production: new Map() });

/**
 * @param now by the database's clock
 * @throws MasterKeyError when the keys that are there were sealed by another master key
 */
export async function openTokenKeyring(
  dependencies: TokenKeyringDependencies,
  now: number,
  sealsPerKey = defaultSealsPerKey,
): Promise<OpenedTokenKeyring> {
  const { database, masterKey, monotonic, databaseNow } = dependencies;
  let uses = noUses();
  let active = new Map<Environment, KeyUse>();
  let lastReload: { readonly at: number; readonly outcome: Promise<void> } | undefined;
  let lastUrge = Number.NEGATIVE_INFINITY;
  let maintaining: Promise<void> | undefined;

  const load = coalesce(async () => {
    const keys = await database.readUrgently((tx) => listTokenKeys(tx));
    const read = noUses();
    for (const stored of keys) {
      const { environment, id, activeFrom, activeUntil } = stored;
      const known = uses[environment].get(id);
      const unchanged = known?.key.activeFrom === activeFrom && known.key.activeUntil === activeUntil;
      const secret = known?.key.secret ?? openTokenKey(masterKey, stored);
      const key = { id, idBytes: Buffer.from(id, 'hex'), secret, activeFrom, activeUntil };
      read[environment].set(
        id,
        known !== undefined && unchanged ? known : { environment, key, seals: known?.seals ?? 0 },
      );
    }
    uses = read;
    active = new Map();
  });

  const maintainOnce = async (at: number): Promise<void> => {
    const counted = [...uses.sandbox.values(), ...uses.production.values()]
      .filter(({ seals }) => seals > 0)
      .map((use) => ({ environment: use.environment, id: use.key.id, count: use.seals }));
    await database.transaction((tx) => maintainTokenKeys(tx, counted, sealsPerKey, at, dependencies));
    for (const { environment, id, count } of counted) {
      const use = uses[environment].get(id);
      if (use !== undefined) use.seals -= count;
    }
    await load();
  };
  const maintain = (at: number): Promise<void> => {
    maintaining ??= maintainOnce(at).finally(() => {
      maintaining = undefined;
    });
    return maintaining;
  };

  /** Not waited for: what comes next finds it. A fault comes back with the turn of every minute, which logs it. */
  const urgeNextKey = (): void => {
    // This machine's clock may be the reason that none is found, and then no key that is made helps.
    if (monotonic() - lastUrge < maintainPauseMs) return;
    lastUrge = monotonic();
    databaseNow()
      .then(maintain)
      .catch(() => undefined);
  };

  const findActive = (environment: Environment, at: number): KeyUse => {
    const ofEnvironment = [...uses[environment].values()];
    const sealing = decideSealingKey(
      ofEnvironment.map(({ key }) => key),
      at,
    );
    const use = ofEnvironment.find(({ key }) => key === sealing);
    if (use === undefined) {
      urgeNextKey();
      throw new DatabaseUnavailableError(`there is no token key for ${environment} at ${new Date(at).toISOString()}`);
    }
    active.set(environment, use);
    return use;
  };

  // Before anything is written: a wrong master key must not seal a key that nobody else can open.
  await load();
  await maintain(now);

  return {
    current: (environment, at) => {
      let use = active.get(environment);
      if (use === undefined || at < use.key.activeFrom || at >= use.key.activeUntil) use = findActive(environment, at);
      use.seals += 1;
      return use.key;
    },
    find: (environment, keyId) => uses[environment].get(keyId)?.key,
    reload: () => {
      const at = monotonic();
      if (lastReload === undefined || at - lastReload.at >= reloadPauseMs) {
        const outcome = load().catch((error: unknown) => {
          throw new DatabaseUnavailableError('the token keys could not be read', error);
        });
        lastReload = { at, outcome };
      }
      return lastReload.outcome;
    },
    rotation: createTokenKeyRotation(dependencies, { reload: load, maintain }),
  };
}
