import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql } from 'kysely';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { openTestCapabilities } from '../../testing/capabilities.js';
import { describeOnEachEngine } from '../../testing/database.js';
import type { Database } from './database.js';
import { createDeleter, expiringTables } from './deleter.js';

const hourMs = 3_600_000;

describeOnEachEngine('the deleter', (open) => {
  let database: Database;
  let clientId: string;
  /** By the database's clock. */
  let now: number;
  beforeAll(async () => {
    database = await open();
    const capabilities = await openTestCapabilities(database);
    ({ clientId } = await capabilities.makeClient('expiring'));
  });
  beforeEach(async () => {
    now = await database.clock();
  });

  const aDeleter = (changes: { ahead?: number; monotonic?: () => number; on?: Database } = {}) => {
    const { ahead = 0, monotonic = () => 0, on = database } = changes;
    const told: { table: string; rows: number; lagSeconds: number }[] = [];
    const turn = createDeleter({
      database: on,
      clock: () => now + ahead,
      monotonic,
      onDeleted: (table, rows, lagSeconds) => void told.push({ table, rows, lagSeconds }),
    });
    const deletedFrom = (table: string): number[] => told.filter((one) => one.table === table).map(({ rows }) => rows);
    return { turn, told, deletedFrom };
  };

  /** So many refusals, the first of them expired for so long, each one second before the next. */
  const addRefusals = (count: number, expiredForMs: number): Promise<unknown> =>
    database.transaction((tx) =>
      sql`insert into refusals (trace_id, occurred_at, environment, listener, method, path, step, code, status, expected,
            seen, address, expires_at)
          select md5(random()::text), now(), 'sandbox', 'api', 'GET', '/', 'token', 'token_missing', 401, '', '', '192.0.2.1',
            ${new Date(now - expiredForMs)}::timestamptz + make_interval(secs => place)
          from generate_series(0, ${count}::int4 - 1) as place`.execute(tx),
    );
  const countRefusals = async (): Promise<number> => {
    const counting = (tx: Parameters<Parameters<Database['read']>[0]>[0]) =>
      tx
        .selectFrom('refusals')
        .select((eb) => eb.fn.countAll<bigint>().as('count'))
        .executeTakeFirstOrThrow();
    return Number((await database.read(counting)).count);
  };

  test('[DB-02] knows every table with an end date', async () => {
    const { rows } = await database.transaction((tx) =>
      sql<{ name: string }>`select table_name as name from information_schema.columns
        where table_schema = 'public' and column_name = 'expires_at' order by table_name`.execute(tx),
    );
    expect(rows.map(({ name }) => name)).toEqual([...expiringTables].sort());
  });

  test('deletes what has expired from every table, and nothing that has not', async () => {
    const tokenId = (letter: string) => letter.repeat(32);
    const keep = async (letter: string, expiresAt: Date): Promise<void> => {
      const owner = { environment: 'sandbox', client_id: clientId } as const;
      const zero = { second_index: 0n, second_current: 0n, second_previous: 0n };
      const none = { ...zero, minute_index: 0n, minute_current: 0n, minute_previous: 0n };
      await database.transaction(async (tx) => {
        await sql`insert into nodes values (${letter}, 'a', '1', '{sandbox}', now(), now(), 1, pg_current_snapshot(), ${expiresAt})`.execute(
          tx,
        );
        await sql`insert into announcements (topic, subject, expires_at) values ('keys', ${letter}, ${expiresAt})`.execute(
          tx,
        );
        await tx
          .insertInto('rate_counts')
          .values({ limiter: 'clients', key: letter, node: 'a', ...none, expires_at: expiresAt })
          .execute();
        await tx
          .insertInto('credential_uses')
          .values({ ...owner, credential_id: letter, address: '192.0.2.1', expires_at: expiresAt })
          .execute();
        await tx
          .insertInto('revoked_tokens')
          .values({ ...owner, token_id: tokenId(letter), revoked_at: expiresAt, expires_at: expiresAt })
          .execute();
      });
    };
    await keep('a', new Date(now));
    await keep('b', new Date(now + hourMs));
    await addRefusals(1, 0);
    await addRefusals(1, -hourMs);
    const { turn, told } = aDeleter();
    await turn();
    expect(told).toEqual([...expiringTables].map((table) => ({ table, rows: 1, lagSeconds: 0 })));
    await turn();
    expect(told.slice(expiringTables.length)).toEqual(
      expiringTables.map((table) => ({ table, rows: 0, lagSeconds: 0 })),
    );
    expect(await countRefusals()).toBe(1);
  });

  test('deletes nothing early when this clock is ahead, and nothing early when the one of the database is', async () => {
    const before = await countRefusals();
    await addRefusals(1, -hourMs);
    await addRefusals(1, hourMs);
    await aDeleter({ ahead: -2 * hourMs }).turn();
    expect(await countRefusals(), 'this clock is behind').toBe(before + 2);
    await aDeleter({ ahead: 400 * 24 * hourMs }).turn();
    expect(await countRefusals(), 'this clock is ahead').toBe(before + 1);
  });

  test('[DB-03] takes a backlog away in batches, the oldest first, while others write', async () => {
    const kept = await countRefusals();
    const backlog = 5_000;
    await addRefusals(backlog, 2 * backlog * 1_000);
    let isDone = false;
    let written = 0;
    const writeOn = async (): Promise<void> => {
      while (!isDone) {
        await addRefusals(1, -hourMs);
        written += 1;
        await nextTurn();
      }
    };
    const writing = writeOn();
    const { turn, told, deletedFrom } = aDeleter();
    await turn();
    isDone = true;
    await writing;
    const batches = deletedFrom('refusals');
    const batch = database.engine === 'pglite' ? 200 : 1_000;
    expect(batches).toEqual([...Array(backlog / batch).fill(batch), 0]);
    expect(written, 'between the batches').toBeGreaterThan(1);
    expect(await countRefusals()).toBe(kept + written);
    const lags = told.filter(({ table }) => table === 'refusals').map(({ lagSeconds }) => Math.round(lagSeconds));
    expect(lags[0], 'the first batch left what expired a second later').toBe(2 * backlog - batch + 1);
    expect(lags.at(-1)).toBe(0);
    expect(
      told.filter(({ table }) => table === 'nodes'),
      'one look at what is empty',
    ).toHaveLength(1);
  });

  test('stops when its time is over, and goes on at the next turn', async () => {
    const batch = database.engine === 'pglite' ? 200 : 1_000;
    await addRefusals(4 * batch, 10 * hourMs);
    let time = 0;
    const monotonic = (): number => {
      time += 400;
      return time;
    };
    const { turn, deletedFrom } = aDeleter({ monotonic });
    await turn();
    expect(deletedFrom('refusals')).toEqual([batch, batch]);
    await turn();
    expect(deletedFrom('refusals')).toEqual(Array(4).fill(batch));
  });

  test('several at once delete every row once and do not fail', async () => {
    await addRefusals(5_000, 10 * hourMs);
    const deleters = Array.from({ length: 4 }, () => aDeleter());
    await Promise.all(deleters.map(({ turn }) => turn()));
    const deleted = deleters.flatMap(({ deletedFrom }) => deletedFrom('refusals'));
    expect(deleted.reduce((total, rows) => total + rows, 0)).toBe(5_000);
  });

  test('waits for no row that somebody else has in hand', async ({ skip }) => {
    if (database.engine === 'pglite') skip('one connection: nobody else can have one');
    await addRefusals(3, 10 * hourMs);
    const { turn, deletedFrom } = aDeleter();
    let letGo = (): void => undefined;
    const holding = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let holder: Promise<void> | undefined;
    await new Promise<void>((isHeld, failed) => {
      holder = database.transaction(async (tx) => {
        await sql`select from refusals where expires_at <= now() limit 1 for update`.execute(tx);
        isHeld();
        await holding;
      });
      holder.catch(failed);
    });
    await turn();
    letGo();
    await holder;
    expect(deletedFrom('refusals')).toEqual([2]);
    await turn();
    expect(deletedFrom('refusals')).toEqual([2, 1]);
  });

  test('a table that can not be worked on keeps no other from its turn', async () => {
    await addRefusals(3, hourMs);
    let calls = 0;
    const failing: Database = {
      engine: database.engine,
      shared: false,
      transaction: (work) => {
        calls += 1;
        return calls === 1 ? Promise.reject(new Error('no such table')) : database.transaction(work);
      },
      read: (work) => database.read(work),
      readUrgently: (work) => database.readUrgently(work),
      assertWritable: () => undefined,
      clock: () => database.clock(),
      close: () => database.close(),
    };
    const { turn, deletedFrom } = aDeleter({ on: failing });
    await expect(turn()).rejects.toThrow(AggregateError);
    expect(deletedFrom('refusals')).toEqual([3]);
  });
});
