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
  /** Reads the keys again for an unknown key id; at most once a second, whoever asks. */
  reload(now: number): Promise<void>;
}

export interface OpenedTokenKeyring extends TokenKeyring {
  readonly rotation: TokenKeyRotation;
}

const reloadPauseMs = 1_000;
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

/** @throws MasterKeyError when the keys that are there were sealed by another master key */
export async function openTokenKeyring(
  dependencies: TokenKeyDependencies,
  now: number,
  sealsPerKey = defaultSealsPerKey,
): Promise<OpenedTokenKeyring> {
  const { database, masterKey } = dependencies;
  let uses = new Map<string, KeyUse>();
  let active = new Map<Environment, KeyUse>();
  let lastReload = Number.NEGATIVE_INFINITY;
  let reloading: Promise<void> | undefined;
  let maintaining: Promise<void> | undefined;

  const load = coalesce(async () => {
    const keys = await database.read((tx) => listTokenKeys(tx));
    uses = new Map(
      keys.map((stored) => {
        const { environment, id, activeFrom, activeUntil } = stored;
        const name = `${environment} ${id}`;
        const known = uses.get(name);
        const secret = known?.key.secret ?? openTokenKey(masterKey, stored);
        const unchanged = known?.key.activeFrom === activeFrom && known.key.activeUntil === activeUntil;
        if (known !== undefined && unchanged) return [name, known];
        const key = { id, idBytes: Buffer.from(id, 'hex'), secret, activeFrom, activeUntil };
        return [name, { environment, key, seals: known?.seals ?? 0 }];
      }),
    );
    active = new Map();
  });

  const maintainOnce = async (at: number): Promise<void> => {
    const counted = [...uses.values()]
      .filter(({ seals }) => seals > 0)
      .map((use) => ({ environment: use.environment, id: use.key.id, count: use.seals }));
    await database.transaction((tx) => maintainTokenKeys(tx, counted, sealsPerKey, at, dependencies));
    for (const { environment, id, count } of counted) {
      const use = uses.get(`${environment} ${id}`);
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

  const findActive = (environment: Environment, at: number): KeyUse => {
    const ofEnvironment = [...uses.values()].filter((use) => use.environment === environment);
    const sealing = decideSealingKey(
      ofEnvironment.map(({ key }) => key),
      at,
    );
    const use = ofEnvironment.find(({ key }) => key === sealing);
    if (use === undefined) {
      // Not waited for: what comes next finds it. A fault comes back with the turn of every minute, which logs it.
      maintain(at).catch(() => undefined);
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
    find: (environment, keyId) => uses.get(`${environment} ${keyId}`)?.key,
    reload: (at) => {
      // Whoever comes while it runs waits for it: their token may be sealed by the key it brings.
      if (reloading === undefined && at - lastReload >= reloadPauseMs) {
        lastReload = at;
        reloading = load().finally(() => {
          reloading = undefined;
        });
      }
      return reloading ?? Promise.resolve();
    },
    rotation: createTokenKeyRotation(dependencies, { reload: load, maintain }),
  };
}
