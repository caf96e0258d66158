// Time and chance, as arguments.

import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

export interface World {
  /** Milliseconds since the epoch. It may be set while the program runs. */
  readonly clock: () => number;
  /** Milliseconds since some moment. Nobody sets it, but it may stand still while the machine sleeps. */
  readonly steadyClock: () => number;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
  /** @throws the reason of `signal` when it is aborted first */
  readonly wait: (durationMs: number, signal: AbortSignal) => Promise<void>;
}

const resolution = 2 ** 32;

export const realWorld: World = {
  clock: () => Date.now(),
  steadyClock: () => performance.now(),
  random: () => randomInt(resolution) / resolution,
  wait: async (durationMs, signal) => {
    try {
      await delay(durationMs, undefined, { signal });
    } catch {
      signal.throwIfAborted();
    }
  },
};
