// Makes the commits of PGlite durable. PGlite writes its write-ahead log (WAL) to files but never syncs them, so we do,
// before a commit is acknowledged. What it rests on: PGlite checkpoints only when we tell it to.

import { DatabaseUnavailableError } from './database-errors.js';

export interface WalSegment {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
}

/** The WAL segments of one data directory. */
export interface WalFiles {
  list(): Promise<readonly WalSegment[]>;

  /** Resolves when the content of the segment is on the disk. Rejects with the code ENOENT when there is none. */
  sync(name: string): Promise<void>;

  /** Resolves when the names of the segments are on the disk. */
  syncDirectory(): Promise<void>;
}

// File systems round modification times, some of them to 2 s, so that a later write can leave the time unchanged.
const timestampGranularityMs = 2000;

/** The system calls that come before a sync and write nothing. */
const callsBeforeSync: ReadonlySet<unknown> = new Set(['scandir', 'stat', 'open']);

export class WalSync {
  readonly #files: WalFiles;
  readonly #clock: () => number;
  /** Segments whose every write is on the disk, by the modification time that proves it. */
  #clean = new Map<string, number>();
  #names = new Set<string>();
  /** The end of the queue. Never rejects. */
  #last: Promise<void> = Promise.resolve();
  /** A flush that has not begun. */
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
    this.#waiting ??= this.#next(() => {
      this.#waiting = undefined;
      return this.#syncChanged().catch((error: unknown) => this.#failFlush(error));
    });
    return this.#waiting;
  }

  /**
   * Runs work that changes the segments, such as a checkpoint, while no flush is running: a flush beside it would
   * find listed segments gone, or count on WAL that is no longer there. When the work fails, so does every flush after it.
   */
  exclusively(work: () => Promise<void>): Promise<void> {
    return this.#next(() => work().catch((error: unknown) => this.fail(error)));
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

  #next(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(async () => {
      this.assertHealthy();
      await work();
      this.assertHealthy();
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #syncChanged(): Promise<void> {
    const settledBefore = this.#clock() - timestampGranularityMs;
    const segments = await this.#files.list();
    const clean = new Map<string, number>();
    const names = new Set<string>();
    for (const { name, modifiedAt } of segments) {
      if (this.#clean.get(name) !== modifiedAt && !(await this.#syncPresent(name))) continue;
      names.add(name);
      // A younger time is not proof: the next write within the granularity would not change it.
      if (modifiedAt <= settledBefore) clean.set(name, modifiedAt);
    }
    if ([...names].some((name) => !this.#names.has(name))) await this.#files.syncDirectory();
    this.#clean = clean;
    this.#names = names;
  }

  /** False when the segment is gone: it was recycled, and only a segment that nothing needs any more is. */
  async #syncPresent(name: string): Promise<boolean> {
    try {
      await this.#files.sync(name);
      return true;
    } catch (error) {
      if (isMissingFile(error)) return false;
      throw error;
    }
  }

  /** Where no sync failed, as with no file descriptor left to begin one, the next flush can still do all of the work. */
  #failFlush(cause: unknown): never {
    if (!isBeforeSync(cause)) this.fail(cause);
    this.assertHealthy();
    throw new DatabaseUnavailableError('its files could not be opened', cause);
  }
}

function isBeforeSync(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && callsBeforeSync.has(error.syscall);
}

export function isMissingFile(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
