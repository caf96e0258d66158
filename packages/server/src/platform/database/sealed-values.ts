// Which master keys the sealed values of a database need. Every such value names the key that sealed it, in the bytes 2 to 5
// (platform/keys/master-key.ts), and its column ends in "_sealed".

import { type Kysely, sql } from 'kysely';
import type { Database } from './database.js';
import type { Tables } from './tables.js';
import { EngineDatabase } from './unit-of-work.js';

/** The id of a master key, as MasterKey has it, to how many values it sealed. */
export type SealedCounts = ReadonlyMap<string, number>;

export function countSealedValues(database: Database): Promise<SealedCounts> {
  return EngineDatabase.administer(database, countSealedIn);
}

export async function countSealedIn(kysely: Kysely<Tables>): Promise<SealedCounts> {
  const counts = new Map<string, number>();
  for (const { table, column } of await readSealedColumns(kysely)) {
    const { rows } = await sql<{ id: string; values: bigint }>`
      select encode(substring(${sql.ref(column)} from 2 for 4), 'hex') as id, count(*) as values
      from ${sql.table(table)} where ${sql.ref(column)} is not null group by 1
    `.execute(kysely);
    for (const { id, values } of rows) counts.set(id, (counts.get(id) ?? 0) + Number(values));
  }
  return counts;
}

async function readSealedColumns(kysely: Kysely<Tables>): Promise<readonly { table: string; column: string }[]> {
  const { rows } = await sql<{ table: string; column: string }>`
    select c.relname as table, a.attname as column
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace
      and a.atttypid = 'bytea'::regtype and a.attname like '%\_sealed' and not a.attisdropped
  `.execute(kysely);
  return rows;
}
