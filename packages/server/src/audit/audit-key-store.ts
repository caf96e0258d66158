// The keys of the chain. A new one is announced by an audit entry that the key before has signed; the last checkpoint of that
// key covers the entry, and the first one of the new key stands at the same position. So trust passes from key to key.

import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { sql } from 'kysely';
import type { ReadTx, Tx } from '../platform/database/database.js';
import type { Row } from '../platform/database/tables.js';
import type { MasterKey } from '../platform/keys/master-key.js';
import type { RandomBytes } from '../platform/random.js';
import { type Actor, appendAuditEntry } from './append.js';
import { fingerprintOf, signSuccessor } from './chain-hash.js';

export const keyCreated = 'audit_key.created';

export interface SigningKey {
  readonly id: string;
  readonly privateKey: KeyObject;
}

export interface NewAuditKey {
  /** The key before it; undefined for the first one, which is used at once. */
  readonly previous: SigningKey | undefined;
  readonly activeFrom: number;
  readonly actor: Actor;
}

/** Makes a key with its announcement. @returns its id */
export async function storeNewKey(
  tx: Tx,
  masterKey: MasterKey,
  { previous, activeFrom, actor }: NewAuditKey,
  now: number,
  random: RandomBytes,
): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const publicDer = publicKey.export({ type: 'spki', format: 'der' });
  const id = fingerprintOf(publicDer);
  await tx
    .insertInto('audit_keys')
    .values({
      id,
      public_key: publicDer,
      key_sealed: masterKey.seal(privateKey.export({ type: 'pkcs8', format: 'der' }), placeOf(id)),
      created_at: new Date(now),
      active_from: new Date(activeFrom),
      activated_at: previous === undefined ? new Date(now) : null,
    })
    .execute();
  const details = {
    publicKey: publicDer.toString('base64'),
    previous: previous?.id ?? null,
    signature: previous === undefined ? null : signSuccessor(id, previous.privateKey).toString('base64'),
  };
  await appendAuditEntry(tx, { environment: null, actor, action: keyCreated, subject: id, details }, now, random);
  return id;
}

/** The oldest first, in the order of their use. */
export function readAuditKeys(tx: ReadTx): Promise<readonly Row<'audit_keys'>[]> {
  const keys = tx.selectFrom('audit_keys').selectAll();
  return keys.orderBy('created_at').orderBy('activated_at').orderBy('retired_at').execute();
}

export async function readActiveKey(tx: ReadTx, masterKey: MasterKey): Promise<SigningKey | undefined> {
  const row = await tx
    .selectFrom('audit_keys')
    .selectAll()
    .where('activated_at', 'is not', null)
    .where('retired_at', 'is', null)
    .executeTakeFirst();
  return row === undefined ? undefined : openKey(row, masterKey);
}

/** The key that may follow the active one now: its time has come, and its announcement is in the chain. */
export async function readSucceedingKey(
  tx: ReadTx,
  masterKey: MasterKey,
  now: number,
): Promise<SigningKey | undefined> {
  const row = await tx
    .selectFrom('audit_keys')
    .selectAll()
    .where('activated_at', 'is', null)
    .where('active_from', '<=', new Date(now))
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('audit_entries')
          .select(sql`1`.as('one'))
          .whereRef('audit_entries.subject', '=', 'audit_keys.id')
          .where('audit_entries.action', '=', keyCreated)
          .where('audit_entries.chain_position', 'is not', null),
      ),
    )
    .orderBy('created_at')
    .executeTakeFirst();
  return row === undefined ? undefined : openKey(row, masterKey);
}

export async function isKeyWaiting(tx: ReadTx, now: number): Promise<boolean> {
  const row = await tx
    .selectFrom('audit_keys')
    .select('id')
    .where('activated_at', 'is', null)
    .where('active_from', '<=', new Date(now))
    .executeTakeFirst();
  return row !== undefined;
}

/** From now on the second one signs, and the first one can not any more. */
export async function storeSuccession(tx: Tx, retiredId: string, activeId: string, now: number): Promise<void> {
  const at = new Date(now);
  await tx.updateTable('audit_keys').set({ retired_at: at, key_sealed: null }).where('id', '=', retiredId).execute();
  await tx.updateTable('audit_keys').set({ activated_at: at }).where('id', '=', activeId).execute();
}

/** One that was retired meanwhile stays without its private part. */
export async function storeSealed(tx: Tx, id: string, sealed: Buffer): Promise<void> {
  await tx
    .updateTable('audit_keys')
    .set({ key_sealed: sealed })
    .where('id', '=', id)
    .where('key_sealed', 'is not', null)
    .execute();
}

export function placeOf(id: string) {
  return { environment: 'both', table: 'audit_keys', row: id };
}

function openKey({ id, key_sealed }: Row<'audit_keys'>, masterKey: MasterKey): SigningKey {
  if (key_sealed === null) throw new Error(`the private part of the audit key ${id} is gone`);
  return {
    id,
    privateKey: createPrivateKey({ key: masterKey.open(key_sealed, placeOf(id)), format: 'der', type: 'pkcs8' }),
  };
}
