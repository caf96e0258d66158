import type { Tx } from '../platform/database/database.js';
import { newId } from '../platform/ids.js';
import type { RandomBytes } from '../platform/random.js';

/** Finds the organisation of that name, or makes it. Two callers at once get the same one. */
export async function findOrCreateOrganisation(
  tx: Tx,
  name: string,
  now: number,
  random: RandomBytes,
): Promise<{ id: string; created: boolean }> {
  const fresh = await tx
    .insertInto('organisations')
    .values({ id: newId('org', now, random), name, created_at: new Date(now) })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returning('id')
    .executeTakeFirst();
  if (fresh !== undefined) return { id: fresh.id, created: true };
  const { id } = await tx.selectFrom('organisations').select('id').where('name', '=', name).executeTakeFirstOrThrow();
  return { id, created: false };
}
