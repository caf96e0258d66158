// What an export takes along. A table that stands in neither list fails a test, so that none is forgotten.

import { type Kysely, sql } from 'kysely';
import type { Tables } from './tables.js';

/** In an order in which foreign keys only point back. */
export const movedTables = [
  'organisations',
  'clients',
  'client_secrets',
  'certificates',
  'certificate_authorities',
  'ticket_keys',
  'hmac_keys',
  'token_keys',
  'signing_keys',
  'revoked_tokens',
  'refusals',
  'credential_uses',
  'audit_entries',
  'audit_keys',
  'audit_checkpoints',
] as const satisfies readonly (keyof Tables)[];

export type MovedTable = (typeof movedTables)[number];

/** What means something on one database only, with the reason. */
export const leftTables = {
  announcements: 'news for the processes that run on this database',
  nodes: 'the processes that run on this database',
  rate_counts: 'what these processes counted in the last minutes',
  schema_migrations: 'made by the migrations of the other database',
  schema_migrations_lock: 'made by the migrations of the other database',
} as const;

export interface MovedColumn {
  readonly name: string;
  readonly type: string;
  /** What numbers it, where it numbers itself. */
  readonly sequence: string | null;
}

/**
 * The columns that are taken along. Ids of transactions are not: they mean nothing elsewhere, and the default of such a
 * column is the transaction of the import.
 */
export async function readMovedColumns(kysely: Kysely<Tables>, table: MovedTable): Promise<readonly MovedColumn[]> {
  const { rows } = await sql<MovedColumn>`
    select attname as name, format_type(atttypid, atttypmod) as type,
           pg_get_serial_sequence(${table}, attname) as sequence
    from pg_attribute
    where attrelid = ${table}::regclass and attnum > 0 and not attisdropped and attgenerated = ''
      and atttypid not in ('xid8'::regtype, 'pg_snapshot'::regtype)
    order by attnum
  `.execute(kysely);
  return rows;
}
