import type { Environment } from '@tollward/protocol';
import type { Tx } from '../platform/database/database.js';
import { newId } from '../platform/ids.js';
import type { RandomBytes } from '../platform/random.js';
import { type AuditDetails, canonicalEntry } from './canonical-entry.js';

/** Who did it: the person or program at the management API, Tollward itself, or a client to what is its own. */
export type Actor = 'operator' | 'tollward' | 'client';

export interface AuditFact {
  readonly environment: Environment | null;
  readonly actor: Actor;
  /** `<noun>.<verb in the past>`, for example `certificate.issued`. */
  readonly action: string;
  /** The id of what was acted on. */
  readonly subject: string;
  /** Further facts. No secret and no personal data. */
  readonly details: AuditDetails;
}

/** Writes an audit entry in the transaction that makes it true. Its place in the chain comes after the commit. */
export async function appendAuditEntry(tx: Tx, fact: AuditFact, now: number, random: RandomBytes): Promise<void> {
  const id = newId('aud', now, random);
  const occurredAt = new Date(now);
  const { environment, actor, action, subject, details } = fact;
  const columns = { id, environment, actor, action, subject };
  const entry = Buffer.from(canonicalEntry({ ...columns, occurredAt: occurredAt.toISOString() }, details));
  await tx
    .insertInto('audit_entries')
    .values({ ...columns, occurred_at: occurredAt, entry })
    .execute();
}
