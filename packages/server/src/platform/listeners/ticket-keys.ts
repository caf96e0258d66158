// The keys of TLS session tickets (RFC 5077 section 5.5, RFC 8446 section 4.6.1), the same on every node, so that a session
// begun on one is resumed on another. The database holds a root per environment, sealed by the master key; the key of a
// listener and a period follows from it by HKDF with SHA-256 (RFC 5869), so nothing is written when a period begins.

import { hkdfSync, randomBytes } from 'node:crypto';
import { type Environment, environments } from '@tollward/protocol';
import { coalesce } from '../coalesce.js';
import type { Database, ReadTx, Tx } from '../database/database.js';
import { lockForUnit } from '../database/unit-lock.js';
import { activeGeneration, type Generation, judgeGenerations } from '../keys/decide-generations.js';
import type { MasterKey } from '../keys/master-key.js';
import type { KeyDescription, RotatableKey } from '../keys/rotatable-key.js';
import type { TicketKey } from './tls-listener.js';

export interface TicketKeys {
  /** What the listener makes and reads tickets with at this time. */
  of(environment: Environment, listener: string, now: number): TicketKey;
  readonly key: RotatableKey;
}

/** Writes the audit entry of a new root into its unit of work. */
export type NoteTicketKey = (
  tx: Tx,
  made: { readonly environment: Environment; readonly id: string; readonly activeFrom: number },
  by: 'operator' | 'tollward',
  now: number,
) => Promise<void>;

interface TicketRoot extends Generation {
  readonly environment: Environment;
  readonly root: Buffer;
}

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
/** A ticket is good for at most this long, because the key that reads it is gone then. */
const periodMs = 5 * minuteMs;
const lifetimeMs = 24 * 60 * minuteMs;
/** Every node knows a new root before it is used. */
const publishMs = minuteMs;
/** Room for nodes whose clocks differ. */
const keptMs = 10 * minuteMs;
const rootBytes = 32;
const ticketKeyBytes = 48;
const lockName = 'ticket keys';

export async function openTicketKeys(
  database: Database,
  masterKey: MasterKey,
  now: number,
  note: NoteTicketKey,
): Promise<TicketKeys> {
  let held: readonly TicketRoot[] = [];
  const load = async (tx: ReadTx): Promise<readonly TicketRoot[]> => {
    const rows = await tx.selectFrom('ticket_keys').selectAll().execute();
    return rows.map(({ environment, id, key_sealed, created_at, active_from }) => ({
      environment,
      id,
      createdAt: created_at.getTime(),
      activeFrom: active_from.getTime(),
      root: masterKey.open(key_sealed, placeOf(environment, id)),
    }));
  };
  const reload = coalesce(async () => {
    held = await database.readUrgently(load);
  });

  const make = async (
    tx: Tx,
    environment: Environment,
    activeFrom: number,
    by: 'operator' | 'tollward',
    at: number,
  ): Promise<void> => {
    const id = randomBytes(4).toString('hex');
    const key_sealed = masterKey.seal(randomBytes(rootBytes), placeOf(environment, id));
    const times = { created_at: new Date(at), active_from: new Date(activeFrom) };
    await tx
      .insertInto('ticket_keys')
      .values({ environment, id, key_sealed, ...times })
      .execute();
    await note(tx, { environment, id, activeFrom }, by, at);
  };

  const maintain = async (at: number): Promise<void> => {
    if (environments.every((environment) => isWell(rootsOf(held, environment), at))) return;
    await database.transaction(async (tx) => {
      await lockForUnit(tx, lockName);
      const stored = await load(tx);
      for (const environment of environments) {
        const roots = rootsOf(stored, environment);
        if (roots.length === 0) await make(tx, environment, at, 'tollward', at);
        else if (isDue(roots, at)) await make(tx, environment, at + publishMs, 'tollward', at);
        await remove(tx, environment, worthless(roots, at));
      }
    });
    await reload();
  };

  await reload();
  await maintain(now);

  const list = (environment: Environment, at: number): readonly KeyDescription[] =>
    judgeGenerations(rootsOf(held, environment), at).map(({ generation, state, supersededAt }) => {
      const { id, createdAt, activeFrom } = generation;
      const activeUntil = supersededAt ?? activeFrom + lifetimeMs + publishMs;
      const readableUntil = activeUntil + keptMs;
      return { kind: 'ticket', environment, id, state, createdAt, activeFrom, activeUntil, readableUntil };
    });

  return {
    of: (environment, listener, at) => {
      const root = activeGeneration(rootsOf(held, environment), at)?.root;
      if (root === undefined) throw new Error(`there is no root of ticket keys for ${environment}`);
      const period = Math.floor(at / periodMs);
      const info = JSON.stringify(['tollward session tickets', environment, listener, period]);
      return Buffer.from(hkdfSync('sha256', root, '', info, ticketKeyBytes));
    },
    key: {
      kind: 'ticket',
      list: (at) => Promise.resolve(environments.flatMap((environment) => list(environment, at))),
      rotate: async ({ environment, publishSeconds }, at) => {
        const wanted = environment === undefined ? environments : [environment];
        const activeFrom = at + (publishSeconds === undefined ? publishMs : publishSeconds * secondMs);
        await database.transaction(async (tx) => {
          await lockForUnit(tx, lockName);
          const stored = await load(tx);
          for (const each of wanted) {
            const judged = judgeGenerations(rootsOf(stored, each), at);
            // Nothing was made by one that still waits.
            const waiting = judged.filter(({ state }) => state === 'next').map(({ generation }) => generation.id);
            await remove(tx, each, waiting);
            // Two of the same moment would have no order.
            const used = judged.filter(({ state }) => state !== 'next').map(({ generation }) => generation.activeFrom);
            await make(tx, each, Math.max(activeFrom, ...used.map((from) => from + 1)), 'operator', at);
          }
        });
        await reload();
        return wanted.flatMap((each) => list(each, at));
      },
      maintain,
      reload,
      reseal: async (by) => {
        let count = 0;
        const stored = (tx: ReadTx) => tx.selectFrom('ticket_keys').select(['environment', 'id']).execute();
        for (const { environment, id } of await database.read(stored)) {
          count += await database.transaction((tx) => reseal(tx, by, environment, id));
        }
        return count;
      },
    },
  };
}

function rootsOf(roots: readonly TicketRoot[], environment: Environment): readonly TicketRoot[] {
  return roots.filter((root) => root.environment === environment);
}

function isDue(roots: readonly TicketRoot[], now: number): boolean {
  return roots.every(({ activeFrom }) => activeFrom + lifetimeMs <= now);
}

function worthless(roots: readonly TicketRoot[], now: number): readonly string[] {
  return judgeGenerations(roots, now)
    .filter(({ state, supersededAt = Infinity }) => state === 'retired' && supersededAt + keptMs <= now)
    .map(({ generation }) => generation.id);
}

function isWell(roots: readonly TicketRoot[], now: number): boolean {
  return roots.length > 0 && !isDue(roots, now) && worthless(roots, now).length === 0;
}

async function remove(tx: Tx, environment: Environment, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await tx.deleteFrom('ticket_keys').where('environment', '=', environment).where('id', 'in', ids).execute();
}

async function reseal(tx: Tx, masterKey: MasterKey, environment: Environment, id: string): Promise<number> {
  const row = await tx
    .selectFrom('ticket_keys')
    .select('key_sealed')
    .where('environment', '=', environment)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
  const key_sealed = row && masterKey.reseal(row.key_sealed, placeOf(environment, id));
  if (key_sealed === undefined) return 0;
  await tx
    .updateTable('ticket_keys')
    .set({ key_sealed })
    .where('environment', '=', environment)
    .where('id', '=', id)
    .execute();
  return 1;
}

function placeOf(environment: Environment, id: string) {
  return { environment, table: 'ticket_keys', row: id };
}
