import type { Database, Tx } from '../platform/database/database.js';
import type { Row } from '../platform/database/tables.js';
import { lockForUnit } from '../platform/database/unit-lock.js';
import { KeyConflictError } from '../platform/keys/key-conflict-error.js';
import type { MasterKey } from '../platform/keys/master-key.js';
import type { KeyDescription, RotatableKey } from '../platform/keys/rotatable-key.js';
import type { RandomBytes } from '../platform/random.js';
import type { Actor } from './append.js';
import { placeOf, readActiveKey, readAuditKeys, storeNewKey, storeSealed } from './audit-key-store.js';

const lifetimeMs = 365 * 86_400_000;

/** Makes the key of the chain where there is none yet. Throws at once when the one there is can not be opened. */
export function ensureAuditKey(
  database: Database,
  masterKey: MasterKey,
  now: number,
  random: RandomBytes,
): Promise<void> {
  return inKeyUnit(database, async (tx) => {
    if ((await readActiveKey(tx, masterKey)) !== undefined) return;
    await storeNewKey(tx, masterKey, { previous: undefined, activeFrom: now, actor: 'tollward' }, now, random);
  });
}

/** One key for the whole installation. The chainer reads it anew for each checkpoint, so there is nothing to reload. */
export function createAuditKeys(database: Database, masterKey: MasterKey, random: RandomBytes): RotatableKey {
  const rotate = async (tx: Tx, activeFrom: number, actor: Actor, now: number): Promise<KeyDescription> => {
    const keys = await readAuditKeys(tx);
    const next = keys.find((key) => stateOf(key) === 'next');
    if (next !== undefined) {
      throw new KeyConflictError(
        `The next audit key (${next.id}) is made already, and used from ${next.active_from.toISOString()} on.`,
      );
    }
    const previous = await readActiveKey(tx, masterKey);
    const id = await storeNewKey(tx, masterKey, { previous, activeFrom, actor }, now, random);
    return describe(id, previous === undefined ? 'active' : 'next', now, activeFrom);
  };

  return {
    kind: 'audit',
    list: async () => (await database.read(readAuditKeys)).map(describeRow),
    rotate: ({ publishSeconds = 0 }, now) =>
      inKeyUnit(database, async (tx) => [await rotate(tx, now + publishSeconds * 1_000, 'operator', now)]),
    maintain: async (now) => {
      // Read without the lock first: it is asked about once a minute, and true once a year.
      if (!isOver(await database.read(readAuditKeys), now)) return;
      await inKeyUnit(database, async (tx) => {
        if (isOver(await readAuditKeys(tx), now)) await rotate(tx, now, 'tollward', now);
      });
    },
    reload: async () => undefined,
    reseal: (newMasterKey) =>
      inKeyUnit(database, async (tx) => {
        let resealed = 0;
        for (const { id, key_sealed } of await readAuditKeys(tx)) {
          const sealed = key_sealed === null ? undefined : newMasterKey.reseal(key_sealed, placeOf(id));
          if (sealed === undefined) continue;
          await storeSealed(tx, id, sealed);
          resealed += 1;
        }
        return resealed;
      }),
  };
}

function inKeyUnit<T>(database: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  return database.transaction(async (tx) => {
    await lockForUnit(tx, 'audit key');
    return work(tx);
  });
}

function isOver(keys: readonly Row<'audit_keys'>[], now: number): boolean {
  const newest = keys.at(-1);
  return newest !== undefined && now >= (newest.activated_at ?? newest.active_from).getTime() + lifetimeMs;
}

function stateOf({ activated_at, retired_at }: Row<'audit_keys'>): KeyDescription['state'] {
  if (retired_at !== null) return 'retired';
  return activated_at === null ? 'next' : 'active';
}

function describeRow(row: Row<'audit_keys'>): KeyDescription {
  const activeFrom = (row.activated_at ?? row.active_from).getTime();
  return describe(row.id, stateOf(row), row.created_at.getTime(), activeFrom);
}

function describe(id: string, state: KeyDescription['state'], createdAt: number, activeFrom: number): KeyDescription {
  return {
    kind: 'audit',
    environment: null,
    id,
    state,
    createdAt,
    activeFrom,
    activeUntil: state === 'retired' ? null : activeFrom + lifetimeMs,
    // What it signed can be checked for ever.
    readableUntil: null,
  };
}
