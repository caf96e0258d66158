// The embedded engine, for development, CI and evaluation: PGlite, made safe to keep data in.

import { resolve } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { Kysely, sql } from 'kysely';
import { columnParsers } from './column-types.js';
import { type DataDirectoryLock, lockDataDirectory } from './data-directory-lock.js';
import type { Database } from './database.js';
import { isShortage } from './database-errors.js';
import { keepToOwner, syncTree, walFilesOf } from './disk-files.js';
import { type Maintained, maintain } from './maintenance.js';
import { pgliteDialect } from './pglite-dialect.js';
import type { Tables } from './tables.js';
import { EngineDatabase } from './unit-of-work.js';
import { type WalFiles, WalSync } from './wal-sync.js';

interface PgliteOptions {
  /** An absolute path, or 'memory' for a database that goes with its process: no lock, nothing synced. */
  readonly directory: string;
  readonly walFiles?: WalFiles;
  /** A dump of a data directory to start from, where there is no database yet. Saves the seconds of initdb. */
  readonly loadFrom?: Blob;
  readonly clock?: () => number;
}

/** @throws DataDirectoryInUseError when another process has the directory */
export async function openPglite(options: PgliteOptions): Promise<Database> {
  if (options.directory === 'memory') {
    return pgliteDatabase(await createPglite(undefined, options.loadFrom));
  }
  const directory = resolve(options.directory);
  const lock = await lockDataDirectory(directory);
  let pglite: PGlite | undefined;
  try {
    pglite = await createPglite(directory, options.loadFrom);
    await keepToOwner(directory);
    return await openDurably(pglite, directory, lock, options.walFiles, options.clock);
  } catch (error) {
    await pglite?.close();
    await lock.release();
    throw error;
  }
}

export function createPglite(directory?: string, loadFrom?: Blob): Promise<PGlite> {
  return PGlite.create({
    ...(directory === undefined ? {} : { dataDir: directory }),
    ...(loadFrom === undefined ? {} : { loadDataDir: loadFrom }),
    parsers: Object.fromEntries(columnParsers),
  });
}

/** A Database over a PGlite that keeps nothing on disk. */
export function pgliteDatabase(pglite: PGlite): Database {
  const kysely = kyselyOver(pglite);
  return new EngineDatabase({
    name: 'pglite',
    kysely,
    urgent: kysely,
    pulse: kysely,
    shared: false,
    assertWritable: () => undefined,
    makeDurable: async () => undefined,
    close: () => pglite.close(),
  });
}

function kyselyOver(pglite: PGlite): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: pgliteDialect(pglite) });
}

async function openDurably(
  pglite: PGlite,
  directory: string,
  lock: DataDirectoryLock,
  walFiles: WalFiles = walFilesOf(directory),
  clock: () => number = Date.now,
): Promise<Database> {
  const kysely = kyselyOver(pglite);
  const wal = new WalSync(walFiles, clock);

  // Between the CHECKPOINT and the end of the sync a power loss can find the data files half written and the WAL that
  // would repair them already gone. That can not be closed from outside PGlite, only kept short and rare.
  const checkpoint = async (): Promise<void> => {
    await sql`checkpoint`.execute(kysely);
    await syncTree(directory);
  };
  await checkpoint();
  const maintenance = startMaintenance(kysely, () => wal.exclusively(checkpoint), wal, clock);

  return new EngineDatabase({
    name: 'pglite',
    kysely,
    urgent: kysely,
    pulse: kysely,
    shared: false,
    assertWritable: () => wal.assertHealthy(),
    makeDurable: () => wal.flush(),
    async close() {
      await maintenance.stop();
      try {
        await pglite.close();
        await syncTree(directory);
      } finally {
        await lock.release();
      }
    },
  });
}

const maintenanceTickMs = 60_000;

function startMaintenance(
  kysely: Kysely<Tables>,
  checkpoint: () => Promise<void>,
  wal: WalSync,
  clock: () => number,
): { stop(): Promise<void> } {
  const work = {
    walBytes: () => walBytesSinceCheckpoint(kysely),
    checkpoint,
    vacuum: async () => void (await sql`vacuum (analyze)`.execute(kysely)),
  };
  // Never vacuumed, as far as this process knows: short runs would otherwise never get there.
  let last: Maintained = { checkpointAt: clock(), vacuumAt: 0 };
  let running: Promise<void> | undefined;
  const timer = setInterval(() => {
    running ??= maintain(last, clock(), work)
      .then((done) => {
        last = done;
      })
      // Nobody waits for this timer, so the fault reaches whoever writes next. A shortage may be over at the next turn.
      .catch((error: unknown) => {
        if (!isShortage(error)) wal.fail(error);
      })
      .finally(() => {
        running = undefined;
      });
  }, maintenanceTickMs);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}

async function walBytesSinceCheckpoint(kysely: Kysely<Tables>): Promise<number> {
  const { rows } = await sql<{ bytes: bigint }>`
    select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn)::int8 as bytes from pg_control_checkpoint()
  `.execute(kysely);
  return Number(rows[0]?.bytes ?? 0n);
}
