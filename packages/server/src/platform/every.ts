import { findUnavailable } from './database/database-errors.js';
import type { Log } from './observability/log.js';

export interface Routine {
  /** Waits for the turn that is running. */
  stop(): Promise<void>;
}

/** Runs `work` again and again, never twice at once; the next turn tries again after a fault, which is logged when it is new. */
export function every(
  ms: number,
  log: Log,
  name: string,
  work: () => Promise<void>,
  first: 'now' | 'later' = 'later',
): Routine {
  let running: Promise<void> | undefined;
  let told: string | undefined;
  const tell = (error: unknown): void => {
    const unavailable = findUnavailable(error);
    const trouble = unavailable === undefined ? String(error) : unavailable.name;
    if (trouble === told) return;
    told = trouble;
    if (unavailable === undefined) log.logger.error({ error }, `${name} failed`);
    else log.logger.warn({ problem: unavailable.message }, `${name} failed`);
  };
  const recover = (): void => {
    if (told !== undefined) log.logger.info(`${name} works again`);
    told = undefined;
  };
  const turn = (): void => {
    running ??= work()
      .then(recover, tell)
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
