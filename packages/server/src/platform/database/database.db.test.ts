import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeOnEachEngine } from '../../testing/database.js';
import type { Database } from './database.js';
import { DatabaseUnavailableError, NothingCommittedError } from './database-errors.js';

function organisation(id: string) {
  return { id, name: `Organisation ${id}`, created_at: new Date(0) };
}

function countOf(database: Database, id: string): Promise<number> {
  return database.read(async (tx) => {
    const rows = await tx.selectFrom('organisations').select('id').where('id', '=', id).execute();
    return rows.length;
  });
}

describeOnEachEngine('the unit of work', (open) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });

  test('commits when it returns a value, a refusal included', async () => {
    const result = await database.transaction(async (tx) => {
      await tx.insertInto('organisations').values(organisation('returned')).execute();
      return { refused: 'organisation_suspended' };
    });
    expect(result).toEqual({ refused: 'organisation_suspended' });
    expect(await countOf(database, 'returned')).toBe(1);
  });

  test('rolls back when it throws, and passes the error on unchanged', async () => {
    const fault = new Error('a fault');
    const thrown = await database
      .transaction(async (tx) => {
        await tx.insertInto('organisations').values(organisation('thrown')).execute();
        throw fault;
      })
      .catch((error: unknown) => error);
    expect(thrown).toBe(fault);
    expect(await countOf(database, 'thrown')).toBe(0);
  });

  test('rejects instead of resolving when a swallowed error of a statement lost its work', async () => {
    const lost = database.transaction(async (tx) => {
      await tx.insertInto('organisations').values(organisation('lost')).execute();
      await tx
        .insertInto('organisations')
        .values(organisation('lost'))
        .execute()
        .catch(() => undefined);
    });
    await expect(lost).rejects.toThrow(NothingCommittedError);
    expect(await countOf(database, 'lost')).toBe(0);
  });

  test.each(['transaction', 'read', 'clock', 'close'] as const)('refuses %s inside an open unit', async (inner) => {
    const calls = {
      transaction: () => database.transaction(async () => undefined),
      read: () => database.read(async () => undefined),
      clock: () => database.clock(),
      close: () => database.close(),
    };
    await expect(database.transaction(() => calls[inner]() as Promise<unknown>)).rejects.toThrow(
      'unit of work is open',
    );
    await expect(database.read(() => calls[inner]() as Promise<unknown>)).rejects.toThrow('unit of work is open');
    expect(await countOf(database, 'still usable')).toBe(0);
  });

  test('lets work that a unit started in the background use the database once the unit has ended', async () => {
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const background = await database.transaction(async () => ({ clock: ended.then(() => database.clock()) }));
    end();
    expect(await background.clock).toBeGreaterThan(0);
  });

  test('keeps units begun at the same time apart', async () => {
    const units = Array.from({ length: 10 }, (_, index) =>
      database.transaction(async (tx) => {
        await tx
          .insertInto('organisations')
          .values(organisation(`parallel-${index}`))
          .execute();
        if (index % 2 === 1) throw new Error('odd ones fail');
      }),
    );
    await Promise.allSettled(units);
    const rows = await database.read((tx) =>
      tx.selectFrom('organisations').select('id').where('id', 'like', 'parallel-%').orderBy('id').execute(),
    );
    expect(rows.map(({ id }) => id)).toEqual([0, 2, 4, 6, 8].map((index) => `parallel-${index}`));
  });

  test('has a clock that agrees with the transaction time of the database', async () => {
    const before = await database.transaction((tx) => sql<{ now: Date }>`select now() as now`.execute(tx));
    const now = await database.clock();
    const after = await database.transaction((tx) => sql<{ now: Date }>`select now() as now`.execute(tx));
    expect(now).toBeGreaterThanOrEqual(before.rows[0]?.now.getTime() ?? Number.NaN);
    expect(now).toBeLessThanOrEqual(after.rows[0]?.now.getTime() ?? Number.NaN);
  });

  test('reads column types the same way on every engine', async () => {
    const { rows } = await database.transaction((tx) =>
      sql`select 9007199254740993::int8 as int8, 7::int8 as small_int8, '\\x00ff10'::bytea as bytea,
        '2024-02-29 12:30:00.125+05:30'::timestamptz as timestamptz, 12345678901234567890.0120::numeric as numeric,
        '{"a": [1, null]}'::jsonb as jsonb, '18446744073709551615'::xid8 as xid8, 7::int4 as int4, true as bool,
        'text' as text, array['a', 'b,"c']::text[] as texts, null::int8 as nothing`.execute(tx),
    );
    expect(rows).toEqual([
      {
        int8: 9007199254740993n,
        small_int8: 7n,
        bytea: Buffer.from([0, 255, 16]),
        timestamptz: new Date('2024-02-29T07:00:00.125Z'),
        numeric: '12345678901234567890.0120',
        jsonb: { a: [1, null] },
        xid8: '18446744073709551615',
        int4: 7,
        bool: true,
        text: 'text',
        texts: ['a', 'b,"c'],
        nothing: null,
      },
    ]);
    expect(Buffer.isBuffer((rows[0] as { bytea: unknown }).bytea)).toBe(true);
  });

  test('writes what it reads: bytes, times and large numbers survive a round trip', async () => {
    const entry = {
      id: 'round trip',
      occurred_at: new Date('2026-01-02T03:04:05.678Z'),
      environment: null,
      actor: 'operator',
      action: 'test',
      subject: 'nothing',
      entry: Buffer.from([0, 1, 254, 255]),
      chain_position: 9007199254740993n,
    };
    await database.transaction((tx) => tx.insertInto('audit_entries').values(entry).execute());
    const row = await database.read((tx) =>
      tx.selectFrom('audit_entries').selectAll().where('id', '=', entry.id).executeTakeFirst(),
    );
    expect(row).toMatchObject(entry);
    expect(row?.transaction_id).toMatch(/^\d+$/);
  });

  test('counts changed rows', async () => {
    const update = await database.transaction(async (tx) => {
      await tx
        .insertInto('organisations')
        .values([organisation('count-1'), organisation('count-2')])
        .execute();
      return tx
        .updateTable('organisations')
        .set({ generation: 2 })
        .where('id', 'like', 'count-%')
        .executeTakeFirstOrThrow();
    });
    expect(update.numUpdatedRows).toBe(2n);
  });

  describe('after close()', () => {
    let closed: Database;
    let finished = false;
    beforeAll(async () => {
      closed = await open();
      const running = closed.transaction(async (tx) => {
        await tx.insertInto('organisations').values(organisation('before close')).execute();
        finished = true;
      });
      await closed.close();
      await running;
    });
    afterAll(() => closed.close());

    test('what was running has finished', () => {
      expect(finished).toBe(true);
    });

    test('every call says that the database is not available', async () => {
      await expect(closed.transaction(async () => undefined)).rejects.toThrow(DatabaseUnavailableError);
      await expect(closed.read(async () => undefined)).rejects.toThrow(DatabaseUnavailableError);
      await expect(closed.clock()).rejects.toThrow(DatabaseUnavailableError);
    });
  });
});

describeOnEachEngine('foreign keys', (open) => {
  test('can not point into the other environment', async () => {
    const database = await open();
    await database.transaction(async (tx) => {
      await tx.insertInto('organisations').values(organisation('org')).execute();
      await tx
        .insertInto('clients')
        .values({ environment: 'sandbox', id: 'cli_1', organisation_id: 'org', name: 'c', created_at: new Date(0) })
        .execute();
    });
    const addSecret = (environment: 'sandbox' | 'production') =>
      database.transaction((tx) =>
        tx
          .insertInto('client_secrets')
          .values({
            environment,
            id: `sec_${environment}`,
            client_id: 'cli_1',
            hash: Buffer.alloc(32),
            hmac_key_version: 1,
            hint: 'abcd',
            created_at: new Date(0),
            usable_until: null,
            revoked_at: null,
          })
          .execute(),
      );
    await expect(addSecret('production')).rejects.toMatchObject({ code: '23503' });
    await expect(addSecret('sandbox')).resolves.toHaveLength(1);
  });
});
