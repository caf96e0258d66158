import { announceExpiry } from '../certificates/index.js';
import { createLog } from '../platform/observability/log.js';
import type { TestServer } from './test-server.js';

/** Gives the expiry notices that are due by the server's clock, as the program does every hour; the lines it logs. */
export async function giveExpiryNotices({ core, time }: TestServer): Promise<Record<string, unknown>[]> {
  const lines: Record<string, unknown>[] = [];
  const { logger } = createLog('info', { write: (line) => void lines.push(JSON.parse(line)) });
  await announceExpiry(time.now, { database: core.database, usage: core.usage, logger });
  return lines;
}
