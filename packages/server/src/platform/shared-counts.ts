// Limits that hold over all nodes: each tells the others what it counted and weighs what they say. A count waits for the next
// turn of the node that has it, and then for the next turn of the one that needs it: two turns, a quarter of a second.

import type { Database } from './database/database.js';
import { exchangeCounts, type NamedCounts } from './database/exchange-counts.js';
import type { Log } from './observability/log.js';
import {
  createRateLimiter,
  createSharedRateLimiter,
  type RateLimiter,
  type SharedRateLimiter,
} from './rate-limiter.js';

export interface SharedCounts {
  /** A limiter whose counts are added up over the nodes; of this process alone where there can be no other. */
  limiter(name: string): RateLimiter;
  /** To be called every `countsExchangeMs`. While it fails, the limits hold for each node by itself. */
  exchange(): Promise<void>;
}

export interface SharedCountsOptions {
  readonly database: Database;
  /** Names this process among those on the database. Never used by another one, not even after a restart. */
  readonly node: string;
  readonly clock: () => number;
  /** Milliseconds this clock is ahead of the database's. */
  readonly skewMs: () => number;
  readonly log: Log;
  /** @param leftOut keys that were too many for this time */
  readonly onExchange: (outcome: 'done' | 'failed', leftOut: number) => void;
}

export const countsExchangeMs = 125;
/** Of each limiter at one time. */
const mostKeys = 1_000;

export function createSharedCounts(options: SharedCountsOptions): SharedCounts {
  const { database, node, clock, skewMs, log, onExchange } = options;
  const limiters = new Map<string, SharedRateLimiter>();
  let failing = false;

  const report = (failed: boolean, error?: unknown): void => {
    if (failed === failing) return;
    failing = failed;
    if (failed) log.logger.warn({ error }, 'counts can not be exchanged; limits hold for each node by itself');
    else log.logger.info('counts are exchanged again');
  };

  return {
    limiter: (name) => {
      if (!database.shared) return createRateLimiter();
      const limiter = createSharedRateLimiter(skewMs);
      limiters.set(name, limiter);
      return limiter;
    },
    exchange: async () => {
      const mine: NamedCounts[] = [];
      let leftOut = 0;
      for (const [name, limiter] of limiters) {
        const collected = limiter.collect(mostKeys, clock());
        leftOut += collected.leftOut;
        for (const counts of collected.counts) mine.push({ limiter: name, ...counts });
      }
      if (mine.length === 0) return;
      const ofLimiter = (all: readonly NamedCounts[], name: string) => all.filter(({ limiter }) => limiter === name);
      try {
        const theirs = await exchangeCounts(database, node, mine);
        for (const [name, limiter] of limiters) limiter.learn(ofLimiter(theirs, name));
        onExchange('done', leftOut);
        report(false);
      } catch (error) {
        for (const [name, limiter] of limiters) limiter.putBack(ofLimiter(mine, name));
        onExchange('failed', leftOut);
        report(true, error);
      }
    },
  };
}
