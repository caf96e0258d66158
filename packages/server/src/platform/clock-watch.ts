// Expiry is judged by this machine's clock, and other nodes judge the same tokens by theirs. Comparing with the database's
// clock tells when they drift apart.

import type { Logger } from 'pino';
import type { Database } from './database/database.js';

export interface ClockWatch {
  /** Milliseconds this clock is ahead of the database's, by the last good measurement. */
  skewMs(): number;
  /** What the clocks differ by at least, in either direction, wherever in the round trip the database read its own. */
  provenSkewMs(): number;
  check(): Promise<void>;
}

export const warnSkewMs = 2_000;
export const notReadySkewMs = 5_000;

export function createClockWatch(
  database: Database,
  clock: () => number,
  logger: Logger,
  report: (skewMs: number) => void,
): ClockWatch {
  let skew = 0;
  let proven = 0;
  return {
    skewMs: () => skew,
    provenSkewMs: () => proven,
    check: async () => {
      const before = clock();
      const theirs = await database.clock();
      // The database read its clock somewhere between the two readings of ours.
      const after = clock();
      skew = Math.round((before + after) / 2 - theirs);
      // A wait for a free connection comes before that reading, and must not pass for skew.
      proven = Math.max(0, Math.abs(skew) - (after - before) / 2);
      report(skew);
      if (proven > warnSkewMs) {
        logger.warn(
          { skewMs: skew },
          'the clock of this machine and that of the database differ; check time synchronisation',
        );
      }
    },
  };
}
