// What nodes say about how far they have read: each writes the snapshot it has taken into account with its polls.

import type { Environment } from '@tollward/protocol';
import { sql } from 'kysely';
import type { ReadTx } from '../platform/database/database.js';

export interface NodeConfirmation {
  readonly id: string;
  readonly name: string;
  readonly confirmed: boolean;
  /** Milliseconds since its last poll reached the database. */
  readonly silentMs: number;
  /** After so many milliseconds of silence it answers from memory no more. */
  readonly boundMs: number;
}

export interface Owner {
  readonly environment: Environment;
  readonly clientId: string;
}

/** @param subject the id of a client, a client secret or a certificate */
export async function findOwner(tx: ReadTx, subject: string): Promise<Owner | undefined> {
  const client = await tx
    .selectFrom('clients')
    .select(['environment', 'id as clientId'])
    .where('id', '=', subject)
    .executeTakeFirst();
  if (client !== undefined) return client;
  for (const table of ['client_secrets', 'certificates'] as const) {
    const credential = await tx
      .selectFrom(table)
      .select(['environment', 'client_id as clientId'])
      .where('id', '=', subject)
      .executeTakeFirst();
    if (credential !== undefined) return credential;
  }
  return undefined;
}

/** Every node that has not run out; confirmed: no change of the client is left that it has not taken into account. */
export async function listConfirmations(tx: ReadTx, { environment, clientId }: Owner): Promise<NodeConfirmation[]> {
  return tx
    .selectFrom('nodes')
    .select(({ not, exists, selectFrom }) => [
      'id',
      'name',
      'bound_ms as boundMs',
      sql<number>`greatest(0, extract(epoch from clock_timestamp() - polled_at) * 1000)::int4`.as('silentMs'),
      not(
        exists(
          selectFrom('announcements')
            .select('announcements.id')
            .where('topic', '=', 'standing')
            .where('environment', '=', environment)
            .where('subject', '=', clientId)
            .where(sql<boolean>`not pg_visible_in_snapshot(announcements.transaction_id, nodes.applied)`)
            // Rows of a restored database may name transactions that are still to come.
            .where(sql<boolean>`pg_visible_in_snapshot(announcements.transaction_id, pg_current_snapshot())`),
        ),
      )
        .$castTo<boolean>()
        .as('confirmed'),
    ])
    .where('expires_at', '>', sql<Date>`clock_timestamp()`)
    .orderBy('started_at')
    .orderBy('id')
    .execute();
}
