import type { Environment } from '@tollward/protocol';
import type { Database } from '../platform/database/database.js';
import { type AuditDetails, parseDetails } from './canonical-entry.js';

export interface ListedEntry {
  readonly id: string;
  readonly occurredAt: Date;
  readonly environment: Environment | null;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly details: AuditDetails;
  /** Null: not in the chain yet. */
  readonly position: number | null;
}

/** The newest first. */
export async function listAuditEntries(
  database: Database,
  { limit, subject }: { readonly limit: number; readonly subject?: string | undefined },
): Promise<readonly ListedEntry[]> {
  const rows = await database.read((tx) => {
    // Those without a place are the newest. Their ids begin with their time.
    const newest = tx
      .selectFrom('audit_entries')
      .selectAll()
      .orderBy('chain_position', (order) => order.desc().nullsFirst())
      .orderBy('id', 'desc')
      .limit(limit);
    return (subject === undefined ? newest : newest.where('subject', '=', subject)).execute();
  });
  return rows.map(({ id, occurred_at, environment, actor, action, subject, entry, chain_position }) => ({
    id,
    occurredAt: occurred_at,
    environment,
    actor,
    action,
    subject,
    details: parseDetails(entry.toString('utf8')) ?? {},
    position: chain_position === null ? null : Number(chain_position),
  }));
}
