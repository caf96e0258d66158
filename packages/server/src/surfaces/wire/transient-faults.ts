// The log of requests that failed because the database is away: all of them fail then, for the same reason.

import type { Log } from '../../platform/observability/log.js';

const quietMs = 1_000;

/** @param monotonic milliseconds of a clock that is never set back */
export function createTransientFaults(log: Log, monotonic: () => number): (error: unknown, traceId: string) => void {
  let nextAt = Number.NEGATIVE_INFINITY;
  let leftOut = 0;
  return (error, traceId) => {
    const now = monotonic();
    if (now < nextAt) {
      leftOut += 1;
      return;
    }
    const problem = error instanceof Error ? error.message : 'unknown';
    log.logger.warn({ problem, traceId, leftOutBefore: leftOut }, 'request failed');
    nextAt = now + quietMs;
    leftOut = 0;
  };
}
