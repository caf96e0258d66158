import { type Actor, appendAuditEntry } from '../audit/index.js';
import type { Tx } from '../platform/database/database.js';
import { newId } from '../platform/ids.js';
import type { RandomBytes } from '../platform/random.js';

/** The id of the organisation of that name, which is made when there is none. Two callers at once get the same one. */
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
    const { id } = await tx.selectFrom('organisations').select('id').where('name', '=', name).executeTakeFirstOrThrow();
    return id;
  }
  const fact = { environment: null, actor, action: 'organisation.created', subject: created.id, details: { name } };
  await appendAuditEntry(tx, fact, now, random);
  return created.id;
}
