import type { Log } from './observability/log.js';

export interface Routine {
  /** Waits for the turn that is running. */
  stop(): Promise<void>;
}

/** Runs `work` again and again, never twice at once; a fault is logged and the next turn tries again. */
export function every(
  ms: number,
  log: Log,
  name: string,
  work: () => Promise<void>,
  first: 'now' | 'later' = 'later',
): Routine {
  let running: Promise<void> | undefined;
  const turn = (): void => {
    running ??= work()
      .catch((error: unknown) => log.logger.error({ error }, `${name} failed`))
      .finally(() => {
        running = undefined;
      });
  };
  const timer = setInterval(turn, ms).unref();
  if (first === 'now') turn();
  return {
    stop: async () => {
      clearInterval(timer);
      await running;
    },
  };
}
