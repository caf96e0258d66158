import type { Environment } from '@tollward/protocol';
import { appendAuditEntry, findLastSubject } from '../audit/index.js';
import type { Database } from '../platform/database/database.js';
import type { RandomBytes } from '../platform/random.js';
import type { BroughtAuthority } from './brought-authority.js';

const action = 'certificate_authority.brought';

/** Writes to the audit who signs for partners from now on, when it is another one than the last that was brought. */
export function noteBroughtAuthority(
  database: Database,
  environment: Environment,
  { facts, validity }: BroughtAuthority,
  now: number,
  random: RandomBytes,
): Promise<void> {
  const subject = `partner ${facts.sha256.toString('hex')}`;
  const details = { certificate: facts.subject, notAfter: new Date(validity.notAfter).toISOString() };
  return database.transaction(async (tx) => {
    if ((await findLastSubject(tx, environment, action)) === subject) return;
    await appendAuditEntry(tx, { environment, actor: 'tollward', action, subject, details }, now, random);
  });
}
