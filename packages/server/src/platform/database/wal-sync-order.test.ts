// The order of events around a commit: whatever the interleaving, a unit of work is acknowledged after the segments that it
// wrote were synced, by a sync that began after the write. The judge reads the log only; wrong engines prove that it bites.

import fc from 'fast-check';
import {
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
} from 'kysely';
import { expect, test } from 'vitest';
import type { Tables } from './tables.js';
import { EngineDatabase } from './unit-of-work.js';
import { type WalFiles, WalSync } from './wal-sync.js';

type Event =
  | { readonly what: 'written'; readonly unit: number; readonly segment: string }
  | { readonly what: 'sync begun' | 'synced'; readonly segment: string }
  | { readonly what: 'names begun' | 'names synced' }
  | { readonly what: 'acknowledged'; readonly unit: number };

/** The units that were acknowledged although a power loss at that moment could have taken them. */
function findEarly(log: readonly Event[]): number[] {
  return log.flatMap((event, at) => {
    if (event.what !== 'acknowledged') return [];
    const { unit } = event;
    const before = log.slice(0, at);
    const written = before.findIndex((earlier) => earlier.what === 'written' && earlier.unit === unit);
    const write = before[written];
    if (write?.what !== 'written') return [unit];
    const { segment } = write;
    const created = before.findIndex((earlier) => earlier.what === 'written' && earlier.segment === segment);
    const isDurable =
      hasRun(before.slice(written), 'sync begun', 'synced', segment) &&
      hasRun(before.slice(created), 'names begun', 'names synced');
    return isDurable ? [] : [unit];
  });
}

function hasRun(log: readonly Event[], beginning: Event['what'], end: Event['what'], segment?: string): boolean {
  const matches = (event: Event, what: Event['what']): boolean =>
    event.what === what && (segment === undefined || ('segment' in event && event.segment === segment));
  const begun = log.findIndex((event) => matches(event, beginning));
  return begun !== -1 && log.slice(begun).some((event) => matches(event, end));
}

/** How an engine makes its commits durable. */
type MakeDurable = (files: WalFiles) => () => Promise<void>;

const ours: MakeDurable = (files) => {
  const wal = new WalSync(files, () => 0);
  return () => wal.flush();
};

const wrong: Readonly<Record<string, MakeDurable>> = {
  'syncs nothing': () => async () => undefined,
  'does not wait for the sync': (files) => {
    const flush = ours(files);
    return async () => void flush();
  },
  'joins a sync that is running': (files) => {
    let running: Promise<void> | undefined;
    return () => {
      running ??= ours(files)().finally(() => {
        running = undefined;
      });
      return running;
    };
  },
  'forgets the names of new segments': (files) => ours({ ...files, syncDirectory: async () => undefined }),
};

/** Runs units of work, one per entry of `segments`, which is where it writes; `scheduler` decides what happens next. */
async function run(makeDurable: MakeDurable, scheduler: fc.Scheduler, segments: readonly number[]): Promise<Event[]> {
  const log: Event[] = [];
  const turn = (label: string): Promise<void> => scheduler.schedule(Promise.resolve(), label);
  const modifiedAt = new Map<string, number>();
  const files: WalFiles = {
    list: async () => {
      await turn('list');
      return [...modifiedAt].map(([name, time]) => ({ name, modifiedAt: time }));
    },
    sync: async (segment) => {
      log.push({ what: 'sync begun', segment });
      await turn(`sync ${segment}`);
      log.push({ what: 'synced', segment });
    },
    syncDirectory: async () => {
      log.push({ what: 'names begun' });
      await turn('sync names');
      log.push({ what: 'names synced' });
    },
  };
  const kysely = kyselyThatCommits(async (unit) => {
    await turn(`commit ${unit}`);
    const segment = `segment ${segments[unit]}`;
    modifiedAt.set(segment, (modifiedAt.get(segment) ?? 0) + 1);
    log.push({ what: 'written', unit, segment });
  });
  const database = new EngineDatabase({
    name: 'pglite',
    kysely,
    urgent: kysely,
    pulse: kysely,
    shared: false,
    assertWritable: () => undefined,
    makeDurable: makeDurable(files),
    close: async () => undefined,
  });
  const work = segments.map(async (_segment, unit) => {
    await database.transaction((tx) => sql`select ${unit}`.execute(tx));
    log.push({ what: 'acknowledged', unit });
  });
  await scheduler.waitFor(Promise.all(work));
  return log;
}

/** A Kysely that runs no statement. The first parameter of a transaction is the number of its unit. */
function kyselyThatCommits(commit: (unit: number) => Promise<void>): Kysely<Tables> {
  const unitOf = new WeakMap<DatabaseConnection, number>();
  const driver: Driver = {
    init: async () => undefined,
    acquireConnection: async () => {
      const connection: DatabaseConnection = {
        executeQuery: async ({ parameters }) => {
          unitOf.set(connection, Number(parameters[0]));
          return { rows: [] };
        },
        streamQuery: async function* () {},
      };
      return connection;
    },
    beginTransaction: async () => undefined,
    commitTransaction: (connection) => commit(unitOf.get(connection) ?? -1),
    rollbackTransaction: async () => undefined,
    releaseConnection: async () => undefined,
    destroy: async () => undefined,
  };
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => driver,
      createIntrospector: (kysely) => new PostgresIntrospector(kysely),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
}

/** What fast-check says of a property that was false, not of one that threw. */
const judgedEarly = 'Property failed by returning false';

const interleavings = (makeDurable: MakeDurable) =>
  fc.asyncProperty(
    fc.scheduler(),
    fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 6 }),
    async (scheduler, segments) => {
      const log = await run(makeDurable, scheduler, segments);
      expect(log.filter(({ what }) => what === 'acknowledged')).toHaveLength(segments.length);
      return findEarly(log).length === 0;
    },
  );

test('[DB-04] no unit of work is acknowledged before a sync that began after its write, in any interleaving', async () => {
  await fc.assert(interleavings(ours), { numRuns: 500 });
});

for (const [fault, makeDurable] of Object.entries(wrong)) {
  test(`the same judge finds an engine that ${fault}`, async () => {
    const { errorInstance } = await fc.check(interleavings(makeDurable), { numRuns: 500 });
    expect(errorInstance).toMatchObject({ message: judgedEarly });
  });
}
