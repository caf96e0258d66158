import type { UsageRecorder } from './record-usage.js';

/** Since when every use of a credential is known, in milliseconds since the epoch: before that, "never used" means nothing. */
export function usesKnownSince(
  { usesCountedSince }: { readonly usesCountedSince: Date },
  usage: Pick<UsageRecorder, 'lastDroppedAt'>,
): number {
  return Math.max(usesCountedSince.getTime(), usage.lastDroppedAt());
}

/** For showing: a database that can not be written to is a reason to look at what is there. The counts are kept. */
export async function writeUsesIfPossible(usage: UsageRecorder): Promise<void> {
  await usage.flush().catch(() => undefined);
}
