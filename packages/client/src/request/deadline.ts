/** The time of one call: its own limit, and the signal of whoever waits for it. */
export interface Deadline {
  /** Aborted by either, with the reason that the call rejects with. */
  readonly signal: AbortSignal;
  remainingMs(): number;
  /** What `work` gives, or the reason when the time is over first. `work` goes on: others may wait for it too. */
  race<T>(work: Promise<T>): Promise<T>;
  /** Only the caller's signal counts from now on. */
  stopClock(): void;
  /** To be called once, when the call is over. */
  end(): void;
}

export interface DeadlineOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly steadyClock: () => number;
  /** Made when the time is over, to say what was being done then. */
  readonly reason: () => Error;
}

export function openDeadline({ timeoutMs, signal: outer, steadyClock, reason }: DeadlineOptions): Deadline {
  const controller = new AbortController();
  const { signal } = controller;
  const end = steadyClock() + timeoutMs;
  const onOuterAbort = () => controller.abort(outer?.reason);
  if (outer?.aborted) onOuterAbort();
  else outer?.addEventListener('abort', onOuterAbort, { once: true });
  const timer = setTimeout(() => controller.abort(reason()), timeoutMs);

  return {
    signal,
    remainingMs: () => end - steadyClock(),
    race: (work) =>
      new Promise((resolve, reject) => {
        const onAbort = () => reject(signal.reason);
        if (signal.aborted) onAbort();
        signal.addEventListener('abort', onAbort, { once: true });
        work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
      }),
    stopClock: () => clearTimeout(timer),
    end: () => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', onOuterAbort);
    },
  };
}
