import type { Environment } from '@tollward/protocol';
import type { Tx } from '../platform/database/database.js';
import { newId } from '../platform/ids.js';
import type { RandomBytes } from '../platform/random.js';

/** Who did it: the person or program at the management API, or Tollward itself. */
export type Actor = 'operator' | 'tollward';

export interface AuditFact {
  readonly environment: Environment | null;
  readonly actor: Actor;
  /** `<noun>.<verb in the past>`, for example `certificate.issued`. */
  readonly action: string;
  /** The id of what was acted on. */
  readonly subject: string;
  /** Further facts. No secret and no personal data. */
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

/** Writes an audit entry in the transaction that makes it true. */
export async function appendAuditEntry(tx: Tx, fact: AuditFact, now: number, random: RandomBytes): Promise<void> {
  const id = newId('aud', now, random);
  const occurredAt = new Date(now);
  await tx
    .insertInto('audit_entries')
    .values({
      id,
      occurred_at: occurredAt,
      environment: fact.environment,
      actor: fact.actor,
      action: fact.action,
      subject: fact.subject,
      entry: canonicalEntry(id, occurredAt, fact),
    })
    .execute();
}

/** The bytes that are chained: JSON with a fixed member order and sorted details, so that a verifier can rebuild them. */
function canonicalEntry(id: string, occurredAt: Date, fact: AuditFact): Buffer {
  const details = Object.fromEntries(Object.entries(fact.details).sort(([left], [right]) => (left < right ? -1 : 1)));
  return Buffer.from(
    JSON.stringify([1, id, occurredAt.toISOString(), fact.environment, fact.actor, fact.action, fact.subject, details]),
  );
}
