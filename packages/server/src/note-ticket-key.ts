import { appendAuditEntry } from './audit/index.js';
import type { NoteTicketKey } from './platform/listeners/ticket-keys.js';
import type { RandomBytes } from './platform/random.js';

/** The audit entry of a new root of ticket keys: the platform has no audit of its own. */
export function noteTicketKey(random: RandomBytes): NoteTicketKey {
  return (tx, { environment, id, activeFrom }, actor, now) => {
    const details = { activeFrom: new Date(activeFrom).toISOString() };
    return appendAuditEntry(
      tx,
      { environment, actor, action: 'ticket_key.created', subject: id, details },
      now,
      random,
    );
  };
}
