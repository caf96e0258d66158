export interface LastUse {
  /** By anybody, refused or not; where nobody was ever seen, since when uses are counted. */
  readonly lastTriedAt: number;
  /** When what it brought runs out: the last token of a secret. Null when that does not matter. */
  readonly neededUntil: number | null;
}

/**
 * From when on a credential can be taken out of use without a failed call, as far as its uses tell; null: it can be now.
 *
 * @param quietMs for how long nobody may have used it
 */
export function decideRetirement({ lastTriedAt, neededUntil }: LastUse, quietMs: number, now: number): number | null {
  const safeFrom = Math.max(lastTriedAt + quietMs, neededUntil ?? 0);
  return safeFrom <= now ? null : safeFrom;
}
