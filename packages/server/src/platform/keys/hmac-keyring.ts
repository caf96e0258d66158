// Secrets of 256 random bits need no slow hash: they are stored as HMAC-SHA-256 (RFC 2104) under a random key of their
// environment, which the database holds only sealed. A stolen table is useless without the master key.

import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Environment, environments } from '@tollward/protocol';
import type { Database, Tx } from '../database/database.js';
import type { MasterKey } from './master-key.js';

export interface HmacKeyring {
  /** The version new hashes are made with. */
  currentVersion(environment: Environment): number;
  hash(environment: Environment, version: number, secret: string): Buffer;
}

const keyBytes = 32;

/** Loads the keys of both environments; makes the first one of each where there is none. */
export async function openHmacKeyring(database: Database, masterKey: MasterKey, now: number): Promise<HmacKeyring> {
  const keys = new Map<string, KeyObject>();
  const current = new Map<Environment, number>();
  await database.transaction(async (tx) => {
    for (const environment of environments) {
      for (const row of await loadOrCreate(tx, environment, masterKey, now)) {
        const place = { environment, table: 'hmac_keys', row: String(row.version) };
        keys.set(`${environment} ${row.version}`, createSecretKey(masterKey.open(row.key_sealed, place)));
        current.set(environment, Math.max(row.version, current.get(environment) ?? 0));
      }
    }
  });
  const keyOf = (environment: Environment, version: number): KeyObject => {
    const key = keys.get(`${environment} ${version}`);
    if (key === undefined) throw new Error(`there is no HMAC key ${version} for ${environment}`);
    return key;
  };
  return {
    currentVersion: (environment) => current.get(environment) ?? 0,
    hash: (environment, version, secret) =>
      createHmac('sha256', keyOf(environment, version)).update(secret, 'utf8').digest(),
  };
}

/** Compares two hashes without telling by time where they differ. */
export function hashesEqual(left: Buffer, right: Buffer): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}

async function loadOrCreate(tx: Tx, environment: Environment, masterKey: MasterKey, now: number) {
  const rows = await tx.selectFrom('hmac_keys').selectAll().where('environment', '=', environment).execute();
  if (rows.length > 0) return rows;
  const sealed = masterKey.seal(randomBytes(keyBytes), { environment, table: 'hmac_keys', row: '1' });
  const first = { environment, version: 1, key_sealed: sealed, created_at: new Date(now) };
  await tx.insertInto('hmac_keys').values(first).execute();
  return [first];
}
