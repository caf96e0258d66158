// A power loss, simulated. Of the WAL the disk has what was there when a sync began that has ended, of everything else what
// was there when the database was opened. What was acknowledged by then has to be found on that disk.

import { readFileSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migratedImage } from '../../testing/database.js';
import type { Database } from './database.js';
import { walFilesOf } from './disk-files.js';
import { openPglite } from './pglite.js';
import type { WalFiles } from './wal-sync.js';

/** The WAL of a directory, and what of it is on the disk for sure. */
class Disk implements WalFiles {
  readonly #wal: string;
  readonly #files: WalFiles;
  readonly #contents = new Map<string, Buffer>();
  #names: ReadonlySet<string> = new Set();

  constructor(directory: string) {
    this.#wal = join(directory, 'pg_wal');
    this.#files = walFilesOf(directory);
  }

  list() {
    return this.#files.list();
  }

  async sync(name: string): Promise<void> {
    // Read at once: the engine writes in this thread, so nothing comes between.
    const content = readFileSync(join(this.#wal, name));
    await this.#files.sync(name);
    this.#contents.set(name, content);
  }

  async syncDirectory(): Promise<void> {
    const names = (await this.#files.list()).map(({ name }) => name);
    await this.#files.syncDirectory();
    this.#names = new Set(names);
  }

  segments(): (readonly [name: string, content: Buffer])[] {
    return [...this.#contents].filter(([name]) => this.#names.has(name));
  }
}

const atOnce = 4;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tollward-power-loss-'));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

/**
 * Commits through `walFilesOn(disk)` until the last cut. The power fails right after each acknowledgement of `cuts`, every time on a disk of its
 * own. Resolves to what was acknowledged and is not found there.
 */
async function findLost(cuts: readonly number[], walFilesOn: (disk: Disk) => WalFiles): Promise<string[][]> {
  const directory = join(root, 'running');
  const asOpened = join(root, 'as-opened');
  const disk = new Disk(directory);
  const database = await openPglite({ directory, loadFrom: await migratedImage(), walFiles: walFilesOn(disk) });
  await cp(directory, asOpened, { recursive: true });

  const acknowledged: string[] = [];
  const left: { readonly acknowledged: readonly string[]; readonly segments: ReturnType<Disk['segments']> }[] = [];
  const waiting = Array.from({ length: Math.max(...cuts) }, (_, number) => `unit ${number}`);
  const work = async (): Promise<void> => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      await commit(database, id);
      acknowledged.push(id);
      if (cuts.includes(acknowledged.length)) left.push({ acknowledged: [...acknowledged], segments: disk.segments() });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  await database.close();

  const lost: string[][] = [];
  for (const [number, cut] of left.entries()) {
    const found = await idsOn(join(root, `cut-${number}`), asOpened, cut.segments);
    lost.push(cut.acknowledged.filter((id) => !found.has(id)));
  }
  return lost;
}

/** Every tenth unit ends the segment, so that the next one needs a new file. */
function commit(database: Database, id: string): Promise<unknown> {
  return database.transaction(async (tx) => {
    await tx
      .insertInto('organisations')
      .values({ id, name: id, created_at: new Date(0) })
      .execute();
    if (id.endsWith('9')) await sql`select pg_switch_wal()`.execute(tx);
  });
}

async function idsOn(directory: string, asOpened: string, segments: ReturnType<Disk['segments']>) {
  await cp(asOpened, directory, { recursive: true });
  for (const [name, content] of segments) await writeFile(join(directory, 'pg_wal', name), content);
  const database = await openPglite({ directory });
  const rows = await database.read((tx) => tx.selectFrom('organisations').select('id').execute());
  await database.close();
  await rm(directory, { recursive: true });
  return new Set(rows.map(({ id }) => id));
}

test('[DB-05] every acknowledged commit survives a power loss at the moment of any acknowledgement', {
  timeout: 60_000,
}, async () => {
  expect(await findLost([1, 17, 40], (disk) => disk)).toEqual([[], [], []]);
});

test('the same test finds commits that are acknowledged while the sync still runs', { timeout: 60_000 }, async () => {
  const late: Promise<void>[] = [];
  const [lost] = await findLost([17], (disk) => ({
    list: () => disk.list(),
    sync: async (name) => void late.push(disk.sync(name)),
    syncDirectory: () => disk.syncDirectory(),
  }));
  await Promise.all(late);
  expect(lost).not.toEqual([]);
});

test('the same test finds commits in a new segment whose name is not on the disk', { timeout: 60_000 }, async () => {
  let named = false;
  const lost = await findLost([2, 29], (disk) => ({
    list: () => disk.list(),
    sync: (name) => disk.sync(name),
    syncDirectory: async () => {
      if (!named) await disk.syncDirectory();
      named = true;
    },
  }));
  // At the first cut there is only the segment that was there from the beginning.
  expect(lost.map((ids) => ids.length > 0)).toEqual([false, true]);
});
