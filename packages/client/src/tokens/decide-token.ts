// When a token in memory is used, renewed or given up. Two clocks are asked, and the one that says less counts: the clock of the day may be
// set back, and the other one stands still while the machine sleeps.

import type { AccessToken } from './access-token.js';

export interface Moment {
  /** Milliseconds since the epoch. */
  readonly clock: number;
  /** Milliseconds of a clock that nobody sets. */
  readonly steady: number;
}

export interface HeldToken {
  readonly token: AccessToken;
  readonly lifeMs: number;
  /** When it was asked for: its life is counted from there, not from the arrival of the answer. */
  readonly since: Moment;
  /** How much is left of its life when the next one is fetched. */
  readonly renewWithMs: number;
}

/** Part of the life after which the next token is fetched: a random point between these, so that workers started together drift apart. */
const renewFrom = 0.75;
const renewUntil = 0.9;

const defaultMinimumShare = 0.05;
const defaultMinimumAtMostMs = 30_000;

/** @param random from 0 to 1 */
export function holdToken(token: AccessToken, lifeMs: number, since: Moment, random: number): HeldToken {
  const renewAfter = renewFrom + (renewUntil - renewFrom) * random;
  return { token, lifeMs, since, renewWithMs: lifeMs * (1 - renewAfter) };
}

export function remainingMs({ lifeMs, since }: HeldToken, now: Moment): number {
  return lifeMs - Math.max(now.clock - since.clock, now.steady - since.steady);
}

/** @param asked undefined for the default: 5 % of the life, at most 30 seconds */
export function minimumMs(lifeMs: number, asked: number | undefined): number {
  return asked ?? Math.min(lifeMs * defaultMinimumShare, defaultMinimumAtMostMs);
}

export type TokenDecision = 'use' | 'use-and-renew' | 'fetch';

export function decideToken(
  held: HeldToken | undefined,
  now: Moment,
  { minimumRemainingMs, renewAhead }: { readonly minimumRemainingMs: number | undefined; readonly renewAhead: boolean },
): TokenDecision {
  if (held === undefined) return 'fetch';
  const left = remainingMs(held, now);
  if (left <= 0 || left < minimumMs(held.lifeMs, minimumRemainingMs)) return 'fetch';
  return renewAhead && left <= held.renewWithMs ? 'use-and-renew' : 'use';
}

/** After a renewal that failed: the next try is at a random point of the second half of what is left, so that calls do not storm. */
export function postponeRenewal(held: HeldToken, now: Moment, random: number): HeldToken {
  return { ...held, renewWithMs: Math.max(remainingMs(held, now), 0) * (0.5 * random) };
}
