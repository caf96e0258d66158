// What is done every hour about certificates that end: notices in the log, figures in the metrics.

import {
  announceExpiry,
  createOwnExpiryNotices,
  type OwnCertificate,
  readExpiryOutlook,
} from './certificates/index.js';
import type { Database } from './platform/database/database.js';
import type { Log } from './platform/observability/log.js';
import type { Metrics, SoonestEnd } from './platform/observability/metrics.js';
import type { UsageRecorder } from './usage/index.js';

export interface ExpiryRoutineDependencies {
  readonly database: Database;
  readonly usage: UsageRecorder;
  readonly log: Log;
  readonly metrics: Metrics;
  /** As they are at this time. */
  readonly ownCertificates: (now: number) => readonly OwnCertificate[];
  readonly clock: () => number;
}

export function createExpiryRoutine(dependencies: ExpiryRoutineDependencies): () => Promise<void> {
  const { database, usage, log, metrics, ownCertificates, clock } = dependencies;
  const { logger } = log;
  const announceOwnExpiry = createOwnExpiryNotices(logger);
  return async () => {
    const now = clock();
    const own = ownCertificates(now);
    announceOwnExpiry(own, now);
    const outlook = await database.read((tx) => readExpiryOutlook(tx, now));
    const clientEnds = outlook.flatMap(({ environment, soonestEnd }) =>
      soonestEnd === null ? [] : [{ environment, kind: 'client', notAfter: soonestEnd.getTime() } as const],
    );
    metrics.certificateEnds(
      soonestEnds([...clientEnds, ...own]),
      outlook.flatMap(({ environment, ending }) => ending.map((each) => ({ environment, ...each }))),
    );
    await announceExpiry(now, { database, usage, logger });
  };
}

/** Of each environment and kind. One of ours that is over stays among them: it is still shown, or still signs. */
function soonestEnds(ends: readonly SoonestEnd[]): readonly SoonestEnd[] {
  const soonest = new Map<string, SoonestEnd>();
  for (const end of ends) {
    const place = `${end.environment} ${end.kind}`;
    if (end.notAfter < (soonest.get(place)?.notAfter ?? Infinity)) soonest.set(place, end);
  }
  return [...soonest.values()];
}
