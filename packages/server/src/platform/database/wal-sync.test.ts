import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { DatabaseUnavailableError } from './database-errors.js';
import { type WalFiles, WalSync } from './wal-sync.js';

/** Segments in memory that remember what would survive a power loss. */
class FakeDisk implements WalFiles {
  now = 1_000_000;
  readonly calls: string[] = [];
  /** The segment a checkpoint beside the next flush removes, once the flush has listed it. */
  removeOnceListed: string | undefined;
  readonly #granularityMs: number;
  readonly #segments = new Map<string, { modifiedAt: number; writes: number; durableWrites: number }>();
  #durableNames = new Set<string>();

  constructor(granularityMs = 1) {
    this.#granularityMs = granularityMs;
  }

  write(name: string): void {
    const segment = this.#segments.get(name) ?? { modifiedAt: 0, writes: 0, durableWrites: 0 };
    segment.modifiedAt = Math.floor(this.now / this.#granularityMs) * this.#granularityMs;
    segment.writes += 1;
    this.#segments.set(name, segment);
  }

  remove(name: string): void {
    this.#segments.delete(name);
    this.#durableNames.delete(name);
  }

  /** Segments a power loss would damage now. */
  atRisk(): string[] {
    return [...this.#segments]
      .filter(([name, { writes, durableWrites }]) => writes !== durableWrites || !this.#durableNames.has(name))
      .map(([name]) => name);
  }

  names(): string[] {
    return [...this.#segments.keys()];
  }

  async list() {
    const segments = [...this.#segments].map(([name, { modifiedAt }]) => ({ name, modifiedAt }));
    if (this.removeOnceListed !== undefined) this.remove(this.removeOnceListed);
    this.removeOnceListed = undefined;
    return segments;
  }

  async sync(name: string): Promise<void> {
    this.calls.push(name);
    const segment = this.#segments.get(name);
    if (!segment) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    segment.durableWrites = segment.writes;
  }

  async syncDirectory(): Promise<void> {
    this.calls.push('directory');
    this.#durableNames = new Set(this.#segments.keys());
  }

  takeCalls(): string[] {
    return this.calls.splice(0);
  }
}

function syncOf(disk: FakeDisk): WalSync {
  return new WalSync(disk, () => disk.now);
}

describe('what a flush writes to the disk', () => {
  test('is a new segment and its name, then nothing until it changes', async () => {
    const disk = new FakeDisk();
    const wal = syncOf(disk);
    disk.write('A');
    disk.now += 10_000;
    await wal.flush();
    expect(disk.takeCalls()).toEqual(['A', 'directory']);
    await wal.flush();
    expect(disk.takeCalls()).toEqual([]);
    disk.write('A');
    await wal.flush();
    expect(disk.takeCalls()).toEqual(['A']);
  });

  test('is every segment modified within the last 2 s, even if its time did not change', async () => {
    const disk = new FakeDisk(1_000_000);
    const wal = syncOf(disk);
    disk.write('A');
    await wal.flush();
    disk.takeCalls();
    disk.now += 1_999;
    disk.write('A');
    await wal.flush();
    expect(disk.takeCalls()).toEqual(['A']);
  });

  test('is a segment written again just after it was synced, however late the flush comes', async () => {
    const disk = new FakeDisk(1_000);
    const wal = syncOf(disk);
    disk.write('A');
    await wal.flush();
    disk.write('A');
    disk.now += 60_000;
    await wal.flush();
    expect(disk.atRisk()).toEqual([]);
  });

  test('is enough for every history of writes on a file system with times rounded to 2 s', async () => {
    // PostgreSQL never uses the name of a segment twice.
    const step = fc.oneof(
      fc.record({ do: fc.constant('write' as const), toNew: fc.boolean() }),
      fc.record({ do: fc.constant('remove oldest' as const) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 5_000 }) }),
      fc.record({ do: fc.constant('flush' as const), losing: fc.option(fc.nat({ max: 2 }), { nil: undefined }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
        const disk = new FakeDisk(2_000);
        const wal = syncOf(disk);
        let created = 0;
        for (const action of steps) {
          if (action.do === 'write') {
            const newest = action.toNew ? undefined : disk.names().at(-1);
            disk.write(newest ?? `segment ${++created}`);
          } else if (action.do === 'remove oldest') disk.remove(disk.names()[0] ?? '');
          else if (action.do === 'wait') disk.now += action.ms;
          else {
            disk.removeOnceListed = action.losing === undefined ? undefined : disk.names()[action.losing];
            await wal.flush();
            expect(disk.atRisk()).toEqual([]);
          }
        }
      }),
    );
  });

  test('is the rest of the segments when one is recycled between the look at the files and the sync', async () => {
    const disk = new FakeDisk();
    const wal = syncOf(disk);
    for (const name of ['A', 'B', 'C']) disk.write(name);
    disk.removeOnceListed = 'B';
    await wal.flush();
    expect(disk.takeCalls()).toEqual(['A', 'B', 'C', 'directory']);
    expect(disk.atRisk()).toEqual([]);
    disk.write('C');
    await wal.flush();
    expect(disk.atRisk()).toEqual([]);
  });
});

describe('flushes at the same time', () => {
  function gatedDisk() {
    const gates: { open: () => void; fail: (error: Error) => void }[] = [];
    let listed = 0;
    const files: WalFiles = {
      list: async () => {
        listed += 1;
        return [{ name: 'A', modifiedAt: Number.MAX_SAFE_INTEGER }];
      },
      sync: () => new Promise((open, fail) => gates.push({ open, fail })),
      syncDirectory: async () => undefined,
    };
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    return { wal: new WalSync(files, () => 0), gates, settle, listed: () => listed };
  }

  test('share the next run, and none joins the one that is already looking at the files', async () => {
    const { wal, gates, settle, listed } = gatedDisk();
    const done: string[] = [];
    const first = wal.flush().then(() => done.push('first'));
    await settle();
    const others = ['second', 'third', 'fourth'].map((name) => wal.flush().then(() => done.push(name)));
    await settle();
    expect(listed()).toBe(1);

    gates[0]?.open();
    await first;
    await settle();
    expect(done).toEqual(['first']);
    expect(listed()).toBe(2);

    gates[1]?.open();
    await Promise.all(others);
    expect(done).toEqual(['first', 'second', 'third', 'fourth']);
    expect(listed()).toBe(2);
  });

  test('all fail after one failed, because a later success would prove nothing', async () => {
    const { wal, gates, settle, listed } = gatedDisk();
    const cause = new Error('EIO');
    const first = wal.flush();
    await settle();
    const second = wal.flush();
    const outcomes = Promise.allSettled([first, second]);
    gates[0]?.fail(cause);
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { cause } });
    }
    await expect(wal.flush()).rejects.toThrow(DatabaseUnavailableError);
    expect(() => wal.assertHealthy()).toThrow(DatabaseUnavailableError);
    expect(listed()).toBe(1);
  });

  test.each(['scandir', 'stat', 'open'])(
    'fail alone when no file could be opened (%s), and the next one does all of the work',
    async (syscall) => {
      const disk = new FakeDisk();
      const wal = syncOf(disk);
      const cause = Object.assign(new Error('too many open files'), { code: 'EMFILE', syscall });
      for (const name of ['A', 'B']) disk.write(name);
      const failing = vi.spyOn(disk, syscall === 'open' ? 'sync' : 'list').mockRejectedValueOnce(cause);
      await expect(wal.flush()).rejects.toMatchObject({ name: 'DatabaseUnavailableError', cause });
      expect(failing).toHaveBeenCalledOnce();
      expect(() => wal.assertHealthy()).not.toThrow();
      await wal.flush();
      expect(disk.atRisk()).toEqual([]);
    },
  );

  test.each(['fdatasync', 'fsync', 'close', undefined])(
    'all fail after one failed in %s, too many open files or not',
    async (syscall) => {
      const disk = new FakeDisk();
      const wal = syncOf(disk);
      const cause = Object.assign(new Error('failed'), { code: 'EMFILE', syscall });
      disk.write('A');
      vi.spyOn(disk, 'sync').mockRejectedValueOnce(cause);
      await expect(wal.flush()).rejects.toMatchObject({ cause });
      await expect(wal.flush()).rejects.toMatchObject({ name: 'DatabaseUnavailableError', cause });
    },
  );

  test('and a checkpoint never overlap: it waits for the one that runs, later ones wait for it', async () => {
    const { wal, gates, settle, listed } = gatedDisk();
    const order: string[] = [];
    const before = wal.flush().then(() => order.push('flush before'));
    await settle();
    let endCheckpoint = (): void => undefined;
    const checkpoint = wal.exclusively(async () => {
      order.push('checkpoint begins');
      await new Promise<void>((resolve) => {
        endCheckpoint = resolve;
      });
      order.push('checkpoint ends');
    });
    const after = wal.flush().then(() => order.push('flush after'));
    await settle();
    expect(order).toEqual([]);

    gates[0]?.open();
    await before;
    await settle();
    expect(order).toEqual(['flush before', 'checkpoint begins']);
    expect(listed(), 'no flush looks at the files during the checkpoint').toBe(1);

    endCheckpoint();
    await checkpoint;
    await settle();
    expect(listed()).toBe(2);
    gates[1]?.open();
    await after;
    expect(order).toEqual(['flush before', 'checkpoint begins', 'checkpoint ends', 'flush after']);
  });

  test('all fail after a failed checkpoint', async () => {
    const { wal, listed } = gatedDisk();
    const cause = new Error('EIO');
    const outcomes = await Promise.allSettled([wal.exclusively(() => Promise.reject(cause)), wal.flush()]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { cause } });
    expect(listed()).toBe(0);
  });
});
