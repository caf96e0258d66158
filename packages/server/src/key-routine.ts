// What is done every minute about keys, on every node: the next ones are made in time, and the metrics say how old they are.

import { listKeys } from './key-commands.js';
import type { RotatableKey } from './platform/keys/rotatable-key.js';
import type { Log } from './platform/observability/log.js';
import type { Metrics } from './platform/observability/metrics.js';

export interface KeyRoutineDependencies {
  readonly keys: readonly RotatableKey[];
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'keys'>;
  readonly clock: () => number;
  /** What keys are made and deleted by: the one clock that all nodes share. */
  readonly databaseNow: () => Promise<number>;
}

export function createKeyRoutine({
  keys,
  log,
  metrics,
  clock,
  databaseNow,
}: KeyRoutineDependencies): () => Promise<void> {
  return async () => {
    const now = await databaseNow();
    for (const key of keys) {
      // One kind that fails must not keep the others from being replaced in time.
      await key
        .maintain(now)
        .catch((error: unknown) => log.logger.error({ error, kind: key.kind }, 'keys could not be maintained'));
    }
    metrics.keys(await listKeys(keys, clock()));
  };
}
