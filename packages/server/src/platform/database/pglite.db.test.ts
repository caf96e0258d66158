import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { migratedImage } from '../../testing/database.js';
import type { Database } from './database.js';
import { DatabaseUnavailableError, DataDirectoryInUseError } from './database-errors.js';
import { migrate } from './migrate.js';
import { openPglite } from './pglite.js';
import type { WalFiles } from './wal-sync.js';

function insert(database: Database, id: string): Promise<unknown> {
  return database.transaction((tx) =>
    tx
      .insertInto('organisations')
      .values({ id, name: id, created_at: new Date(0) })
      .execute(),
  );
}

function ids(database: Database): Promise<string[]> {
  return database.read(async (tx) => {
    const rows = await tx.selectFrom('organisations').select('id').orderBy('id').execute();
    return rows.map(({ id }) => id);
  });
}

describe('PGlite on disk', () => {
  let directory: string;
  const opened: Database[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tollward-pglite-'));
  });
  afterEach(async () => {
    for (const database of opened.splice(0)) await database.close().catch(() => undefined);
    await rm(directory, { recursive: true });
  });

  async function open(walFiles?: WalFiles): Promise<Database> {
    const loadFrom = await migratedImage();
    const database = await openPglite({ directory, loadFrom, ...(walFiles ? { walFiles } : {}) });
    opened.push(database);
    return database;
  }

  test('keeps what was committed, and refuses a second opening until it is closed', async () => {
    const database = await open();
    expect(await migrate(database)).toEqual({ applied: [] });
    await insert(database, 'kept');
    await expect(openPglite({ directory })).rejects.toThrow(DataDirectoryInUseError);
    await database.close();

    const again = await openPglite({ directory });
    opened.push(again);
    expect(await ids(again)).toEqual(['kept']);
  });

  test('acknowledges a commit only when the WAL is synced, while reads do not wait', async () => {
    const events: string[] = [];
    let openGate = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      openGate = resolve;
    });
    let reached = (): void => undefined;
    const syncing = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const database = await open({
      list: async () => [{ name: '000000010000000000000001', modifiedAt: Number.MAX_SAFE_INTEGER }],
      sync: async (name) => {
        events.push(`sync ${name}`);
        reached();
        await gate;
        events.push('synced');
      },
      syncDirectory: async () => void events.push('directory synced'),
    });

    const acknowledged = insert(database, 'new').then(() => events.push('acknowledged'));
    await syncing;
    // Committed, for others can see it, and not acknowledged.
    expect(await ids(database)).toEqual(['new']);
    expect(events).toEqual(['sync 000000010000000000000001']);
    openGate();
    await acknowledged;
    expect(events).toEqual(['sync 000000010000000000000001', 'synced', 'directory synced', 'acknowledged']);
  });

  test('rejects a transaction whose WAL can not be synced, and every one after it, while reads go on', async () => {
    let broken = false;
    const database = await open({
      list: async () => [{ name: '000000010000000000000001', modifiedAt: Number.MAX_SAFE_INTEGER }],
      sync: async () => {
        if (broken) throw new Error('EIO');
      },
      syncDirectory: async () => undefined,
    });
    await insert(database, 'durable');
    broken = true;
    await expect(insert(database, 'in doubt')).rejects.toThrow(DatabaseUnavailableError);
    broken = false;
    await expect(insert(database, 'refused')).rejects.toThrow(DatabaseUnavailableError);
    expect(() => database.assertWritable(), 'and readiness knows').toThrow(DatabaseUnavailableError);
    expect(await ids(database)).not.toContain('refused');
    expect(await ids(database)).toContain('durable');
  });

  test('keeps its files to their owner, those of an earlier version too', async () => {
    const modes = async () => {
      const entries = await readdir(directory, { recursive: true, withFileTypes: true });
      const found = await Promise.all(
        entries.map(async (entry) => {
          const { mode } = await stat(join(entry.parentPath, entry.name));
          return `${entry.isDirectory() ? 'folder' : 'file'} ${(mode & 0o777).toString(8)}`;
        }),
      );
      return [...new Set(found)].sort();
    };
    await (await open()).close();
    expect(await modes()).toEqual(['file 600', 'folder 700']);
    for (const name of ['PG_VERSION', 'postgresql.conf']) await chmod(join(directory, name), 0o666);
    await (await openPglite({ directory })).close();
    expect(await modes()).toEqual(['file 600', 'folder 700']);
  });

  test('writes on after maintenance found too little of something, and never again after another fault in it', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const database = await open();
      const failOnce = async (code: string) => {
        const failing = vi
          .spyOn(PGlite.prototype, 'exec')
          .mockRejectedValueOnce(Object.assign(new Error('could not open file'), { code }));
        vi.advanceTimersByTime(60_000);
        await vi.waitFor(() => expect(failing).toHaveBeenCalled());
        failing.mockRestore();
      };
      await failOnce('53000');
      await insert(database, 'after a shortage');
      await failOnce('XX001');
      await expect(insert(database, 'after damage')).rejects.toThrow(DatabaseUnavailableError);
    } finally {
      vi.useRealTimers();
    }
  });

  test('checkpoints and vacuums by itself, and stops with close()', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      let now = Date.now();
      const database = await openPglite({ directory, loadFrom: await migratedImage(), clock: () => now });
      opened.push(database);
      await insert(database, 'dead');
      await database.transaction((tx) => tx.deleteFrom('organisations').execute());
      const state = () =>
        database.transaction(async (tx) => {
          const { rows } = await sql<{ redo: string; pages: number }>`
            select (select redo_lsn::text from pg_control_checkpoint()) as redo,
                   (pg_relation_size('organisations') / 8192)::int as pages`.execute(tx);
          return rows[0];
        });
      const before = await state();
      expect(before?.pages).toBe(1);

      // The first tick vacuums. The checkpoint is due an hour after opening.
      vi.advanceTimersByTime(60_000);
      await vi.waitFor(async () => expect((await state())?.pages).toBe(0));
      expect((await state())?.redo).toBe(before?.redo);

      now += 3_600_000;
      vi.advanceTimersByTime(60_000);
      await vi.waitFor(async () => expect((await state())?.redo).not.toBe(before?.redo));
      await database.close();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
