// Which token key seals now, and what the others are for.

export interface TokenKeyTimes {
  /** From when on it seals, and until when: the next one takes over then. */
  readonly activeFrom: number;
  readonly activeUntil: number;
}

/** Room for a clock that differs between nodes. */
export const clockSkewMs = 5 * 60_000;

/**
 * The newest whose time has come. A clock that is a little behind may find none: then the one that is about to begin,
 * which every node knows already. Undefined when all are over, because a key is kept only for tokens sealed in its time.
 */
export function decideSealingKey<Key extends TokenKeyTimes>(keys: readonly Key[], now: number): Key | undefined {
  const inOrder = keys.filter(({ activeUntil }) => now < activeUntil).sort((a, b) => a.activeFrom - b.activeFrom);
  const started = inOrder.findLast(({ activeFrom }) => activeFrom <= now);
  if (started !== undefined) return started;
  const [soonest] = inOrder;
  return soonest !== undefined && soonest.activeFrom <= now + clockSkewMs ? soonest : undefined;
}

/** Until when there is a key at every moment from now on; now, when there is none. One that begins after a gap does not count. */
export function decideCoveredUntil(keys: readonly TokenKeyTimes[], now: number): number {
  return keys
    .toSorted((a, b) => a.activeFrom - b.activeFrom)
    .reduce(
      (until, { activeFrom, activeUntil }) =>
        activeFrom <= until + clockSkewMs ? Math.max(until, activeUntil) : until,
      now,
    );
}
