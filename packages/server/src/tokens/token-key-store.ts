// The rows of token keys, and the changes that keep them in order: each key seals until the next one does, at most one
// waits for its time, and a key is kept for as long as a token that it sealed can live.

import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import type { Environment } from '@tollward/protocol';
import type { ReadTx, Tx } from '../platform/database/database.js';
import type { Row } from '../platform/database/tables.js';
import type { MasterKey } from '../platform/keys/master-key.js';
import { clockSkewMs } from './decide-token-key.js';

export interface StoredTokenKey {
  readonly environment: Environment;
  readonly id: string;
  readonly sealed: Buffer;
  readonly createdAt: number;
  readonly activeFrom: number;
  readonly activeUntil: number;
  readonly readableUntil: number;
  /** Tokens it sealed on all nodes, as far as they have told. */
  readonly seals: number;
}

/** Tokens that a key sealed on this node since it was last told. */
export interface CountedSeals {
  readonly environment: Environment;
  readonly id: string;
  readonly count: number;
}

const hourMs = 60 * 60_000;
const keyLifetimeMs = 24 * hourMs;
const longestTokenLifetimeMs = 24 * hourMs;
const keyBytes = 32;

export async function listTokenKeys(tx: ReadTx, environment?: Environment): Promise<StoredTokenKey[]> {
  const all = tx.selectFrom('token_keys').selectAll().orderBy('environment').orderBy('active_from').orderBy('id');
  const asked = environment === undefined ? all : all.where('environment', '=', environment);
  return (await asked.execute()).map(toStored);
}

/** @returns its id */
export async function insertTokenKey(
  tx: Tx,
  masterKey: MasterKey,
  environment: Environment,
  activeFrom: number,
  now: number,
): Promise<string> {
  const id = randomBytes(4).toString('hex');
  const activeUntil = activeFrom + keyLifetimeMs;
  await tx
    .insertInto('token_keys')
    .values({
      environment,
      id,
      key_sealed: masterKey.seal(randomBytes(keyBytes), placeOf({ environment, id })),
      created_at: new Date(now),
      active_from: new Date(activeFrom),
      active_until: new Date(activeUntil),
      readable_until: new Date(activeUntil + longestTokenLifetimeMs + clockSkewMs),
    })
    .execute();
  return id;
}

/** Its readable_until stays: a node that has not heard of this seals with it for longer. */
export async function storeActiveFrom(tx: Tx, { environment, id }: StoredTokenKey, activeFrom: number): Promise<void> {
  await tx
    .updateTable('token_keys')
    .set({ active_from: new Date(activeFrom), active_until: new Date(activeFrom + keyLifetimeMs) })
    .where('environment', '=', environment)
    .where('id', '=', id)
    .execute();
}

/** Ends the sealing time of all others when the next key takes over. */
export async function storeTakenOver(tx: Tx, environment: Environment, nextId: string, at: number): Promise<void> {
  await tx
    .updateTable('token_keys')
    .set({ active_until: new Date(at) })
    .where('environment', '=', environment)
    .where('id', '!=', nextId)
    .where('active_until', '>', new Date(at))
    .where('active_from', '<', new Date(at))
    .execute();
}

export async function deleteTokenKey(tx: Tx, { environment, id }: StoredTokenKey): Promise<void> {
  await tx.deleteFrom('token_keys').where('environment', '=', environment).where('id', '=', id).execute();
}

export async function deleteUnreadableTokenKeys(tx: Tx, now: number): Promise<void> {
  await tx.deleteFrom('token_keys').where('readable_until', '<=', new Date(now)).execute();
}

export async function addSeals(tx: Tx, counted: readonly CountedSeals[]): Promise<void> {
  for (const { environment, id, count } of counted) {
    await tx
      .updateTable('token_keys')
      .set((row) => ({ seals: row('seals', '+', BigInt(count)) }))
      .where('environment', '=', environment)
      .where('id', '=', id)
      .execute();
  }
}

/** @throws MasterKeyError */
export function openTokenKey(masterKey: MasterKey, key: StoredTokenKey): KeyObject {
  return createSecretKey(masterKey.open(key.sealed, placeOf(key)));
}

/** Seals one key anew, if another master key sealed it. Resolves to whether it did. */
export async function resealTokenKey(tx: Tx, masterKey: MasterKey, key: StoredTokenKey): Promise<boolean> {
  const row = await tx
    .selectFrom('token_keys')
    .select('key_sealed')
    .where('environment', '=', key.environment)
    .where('id', '=', key.id)
    .forUpdate()
    .executeTakeFirst();
  const sealed = row && masterKey.reseal(row.key_sealed, placeOf(key));
  if (sealed === undefined) return false;
  await tx
    .updateTable('token_keys')
    .set({ key_sealed: sealed })
    .where('environment', '=', key.environment)
    .where('id', '=', key.id)
    .execute();
  return true;
}

function placeOf({ environment, id }: { readonly environment: Environment; readonly id: string }) {
  return { environment, table: 'token_keys', row: id };
}

function toStored(row: Row<'token_keys'>): StoredTokenKey {
  return {
    environment: row.environment,
    id: row.id,
    sealed: row.key_sealed,
    createdAt: row.created_at.getTime(),
    activeFrom: row.active_from.getTime(),
    activeUntil: row.active_until.getTime(),
    readableUntil: row.readable_until.getTime(),
    seals: Number(row.seals),
  };
}
