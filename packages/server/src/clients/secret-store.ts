import type { Environment } from '@tollward/protocol';
import type { ReadTx, Tx } from '../platform/database/database.js';
import type { Row } from '../platform/database/tables.js';
import type { SecretFacts } from './client-facts.js';
import { rememberedMs } from './decide-client-authentication.js';
import type { NewHash } from './rehash-secrets.js';

export interface NewSecret {
  readonly environment: Environment;
  readonly id: string;
  readonly clientId: string;
  readonly hash: Buffer;
  readonly hmacKeyVersion: number;
  readonly hint: string;
}

/** A secret as people may see it: never its value. */
export interface StoredSecret {
  readonly id: string;
  readonly environment: Environment;
  readonly clientId: string;
  /** Its last four characters. */
  readonly hint: string;
  readonly createdAt: Date;
  readonly usesCountedSince: Date;
  readonly usableUntil: Date | null;
  readonly endedAt: Date | null;
  readonly pausedUntil: Date | null;
  readonly revokedAt: Date | null;
}

export async function insertSecret(tx: Tx, secret: NewSecret, now: number): Promise<void> {
  await tx
    .insertInto('client_secrets')
    .values({
      environment: secret.environment,
      id: secret.id,
      client_id: secret.clientId,
      hash: secret.hash,
      hmac_key_version: secret.hmacKeyVersion,
      hint: secret.hint,
      created_at: new Date(now),
      uses_counted_since: new Date(now),
    })
    .execute();
}

/** The secrets of a client as a request needs them, without those that ended long ago. */
export async function loadSecretFacts(
  tx: ReadTx,
  environment: Environment,
  clientId: string,
  now: number,
): Promise<SecretFacts[]> {
  const since = new Date(now - rememberedMs);
  const rows = await tx
    .selectFrom('client_secrets')
    .selectAll()
    .where('environment', '=', environment)
    .where('client_id', '=', clientId)
    .where((row) => row.or([row('usable_until', 'is', null), row('usable_until', '>', since)]))
    .where((row) => row.or([row('revoked_at', 'is', null), row('revoked_at', '>', since)]))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute();
  return rows.map((row) => ({
    id: row.id,
    hash: row.hash,
    hmacKeyVersion: row.hmac_key_version,
    usableUntil: row.usable_until?.getTime() ?? null,
    endedAt: row.ended_at?.getTime() ?? null,
    revokedAt: row.revoked_at?.getTime() ?? null,
    pausedUntil: row.paused_until?.getTime() ?? null,
  }));
}

/** Room for a clock that is behind. */
const spareMs = 24 * 60 * 60_000;

/** The versions of HMAC keys that are needed to compare what is sent with the secrets that are remembered. */
export async function loadUsedHashVersions(
  tx: ReadTx,
  environment: Environment,
  now: number,
): Promise<ReadonlySet<number>> {
  const since = new Date(now - rememberedMs - spareMs);
  const rows = await tx
    .selectFrom('client_secrets')
    .select('hmac_key_version')
    .distinct()
    .where('environment', '=', environment)
    .where((row) => row.or([row('usable_until', 'is', null), row('usable_until', '>', since)]))
    .where((row) => row.or([row('revoked_at', 'is', null), row('revoked_at', '>', since)]))
    .execute();
  return new Set(rows.map((row) => row.hmac_key_version));
}

/** Undone by nobody: a hash under another version than the old one is somebody else's newer one. */
export async function storeNewHash(
  tx: Tx,
  { environment, secretId, oldVersion, version, hash }: NewHash,
): Promise<void> {
  await tx
    .updateTable('client_secrets')
    .set({ hash, hmac_key_version: version })
    .where('environment', '=', environment)
    .where('id', '=', secretId)
    .where('hmac_key_version', '=', oldVersion)
    .execute();
}

/** Every secret the client ever had, the oldest first. */
export async function listSecrets(tx: ReadTx, environment: Environment, clientId: string): Promise<StoredSecret[]> {
  const rows = await tx
    .selectFrom('client_secrets')
    .selectAll()
    .where('environment', '=', environment)
    .where('client_id', '=', clientId)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return rows.map(toStored);
}

/** Undefined when there is none of that id. The environment and client of an id never change. */
export async function findSecret(tx: ReadTx, secretId: string): Promise<StoredSecret | undefined> {
  const row = await tx.selectFrom('client_secrets').selectAll().where('id', '=', secretId).executeTakeFirst();
  return row && toStored(row);
}

export async function storeUsableUntil(tx: Tx, { environment, id }: StoredSecret, usableUntil: Date): Promise<void> {
  await tx
    .updateTable('client_secrets')
    .set({ usable_until: usableUntil })
    .where('environment', '=', environment)
    .where('id', '=', id)
    .execute();
}

/** For good, as a revocation is: a clock that is set back does not bring it back. */
export async function storeSecretEnded(tx: Tx, { environment, id }: StoredSecret, endedAt: Date): Promise<void> {
  await tx
    .updateTable('client_secrets')
    .set({ ended_at: endedAt, usable_until: endedAt })
    .where('environment', '=', environment)
    .where('id', '=', id)
    .execute();
}

export async function storeSecretRevoked(tx: Tx, { environment, id }: StoredSecret, revokedAt: Date): Promise<void> {
  await tx
    .updateTable('client_secrets')
    .set({ revoked_at: revokedAt })
    .where('environment', '=', environment)
    .where('id', '=', id)
    .execute();
}

export async function storeSecretPause(tx: Tx, { environment, id }: StoredSecret, until: Date | null): Promise<void> {
  await tx
    .updateTable('client_secrets')
    .set({ paused_until: until })
    .where('environment', '=', environment)
    .where('id', '=', id)
    .execute();
}

function toStored(row: Row<'client_secrets'>): StoredSecret {
  return {
    id: row.id,
    environment: row.environment,
    clientId: row.client_id,
    hint: row.hint,
    createdAt: row.created_at,
    usesCountedSince: row.uses_counted_since,
    usableUntil: row.usable_until,
    endedAt: row.ended_at,
    pausedUntil: row.paused_until,
    revokedAt: row.revoked_at,
  };
}

/** The ends of a secret in milliseconds since the epoch, as the decisions take them. */
export function endsOf({ usableUntil, endedAt, revokedAt }: StoredSecret) {
  return {
    usableUntil: usableUntil?.getTime() ?? null,
    endedAt: endedAt?.getTime() ?? null,
    revokedAt: revokedAt?.getTime() ?? null,
  };
}
