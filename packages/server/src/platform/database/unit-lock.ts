import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { Tx } from './database.js';

/** Makes units of work of the same name run one after the other, on whichever node they are. Ends with the unit. */
export async function lockForUnit(tx: Tx, name: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(${lockKey(name)})`.execute(tx);
}

/** As `lockForUnit`, for work that may be left to whoever holds the lock. @returns whether it is held now */
export async function tryLockForUnit(tx: Tx, name: string): Promise<boolean> {
  const { rows } = await sql<{ held: boolean }>`select pg_try_advisory_xact_lock(${lockKey(name)}) as held`.execute(tx);
  return rows[0]?.held === true;
}

function lockKey(name: string): bigint {
  return createHash('sha256').update(`tollward ${name}`).digest().readBigInt64BE(0);
}
