// The keys that seal access tokens: one active key per environment, the next one published an hour before it is used,
// every one kept until the last token it sealed has expired. All in the database, sealed by the master key.

import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { type Environment, environments } from '@tollward/protocol';
import type { Database, Tx } from '../platform/database/database.js';
import type { Row } from '../platform/database/tables.js';
import type { MasterKey } from '../platform/keys/master-key.js';

export interface TokenKey {
  readonly id: string;
  readonly idBytes: Buffer;
  readonly secret: KeyObject;
  readonly activeFrom: number;
  readonly activeUntil: number;
}

export interface TokenKeyring {
  /** The key to seal with now. */
  current(environment: Environment, now: number): TokenKey;
  find(environment: Environment, keyId: string): TokenKey | undefined;
  /** Reads the keys again for an unknown key id; at most once a second, whoever asks. */
  reload(now: number): Promise<void>;
  /** Makes the next key in time, drops keys no living token needs. Called by the owner about once a minute. */
  maintain(now: number): Promise<void>;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const keyLifetimeMs = 24 * hourMs;
const publishAheadMs = hourMs;
const longestTokenLifetimeMs = 24 * hourMs;
/** Room for a clock that differs between nodes. */
const skewMs = 5 * minuteMs;
const reloadPauseMs = 1_000;
/** Random 96-bit nonces stay safe for 2^32 messages under one key (NIST SP 800-38D section 8.3); half of it is the limit here. */
const defaultSealsPerKey = 2 ** 31;

interface KeyUse {
  readonly key: TokenKey;
  seals: number;
}

export async function openTokenKeyring(
  database: Database,
  masterKey: MasterKey,
  now: number,
  sealsPerKey = defaultSealsPerKey,
): Promise<TokenKeyring> {
  let uses = new Map<string, KeyUse>();
  let lastReload = Number.NEGATIVE_INFINITY;
  let reloading: Promise<void> | undefined;
  let active = new Map<Environment, KeyUse>();

  const load = async (): Promise<void> => {
    const rows = await database.read((tx) => tx.selectFrom('token_keys').selectAll().execute());
    // The counts of seals outlive a reload: a key is worn by all of its seals, not by those of a minute.
    uses = new Map(
      rows.map((row) => {
        const name = `${row.environment} ${row.id}`;
        return [name, uses.get(name) ?? { key: openKey(masterKey, row), seals: 0 }];
      }),
    );
    active = new Map();
  };

  const findActive = (environment: Environment, at: number): KeyUse => {
    const candidates = [...uses].filter(
      ([name, { key }]) => name.startsWith(`${environment} `) && key.activeFrom <= at && at < key.activeUntil,
    );
    const [newest] = candidates.map(([, use]) => use).sort((left, right) => right.key.activeFrom - left.key.activeFrom);
    if (newest === undefined)
      throw new Error(`there is no token key for ${environment} at ${new Date(at).toISOString()}`);
    return newest;
  };

  const maintain = async (at: number): Promise<void> => {
    const worn = new Set([...active].filter(([, use]) => use.seals >= sealsPerKey).map(([environment]) => environment));
    await database.transaction(async (tx) => {
      await tx.deleteFrom('token_keys').where('readable_until', '<=', new Date(at)).execute();
      for (const environment of environments)
        await ensureNextKey(tx, masterKey, environment, at, worn.has(environment));
    });
    await load();
  };

  await maintain(now);

  return {
    current: (environment, at) => {
      let use = active.get(environment);
      if (use === undefined || at < use.key.activeFrom || at >= use.key.activeUntil) {
        use = findActive(environment, at);
        active.set(environment, use);
      }
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
    maintain,
  };
}

async function ensureNextKey(
  tx: Tx,
  masterKey: MasterKey,
  environment: Environment,
  now: number,
  atOnce: boolean,
): Promise<void> {
  const newest = await tx
    .selectFrom('token_keys')
    .select('active_until')
    .where('environment', '=', environment)
    .orderBy('active_until', 'desc')
    .limit(1)
    .executeTakeFirst();
  const coveredUntil = newest?.active_until.getTime() ?? 0;
  if (!atOnce && coveredUntil > now + publishAheadMs) return;
  // The first key is active a little earlier, so that a clock set back by a moment still finds one.
  const activeFrom = atOnce ? now : Math.max(coveredUntil, now - skewMs);
  const id = randomBytes(4).toString('hex');
  await tx
    .insertInto('token_keys')
    .values({
      environment,
      id,
      key_sealed: masterKey.seal(randomBytes(32), { environment, table: 'token_keys', row: id }),
      created_at: new Date(now),
      active_from: new Date(activeFrom),
      active_until: new Date(activeFrom + keyLifetimeMs),
      readable_until: new Date(activeFrom + keyLifetimeMs + longestTokenLifetimeMs + skewMs),
    })
    .execute();
}

function openKey(masterKey: MasterKey, row: Row<'token_keys'>): TokenKey {
  const place = { environment: row.environment, table: 'token_keys', row: row.id };
  return {
    id: row.id,
    idBytes: Buffer.from(row.id, 'hex'),
    secret: createSecretKey(masterKey.open(row.key_sealed, place)),
    activeFrom: row.active_from.getTime(),
    activeUntil: row.active_until.getTime(),
  };
}
