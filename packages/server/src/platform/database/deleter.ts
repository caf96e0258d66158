// Deletes what has expired, of every table that has an end date: in batches, so that no unit of work gets long, and for a
// limited time each turn, so that a backlog takes nobody's place. Nodes may do it at the same time: each passes over the rows
// that another one has in hand.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Database } from './database.js';

export interface DeleterOptions {
  readonly database: Database;
  readonly clock: () => number;
  /** Milliseconds of a clock that is never set back. */
  readonly monotonic: () => number;
  /** @param lagSeconds how long ago the rows that are left should have gone; 0 when none is */
  readonly onDeleted: (table: string, rows: number, lagSeconds: number) => void;
}

export const expiringTables = [
  'announcements',
  'credential_uses',
  'nodes',
  'rate_counts',
  'refusals',
  'revoked_tokens',
] as const;
type ExpiringTable = (typeof expiringTables)[number];

const budgetMs = 1_000;
/** PGlite works in our own thread, where everybody waits for the end of a batch. */
const batchSizes = { pglite: 200, postgres: 1_000 } as const;

/** One turn. Fails after it did what it could, when one of the tables could not be worked on. */
export function createDeleter({ database, clock, monotonic, onDeleted }: DeleterOptions): () => Promise<void> {
  const batchSize = batchSizes[database.engine];

  /** Whether there may be more to delete. */
  const deleteFrom = async (table: ExpiringTable): Promise<boolean> => {
    const { rows, newestExpiryLagSeconds } = await deleteBatch(database, table, clock(), batchSize);
    const hasMore = rows === batchSize;
    onDeleted(table, rows, hasMore ? newestExpiryLagSeconds : 0);
    return hasMore;
  };

  return async () => {
    const endsAt = monotonic() + budgetMs;
    const faults: unknown[] = [];
    let left: readonly ExpiringTable[] = expiringTables;
    while (left.length > 0 && monotonic() < endsAt) {
      const unfinished: ExpiringTable[] = [];
      for (const table of left) {
        try {
          if (await deleteFrom(table)) unfinished.push(table);
        } catch (error) {
          faults.push(error);
        }
        // Between two batches everything else has its turn, also where the database works in this thread.
        await nextTurn();
      }
      left = unfinished;
    }
    if (faults.length > 0) throw new AggregateError(faults, 'Some of what has expired could not be deleted.');
  };
}

interface Batch {
  readonly rows: number;
  readonly newestExpiryLagSeconds: number;
}

/** The oldest first. By the later of two clocks nothing goes early, such as a revocation, because one of them is ahead. */
async function deleteBatch(database: Database, table: ExpiringTable, now: number, limit: number): Promise<Batch> {
  const due = sql`least(now(), ${new Date(now)}::timestamptz)`;
  const { rows } = await database.transaction((tx) =>
    sql<Batch>`
      with gone as (
        delete from ${sql.table(table)} where ctid = any(array(
          select ctid from ${sql.table(table)} where expires_at <= ${due}
          order by expires_at limit ${limit} for update skip locked))
        returning expires_at
      )
      select count(*)::int4 as "rows",
        coalesce(extract(epoch from ${due} - max(expires_at)), 0)::float8 as "newestExpiryLagSeconds"
      from gone`.execute(tx),
  );
  const [batch] = rows;
  if (batch === undefined) throw new Error(`the deletion from ${table} had no result`);
  return batch;
}
