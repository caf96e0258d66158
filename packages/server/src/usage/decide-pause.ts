// A pause, or brown-out: for a while a credential counts as revoked, so that whoever still uses it is found in time.

export type PauseResult =
  /** Null: it is not paused, or not any more. */
  | { readonly ok: true; readonly pausedUntil: Date | null }
  /** `over`: it can not be used anyway. */
  | { readonly ok: false; readonly problem: 'unknown' | 'over' };

export type PauseDecision =
  | { readonly changes: true; readonly result: Extract<PauseResult, { ok: true }> }
  | { readonly changes: false; readonly result: PauseResult };

/** @param seconds 0 ends a pause */
export function decidePause(
  { pausedUntil }: { readonly pausedUntil: Date | null },
  isOver: boolean,
  seconds: number,
  now: number,
): PauseDecision {
  if (seconds > 0) {
    if (isOver) return { changes: false, result: { ok: false, problem: 'over' } };
    return { changes: true, result: { ok: true, pausedUntil: new Date(now + seconds * 1_000) } };
  }
  const isPaused = pausedUntil !== null && pausedUntil.getTime() > now;
  return { changes: isPaused, result: { ok: true, pausedUntil: null } };
}

/** The part of an audit entry that says what was done. */
export function describePause(noun: 'secret' | 'certificate', pausedUntil: Date | null, clientId: string) {
  return pausedUntil === null
    ? { action: `${noun}.resumed`, details: { clientId } }
    : { action: `${noun}.paused`, details: { clientId, until: pausedUntil.toISOString() } };
}
