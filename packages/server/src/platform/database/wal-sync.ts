// Makes the commits of PGlite durable. PGlite writes its write-ahead log (WAL) to files but never syncs them, so we do,
// before a commit is acknowledged. What it rests on: PGlite checkpoints only when we tell it to.

import { DatabaseUnavailableError } from './database-errors.js';

/** The WAL segments of one data directory. */
export interface WalFiles {
  /** `modifiedAt` in milliseconds since the epoch. */
  list(): Promise<readonly { name: string; modifiedAt: number }[]>;

  /** Resolves when the content of the segment is on the disk. */
  sync(name: string): Promise<void>;

  /** Resolves when the names of the segments are on the disk. */
  syncDirectory(): Promise<void>;
}

// File systems round modification times, some of them to 2 s, so that a later write can leave the time unchanged.
const timestampGranularityMs = 2000;

export class WalSync {
  readonly #files: WalFiles;
  readonly #clock: () => number;
  /** Segments whose every write is on the disk, by the modification time that proves it. */
  #clean = new Map<string, number>();
  #names = new Set<string>();
  #running: Promise<void> | undefined;
  #waiting: Promise<void> | undefined;
  #fault: { readonly cause: unknown } | undefined;

  constructor(files: WalFiles, clock: () => number) {
    this.#files = files;
    this.#clock = clock;
  }

  /**
   * Resolves when everything written before the call is on the disk. A sync that is already running may have looked
   * at the files too early, so callers wait for the next one, all for the same.
   */
  flush(): Promise<void> {
    if (!this.#running) return this.#start();
    this.#waiting ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#waiting = undefined;
        return this.#start();
      });
    return this.#waiting;
  }

  /**
   * From now on every flush fails. After a failed sync the kernel may count lost pages as written, so that the next
   * sync succeeds although the data is gone; only reopening tells what is really there.
   */
  fail(cause: unknown): void {
    this.#fault ??= { cause };
  }

  /** @throws DatabaseUnavailableError after a failure */
  assertHealthy(): void {
    if (this.#fault) {
      throw new DatabaseUnavailableError('its files could not be written to the disk; restart it', this.#fault.cause);
    }
  }

  #start(): Promise<void> {
    this.#running = this.#syncChanged()
      .catch((error: unknown) => this.fail(error))
      .then(() => {
        this.#running = undefined;
        this.assertHealthy();
      });
    return this.#running;
  }

  async #syncChanged(): Promise<void> {
    this.assertHealthy();
    const settledBefore = this.#clock() - timestampGranularityMs;
    const segments = await this.#files.list();
    const clean = new Map<string, number>();
    for (const { name, modifiedAt } of segments) {
      if (this.#clean.get(name) !== modifiedAt) await this.#files.sync(name);
      // A younger time is not proof: the next write within the granularity would not change it.
      if (modifiedAt <= settledBefore) clean.set(name, modifiedAt);
    }
    const names = new Set(segments.map(({ name }) => name));
    if ([...names].some((name) => !this.#names.has(name))) await this.#files.syncDirectory();
    this.#clean = clean;
    this.#names = names;
  }
}
