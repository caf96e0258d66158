// Which failed attempts are repeated, and after how long. A call that may have moved money is repeated only when it carries an idempotency
// key, or when it certainly did not arrive.

export interface FailedAttempt {
  /** Of the answer; undefined when there was none. */
  readonly status: number | undefined;
  /** Whether this attempt or one before it may have been carried out. An answer of 429 says that its own was not. */
  readonly mayHaveArrived: boolean;
  readonly retryAfterMs: number | undefined;
  /** Whether a second arrival does no harm: a safe method, or one with an idempotency key. */
  readonly repeatable: boolean;
  /** Of this call, this one included. */
  readonly attempt: number;
}

export interface RetryLimits {
  readonly attempts: number;
  readonly maximumDelayMs: number;
  /** Of the time of the call. */
  readonly remainingMs: number;
}

const firstDelayMs = 250;

/** Statuses that say nothing about whether the request was carried out. */
const transient: ReadonlySet<number> = new Set([408, 502, 503, 504]);

/** Whether the same request may be sent again without harm, and may well succeed then. */
export function mayRepeat({
  status,
  mayHaveArrived,
  repeatable,
}: Omit<FailedAttempt, 'attempt' | 'retryAfterMs'>): boolean {
  const isHarmless = repeatable || !mayHaveArrived;
  return isHarmless && (status === undefined || status === 429 || transient.has(status));
}

/**
 * @param random from 0 to 1
 * @returns how long to wait before the next attempt, in milliseconds; undefined to give up
 */
export function decideRetry(failed: FailedAttempt, limits: RetryLimits, random: number): number | undefined {
  if (failed.attempt >= limits.attempts || !mayRepeat(failed)) return undefined;
  const { retryAfterMs = 0 } = failed;
  if (retryAfterMs > limits.maximumDelayMs) return undefined;
  // Full jitter, also on top of Retry-After: everybody who was refused together got the same one.
  const jitterMs = random * firstDelayMs * 2 ** (failed.attempt - 1);
  const delayMs = Math.min(retryAfterMs + jitterMs, limits.maximumDelayMs);
  return delayMs < limits.remainingMs ? delayMs : undefined;
}
