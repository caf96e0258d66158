// How nodes tell each other what they counted: each writes its own rows and reads the sums of the others'. What is written is
// the whole count and not what was added, so a statement whose outcome is not known can be sent again and counts nothing twice.

import { sql } from 'kysely';
import type { KeyCounts } from '../rate-limiter.js';
import type { Database } from './database.js';
import { EngineDatabase } from './unit-of-work.js';

export interface NamedCounts extends KeyCounts {
  readonly limiter: string;
}

interface SumsRow {
  readonly limiter: string;
  readonly key: string;
  readonly second_index: number;
  readonly second_current: number;
  readonly second_previous: number;
  readonly minute_index: number;
  readonly minute_current: number;
  readonly minute_previous: number;
}

/**
 * One statement. Resolves to what the other nodes counted in the same windows, for the keys they counted anything for. A row
 * of another window counts for as much of it as lies in the ones asked for: a node may be a window ahead or behind.
 */
export async function exchangeCounts(
  database: Database,
  node: string,
  counts: readonly NamedCounts[],
): Promise<readonly NamedCounts[]> {
  const mine = JSON.stringify(counts.map(toRow));
  const { rows } = await EngineDatabase.pulse(database, (kysely) =>
    sql<SumsRow>`
      with mine as (
        select * from json_to_recordset(${mine}::json) as mine (limiter text, key text,
          second_index int8, second_current int8, second_previous int8,
          minute_index int8, minute_current int8, minute_previous int8)
      ), written as (
        insert into rate_counts as counts (limiter, key, node, second_index, second_current, second_previous,
          minute_index, minute_current, minute_previous, expires_at)
        select limiter, key, ${node}, second_index, second_current, second_previous,
          minute_index, minute_current, minute_previous, date_trunc('minute', now()) + interval '4 minutes'
        from mine
        on conflict (limiter, key, node) do update set
          second_index = excluded.second_index, second_current = excluded.second_current,
          second_previous = excluded.second_previous, minute_index = excluded.minute_index,
          minute_current = excluded.minute_current, minute_previous = excluded.minute_previous,
          expires_at = excluded.expires_at
      )
      select mine.limiter, mine.key, mine.second_index::float8, mine.minute_index::float8,
        sum(${countedIn('second', 0)})::float8 as second_current, sum(${countedIn('second', -1)})::float8 as second_previous,
        sum(${countedIn('minute', 0)})::float8 as minute_current, sum(${countedIn('minute', -1)})::float8 as minute_previous
      from mine join rate_counts as theirs on (theirs.limiter, theirs.key) = (mine.limiter, mine.key)
      where theirs.node <> ${node}
      group by mine.limiter, mine.key, mine.second_index, mine.minute_index`.execute(kysely),
  );
  return rows.map(fromRow);
}

/** What another node counted in the window that lies so many from the one this node is in. */
function countedIn(window: 'second' | 'minute', distance: 0 | -1) {
  const column = (table: 'mine' | 'theirs', name: string) => sql.ref(`${table}.${window}_${name}`);
  const wanted = sql`${column('mine', 'index')} + ${sql.lit(distance)}`;
  return sql`case ${wanted} when ${column('theirs', 'index')} then ${column('theirs', 'current')}
    when ${column('theirs', 'index')} - 1 then ${column('theirs', 'previous')} else 0 end`;
}

function toRow({ limiter, key, second, minute }: NamedCounts): SumsRow {
  return {
    limiter,
    key,
    second_index: second.index,
    second_current: second.current,
    second_previous: second.previous,
    minute_index: minute.index,
    minute_current: minute.current,
    minute_previous: minute.previous,
  };
}

function fromRow(row: SumsRow): NamedCounts {
  return {
    limiter: row.limiter,
    key: row.key,
    second: { index: row.second_index, current: row.second_current, previous: row.second_previous },
    minute: { index: row.minute_index, current: row.minute_current, previous: row.minute_previous },
  };
}
