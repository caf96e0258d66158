import type { Environment } from '@tollward/protocol';
import type { ReadTx } from '../platform/database/database.js';

/** What the latest entry of this action in the environment is about. */
export async function findLastSubject(
  tx: ReadTx,
  environment: Environment,
  action: string,
): Promise<string | undefined> {
  const row = await tx
    .selectFrom('audit_entries')
    .select('subject')
    .where('environment', '=', environment)
    .where('action', '=', action)
    .orderBy('occurred_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.subject;
}
