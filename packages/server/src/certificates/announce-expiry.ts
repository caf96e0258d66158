import type { Logger } from 'pino';
import type { Database } from '../platform/database/database.js';
import type { UsageRecorder } from '../usage/index.js';
import { daysLeft, decideExpiryAdvice } from './decide-expiry-notice.js';
import { takeDueNotices } from './listed-certificate-store.js';

export interface AnnounceExpiryDependencies {
  readonly database: Database;
  readonly usage: UsageRecorder;
  readonly logger: Logger;
}

/** The rest is left to the next turn. */
const mostNotices = 1_000;

/** Says in the log which client certificates end soon or are over: each once per threshold, whoever asks and how often. */
export async function announceExpiry(
  now: number,
  { database, usage, logger }: AnnounceExpiryDependencies,
): Promise<void> {
  await usage.flush();
  const due = await database.transaction((tx) => takeDueNotices(tx, mostNotices, now, usage));
  // After the commit: a line that was not recorded would be written again.
  for (const { notice, certificate } of due) {
    const { level, situation, remedy } = decideExpiryAdvice(certificate, now);
    const { environment, clientId, clientName, organisation, id, name, notAfter } = certificate;
    const { lastUsedAt, lastUsedFrom, laterOne } = certificate;
    const left = daysLeft(notAfter.getTime(), now);
    const whose = { environment, clientId, clientName, organisation, certificateId: id, name };
    const what = notice === 0 ? 'a client certificate is over' : 'a client certificate ends soon';
    const fields = { ...whose, notAfter, daysLeft: left, lastUsedAt, lastUsedFrom, laterOne };
    logger[level](fields, `${what}; ${situation}: ${remedy}`);
  }
}
