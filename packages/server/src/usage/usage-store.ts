import type { Environment } from '@tollward/protocol';
import { sql } from 'kysely';
import type { ReadTx, Tx } from '../platform/database/database.js';

/** How often a credential was used from one address over one certificate. */
export interface CredentialUse {
  readonly address: string;
  /** The certificate of the connection; null for none. */
  readonly certificateId: string | null;
  readonly uses: number;
  readonly lastUsedAt: Date | null;
  /** Requests in which it was proved, and that were refused, for whatever reason. */
  readonly refused: number;
  readonly lastRefusedAt: Date | null;
}

export interface UsesOfCredential {
  /** The latest first. */
  readonly uses: readonly CredentialUse[];
  readonly lastUsedAt: Date | null;
  /** The last time somebody tried, refused or not: whoever was refused by a pause still depends on it. */
  readonly lastTriedAt: Date | null;
  /** When the last access token it got runs out. */
  readonly tokensUntil: Date | null;
}

/** What was counted since the last time it was written. Times are milliseconds since the epoch, 0 for never. */
export interface CountedUse {
  readonly environment: Environment;
  readonly clientId: string;
  readonly credentialId: string;
  readonly certificateId: string;
  readonly address: string;
  uses: number;
  lastUsedAt: number;
  tokensUntil: number;
  refused: number;
  lastRefusedAt: number;
}

/** Long enough to find out who used a certificate of a year in the year before. */
const retentionMs = 400 * 24 * 60 * 60_000;
/** Partners that call from ever new addresses shall not fill the table. */
const keptRows = 50;
/** PGlite has one connection, and everybody else waits for a unit of work to end. */
export const usesPerUnit = 500;

/** Adds what was counted to the rows. At most `usesPerUnit` at a time, all of one environment. */
export async function addUses(tx: Tx, environment: Environment, counted: readonly CountedUse[]): Promise<void> {
  await tx
    .insertInto('credential_uses')
    .values(counted.map(toRow))
    .onConflict((conflict) =>
      conflict.columns(['environment', 'credential_id', 'address', 'certificate_id']).doUpdateSet({
        uses: sql`credential_uses.uses + excluded.uses`,
        last_used_at: sql`greatest(credential_uses.last_used_at, excluded.last_used_at)`,
        tokens_until: sql`greatest(credential_uses.tokens_until, excluded.tokens_until)`,
        refused: sql`credential_uses.refused + excluded.refused`,
        last_refused_at: sql`greatest(credential_uses.last_refused_at, excluded.last_refused_at)`,
        expires_at: sql`greatest(credential_uses.expires_at, excluded.expires_at)`,
      }),
    )
    .execute();
  await trim(tx, environment, [...new Set(counted.map(({ credentialId }) => credentialId))]);
}

/**
 * Keeps the rows with the latest uses, the latest refusals and the tokens that last longest: of each credential so many. What is
 * asked of the rows of a credential is the latest of these times, so nothing that decides is lost. A row without such a time has no
 * rank by it, which `least` passes over.
 */
async function trim(tx: Tx, environment: Environment, credentialIds: readonly string[]): Promise<void> {
  await sql`
    delete from credential_uses as old
    using (
      select credential_id, address, certificate_id,
             case when last_used_at is not null then
               row_number() over (partition by credential_id order by last_used_at desc nulls last) end as by_use,
             case when last_refused_at is not null then
               row_number() over (partition by credential_id order by last_refused_at desc nulls last) end as by_refusal,
             case when tokens_until is not null then
               row_number() over (partition by credential_id order by tokens_until desc nulls last) end as by_token
      from credential_uses
      where environment = ${environment} and credential_id in (${sql.join(credentialIds)})
    ) as ranked
    where least(by_use, by_refusal, by_token) > ${keptRows}
      and old.environment = ${environment}
      and (old.credential_id, old.address, old.certificate_id)
        = (ranked.credential_id, ranked.address, ranked.certificate_id)`.execute(tx);
}

function toRow(use: CountedUse) {
  return {
    environment: use.environment,
    credential_id: use.credentialId,
    client_id: use.clientId,
    address: use.address,
    certificate_id: use.certificateId,
    uses: BigInt(use.uses),
    last_used_at: toDate(use.lastUsedAt),
    tokens_until: toDate(use.tokensUntil),
    refused: BigInt(use.refused),
    last_refused_at: toDate(use.lastRefusedAt),
    expires_at: new Date(Math.max(use.lastUsedAt, use.lastRefusedAt) + retentionMs),
  };
}

function toDate(time: number): Date | null {
  return time === 0 ? null : new Date(time);
}

/** The uses of every credential of a client that was ever used, by the id of the credential. */
export async function listUses(
  tx: ReadTx,
  environment: Environment,
  clientId: string,
): Promise<ReadonlyMap<string, UsesOfCredential>> {
  const rows = await tx
    .selectFrom('credential_uses')
    .selectAll()
    .where('environment', '=', environment)
    .where('client_id', '=', clientId)
    .orderBy('expires_at', 'desc')
    .execute();
  const byCredential = new Map<string, typeof rows>();
  for (const row of rows) {
    const known = byCredential.get(row.credential_id);
    if (known === undefined) byCredential.set(row.credential_id, [row]);
    else known.push(row);
  }
  return new Map(
    [...byCredential].map(([credentialId, ofCredential]) => [
      credentialId,
      {
        uses: ofCredential.map((row) => ({
          address: row.address,
          certificateId: row.certificate_id === '' ? null : row.certificate_id,
          uses: Number(row.uses),
          lastUsedAt: row.last_used_at,
          refused: Number(row.refused),
          lastRefusedAt: row.last_refused_at,
        })),
        lastUsedAt: latest(ofCredential.map((row) => row.last_used_at)),
        lastTriedAt: latest(ofCredential.flatMap((row) => [row.last_used_at, row.last_refused_at])),
        tokensUntil: latest(ofCredential.map((row) => row.tokens_until)),
      },
    ]),
  );
}

/** The uses of one credential, also of one that was never used. */
export function summariseUses(uses: ReadonlyMap<string, UsesOfCredential>, credentialId: string): UsesOfCredential {
  return uses.get(credentialId) ?? { uses: [], lastUsedAt: null, lastTriedAt: null, tokensUntil: null };
}

function latest(times: readonly (Date | null)[]): Date | null {
  return times.reduce((last, time) => (last === null || (time !== null && time > last) ? time : last), null);
}
