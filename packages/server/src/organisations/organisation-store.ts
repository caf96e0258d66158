import { type Actor, appendAuditEntry } from '../audit/index.js';
import type { Tx } from '../platform/database/database.js';
import { newId } from '../platform/ids.js';
import type { RandomBytes } from '../platform/random.js';

/**
 * The id of the organisation of that name, which is made when there is none. Two callers at once get the same one, one after the
 * other, as by lockOrganisation.
 */
export async function findOrCreateOrganisation(
  tx: Tx,
  name: string,
  actor: Actor,
  now: number,
  random: RandomBytes,
): Promise<string> {
  const created = await tx
    .insertInto('organisations')
    .values({ id: newId('org', now, random), name, created_at: new Date(now) })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returning('id')
    .executeTakeFirst();
  if (created === undefined) {
    const named = tx.selectFrom('organisations').select('id').where('name', '=', name).forNoKeyUpdate();
    return (await named.executeTakeFirstOrThrow()).id;
  }
  const fact = { environment: null, actor, action: 'organisation.created', subject: created.id, details: { name } };
  await appendAuditEntry(tx, fact, now, random);
  return created.id;
}

/** Keeps others from giving a name within the organisation until the unit of work ends. */
export async function lockOrganisation(tx: Tx, id: string): Promise<void> {
  await tx.selectFrom('organisations').select('id').where('id', '=', id).forNoKeyUpdate().execute();
}
