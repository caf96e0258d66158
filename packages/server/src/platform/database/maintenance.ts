// PGlite has neither a checkpointer nor autovacuum: without this the WAL and dead rows grow until the disk is full.

const hourMs = 60 * 60 * 1000;
const checkpointEveryMs = hourMs;
const checkpointAboveWalBytes = 128 * 1024 * 1024;
const vacuumEveryMs = 24 * hourMs;

/** When the work was last done, milliseconds since the epoch. */
export interface Maintained {
  readonly checkpointAt: number;
  readonly vacuumAt: number;
}

export interface MaintenanceWork {
  /** WAL written since the last checkpoint. */
  walBytes(): Promise<number>;
  /** Includes the sync of every file. */
  checkpoint(): Promise<void>;
  vacuum(): Promise<void>;
}

export function decideMaintenance(
  last: Maintained,
  now: number,
  walBytes: number,
): { readonly vacuum: boolean; readonly checkpoint: boolean } {
  return {
    vacuum: now - last.vacuumAt >= vacuumEveryMs,
    checkpoint: now - last.checkpointAt >= checkpointEveryMs || walBytes > checkpointAboveWalBytes,
  };
}

/** Does what is due, for its owner to call on a timer. Returns what to pass as `last` the next time. */
export async function maintain(last: Maintained, now: number, work: MaintenanceWork): Promise<Maintained> {
  const due = decideMaintenance(last, now, await work.walBytes());
  // In this order, because a VACUUM writes WAL that the checkpoint can drop.
  if (due.vacuum) await work.vacuum();
  if (due.checkpoint) await work.checkpoint();
  return {
    vacuumAt: due.vacuum ? now : last.vacuumAt,
    checkpointAt: due.checkpoint ? now : last.checkpointAt,
  };
}
