import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeOnEachEngine, openTestDatabase } from '../../testing/database.js';
import { createTestPostgres, type TestPostgres, testServerUrl } from '../../testing/postgres-server.js';
import { parseMasterKey } from '../keys/master-key.js';
import { SecretValue } from '../secret-value.js';
import type { Database } from './database.js';
import { ImportError } from './database-errors.js';
import { exportData } from './export-data.js';
import { readExportFile } from './export-file.js';
import { importData } from './import-data.js';
import { migrate } from './migrate.js';
import { leftTables, movedTables } from './moved-tables.js';
import { openPostgres } from './postgres.js';
import { EngineDatabase } from './unit-of-work.js';

const exportedAt = new Date('2026-03-01T12:00:00.000Z');
const keepAll = async (): Promise<void> => undefined;
let directory: string;
let files = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'move-'));
});
afterAll(() => rm(directory, { recursive: true }));

function newFile(content = ''): Promise<string> {
  files += 1;
  const path = join(directory, `${files}.jsonl`);
  return writeFile(path, content).then(() => path);
}

const masterKeyOf = (byte: number) => parseMasterKey(new SecretValue(Buffer.alloc(32, byte).toString('base64')), 'It');

async function exported(database: Database, masterKey?: ReturnType<typeof masterKeyOf>): Promise<string> {
  const path = await newFile();
  await exportData(database, exportedAt, (text) => appendFile(path, text), masterKey);
  return path;
}

async function run<T>(database: Database, statement: string): Promise<readonly T[]> {
  const { rows } = await EngineDatabase.administer(database, (kysely) => sql.raw<T>(statement).execute(kysely));
  return rows;
}

/** Values that are easily lost: microseconds, times beyond every Date, big numbers, bytes, lists, texts of every kind. */
const seed = `
  insert into organisations (id, name, created_at) values
    ('org_1', E'A "bank" \\\\ of\\nÅland \\u2028 🏦', '2026-01-02 03:04:05.678901+00'),
    ('org_2', '["not", null]', 'infinity');
  insert into clients (environment, id, organisation_id, name, requests_per_second, created_at, allowed_addresses) values
    ('sandbox', 'cli_1', 'org_1', 'x', null, '2026-01-02 03:04:05.000001+00', '{10.0.0.0/8,"a,b \\" c"}'),
    ('production', 'cli_2', 'org_2', '', 7, '0044-03-15 12:00:00+00 BC', '{}');
  insert into client_secrets (environment, id, client_id, hash, hmac_key_version, hint, created_at) values
    ('sandbox', 'sec_1', 'cli_1', decode(repeat('00ff', 16), 'hex'), 1, 'abcd', now());
  insert into credential_uses (environment, credential_id, client_id, address, uses, expires_at) values
    ('sandbox', 'sec_1', 'cli_1', '::1', 9007199254740993, now());
  insert into audit_entries (id, occurred_at, actor, action, subject, entry, chain_position, previous_hash, entry_hash) values
    ('aud_1', now(), 'operator', 'x', 'y', decode(repeat('5b00', 300), 'hex'), 1, '\\x00', '\\x01'),
    ('aud_2', now(), 'operator', 'x', 'y', '\\x7b7d', null, null, null)`;

async function contentOf(database: Database): Promise<Record<string, readonly string[]>> {
  await run(database, `set timezone = 'UTC'`);
  const content: Record<string, readonly string[]> = {};
  for (const table of movedTables) {
    const rows = await run<{ row: string }>(
      database,
      `select (to_jsonb(t) - 'transaction_id')::text as row from ${table} t order by 1`,
    );
    content[table] = rows.map(({ row }) => row);
  }
  return content;
}

describeOnEachEngine('an export', (open) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });

  test('[STO-04] has every table in exactly one list, and moves none before those it refers to', async () => {
    const tables = await run<{ name: string }>(
      database,
      `select relname as name from pg_class where relkind in ('r', 'p') and relnamespace = current_schema()::regnamespace`,
    );
    expect([...movedTables, ...Object.keys(leftTables)].sort()).toEqual(tables.map(({ name }) => name).sort());

    const references = await run<{ from: string; to: string }>(
      database,
      `select conrelid::regclass::text as from, confrelid::regclass::text as to from pg_constraint where contype = 'f'`,
    );
    expect(references).not.toEqual([]);
    const moved: readonly string[] = movedTables;
    const place = (table: string): number => moved.indexOf(table);
    for (const { from, to } of references) expect([from, place(to) < place(from)]).toEqual([from, true]);
  });

  test('[STO-05] comes back as it was, on either engine', async () => {
    const source = await open();
    await run(source, seed);
    const path = await exported(source);
    for (const target of [await open(), await openTestDatabase()]) {
      const { header, end } = await importData(target, path, keepAll);
      expect(header).toMatchObject({ engine: source.engine, exportedAt: exportedAt.toISOString() });
      expect(end.rows).toBe(8);
      const content = await contentOf(target);
      expect(content).toEqual(await contentOf(source));
      expect(content['organisations']?.[0]).toContain('03:04:05.678901');
      expect(content['credential_uses']?.[0]).toContain('9007199254740993');
      if (target.engine === 'pglite') await target.close();
    }
  });

  test('[STO-06] leaves an audit entry that is not linked yet to a transaction of the new database', async () => {
    const source = await open();
    await run(source, seed);
    // A server that has seen more transactions than the other one.
    await run(source, `update audit_entries set transaction_id = '9000000000000'`);
    const target = await open();
    await importData(target, await exported(source), keepAll);
    const unlinked = () =>
      run<{ id: string; known: boolean }>(
        target,
        `select id, transaction_id < pg_snapshot_xmin(pg_current_snapshot()) as known from audit_entries
         where chain_position is null`,
      );
    // What runs in other databases of the same server holds the snapshot back for a while.
    await expect.poll(unlinked, { timeout: 10_000 }).toEqual([{ id: 'aud_2', known: true }]);
  });

  test('numbers that a table gives by itself go on after those that came along', async () => {
    const numbered = 'alter table refusals add column number bigint generated always as identity';
    const [source, target] = [await open(), await open()];
    for (const database of [source, target]) await run(database, numbered);
    const refusal = (trace: string): string =>
      `insert into refusals (trace_id, occurred_at, environment, listener, method, path, step, code, status, expected, seen,
         address, expires_at)
       values ('${trace.repeat(32)}', now(), 'sandbox', 'api', 'GET', '/', 'edge', 'x', 400, '', '', '::1', now())`;
    await run(source, `${refusal('1')}; ${refusal('2')}; delete from refusals where number = 1`);
    await importData(target, await exported(source), keepAll);
    await run(target, refusal('3'));
    expect(await run(target, 'select number from refusals order by number')).toEqual([{ number: 2n }, { number: 3n }]);
  });

  test('[STO-08] is not imported into a database with content, and that is named', async () => {
    const source = await open();
    const path = await exported(source);
    await run(source, `insert into organisations (id, name, created_at) values ('org_9', 'there', now())`);
    await expect(importData(source, path, keepAll)).rejects.toThrow(/not empty, there are rows in organisations\./);
  });

  test('[STO-09] is undone as a whole when what was imported must not be kept', async () => {
    const source = await open();
    await run(source, seed);
    const target = await open();
    const refused = importData(target, await exported(source), () => Promise.reject(new ImportError('because.')));
    await expect(refused).rejects.toThrow('Nothing was imported: because.');
    expect(Object.values(await contentOf(target)).flat()).toEqual([]);
  });
});

describe.skipIf(!testServerUrl())('an export from PostgreSQL', () => {
  let postgres: TestPostgres;
  let source: Database;
  beforeAll(async () => {
    postgres = await createTestPostgres(testServerUrl() ?? '');
    source = await openPostgres({ url: postgres.url });
    await migrate(source);
  });
  afterAll(async () => {
    await source.close();
    await postgres.drop();
  });

  test('[STO-07] is one moment, whatever is written meanwhile', async () => {
    let begun = (): void => undefined;
    // Begun out here, because it is no part of the unit of work that reads.
    const written = new Promise<void>((resolve) => {
      begun = resolve;
    }).then(() => run(source, seed));
    let text = '';
    await exportData(source, exportedAt, async (piece) => {
      text += piece;
      if (piece.startsWith('{"table":"organisations"')) {
        begun();
        await written;
      }
    });
    expect(await run(source, 'select from organisations')).toHaveLength(2);
    expect(text).toContain('{"table":"organisations","rows":0}\n');
    expect(text).toContain('{"table":"audit_entries","rows":0}\n');
  });
});

describe('the file of an export', () => {
  let whole: string;
  let source: Database;
  beforeAll(async () => {
    source = await openTestDatabase();
    await run(source, seed);
    whole = await readFile(await exported(source), 'utf8');
  });
  afterAll(() => source.close());

  const problemOf = async (content: string): Promise<string> => {
    try {
      for await (const _part of readExportFile(await newFile(content)));
    } catch (error) {
      if (error instanceof ImportError) return error.message;
      throw error;
    }
    return 'none';
  };

  test('is read to its end when nothing happened to it', async () => {
    expect(await problemOf(whole)).toBe('none');
  });

  test('[STO-10] is refused when it is cut off anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
        expect(await problemOf(whole.slice(0, length))).toMatch(/^Nothing was imported: the file /);
      }),
      { numRuns: 60 },
    );
  });

  test('[STO-11] is refused when one character is another', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.string({ minLength: 1, maxLength: 1 }), async (place, other) => {
        fc.pre(whole[place] !== other);
        const content = `${whole.slice(0, place)}${other}${whole.slice(place + 1)}`;
        expect(await problemOf(content)).toMatch(/^Nothing was imported: the file /);
      }),
      { numRuns: 60 },
    );
  });

  test('is refused when a row or a whole table is missing, doubled or moved', async () => {
    const lines = whole.trimEnd().split('\n');
    const rebuilt = (changed: readonly string[]): string => `${changed.join('\n')}\n`;
    expect(rebuilt(lines)).toBe(whole);
    const row = lines.findIndex((line) => line.startsWith('["org_1"'));
    const without = [...lines.slice(0, row), ...lines.slice(row + 1)];
    const doubled = [...lines.slice(0, row), lines[row] ?? '', ...lines.slice(row)];
    const swapped = [...lines.slice(0, row), lines[row + 1] ?? '', lines[row] ?? '', ...lines.slice(row + 2)];
    for (const changed of [without, doubled, swapped, [...lines, lines.at(-1) ?? '']]) {
      expect(await problemOf(rebuilt(changed))).toMatch(/damaged or changed/);
    }
  });

  test('is refused with its own reason when it is no export, or one of a later format', async () => {
    expect(await problemOf('')).toMatch(/not whole/);
    expect(await problemOf('{"some":"json"}\n')).toMatch(/no export of Tollward/);
    expect(await problemOf('x'.repeat(5_000_000))).toMatch(/no export of Tollward/);
    expect(await problemOf(whole.replace('{"tollwardExport":1', '{"tollwardExport":2'))).toMatch(/format 2, and this/);
  });

  describe('with an HMAC', () => {
    const [key, other] = [masterKeyOf(7), masterKeyOf(8)];
    const lastBrace = (text: string): number => text.lastIndexOf('{');
    let signed: string;
    beforeAll(async () => {
      signed = await readFile(await exported(source, key), 'utf8');
    });

    const proofOf = async (content: string, keys = [key]): Promise<string> => {
      for await (const part of readExportFile(await newFile(content), keys)) if (part.kind === 'end') return part.proof;
      return 'no end';
    };
    /** As somebody without the master key can: the rows count right, and the SHA-256 fits. */
    const changed = (): string => {
      const lines = signed.replace('operator', 'somebody').split('\n');
      const sha256 = createHash('sha256')
        .update(`${lines.slice(0, -3).join('\n')}\n`)
        .digest('hex');
      return [...lines.slice(0, -3), lines.at(-3)?.replace(/[0-9a-f]{64}/, sha256), ...lines.slice(-2)].join('\n');
    };

    test('[STO-11] proves that it is as the holder of the master key wrote it', async () => {
      const body = signed.slice(0, lastBrace(signed));
      const derived = Buffer.from(hkdfSync('sha256', Buffer.alloc(32, 7), '', 'tollward export', 32));
      const hmacSha256 = createHmac('sha256', derived).update(body).digest('hex');
      expect(JSON.parse(signed.slice(body.length))).toEqual({ masterKey: key.id, hmacSha256 });
      expect(await proofOf(signed)).toBe('verified');
      expect(await proofOf(signed, [other, key])).toBe('verified');
    });

    test('[STO-11] is refused when it was changed and its SHA-256 made to fit, or by another master key', async () => {
      await expect(proofOf(changed())).rejects.toThrow(/damaged or changed after it was made \(its HMAC\)/);
      expect(await proofOf(changed().slice(0, lastBrace(changed()))), 'nothing else tells').toBe('missing');
      await expect(proofOf(signed, [other])).rejects.toThrow(
        new RegExp(`written with master key ${key.id}, the one configured is ${other.id}`),
      );
    });

    test('says when it has none, and when nobody could check it', async () => {
      expect(await proofOf(whole)).toBe('missing');
      expect(await proofOf(signed, [])).toBe('unchecked');
      expect(await problemOf(`${signed}{}\n`)).toMatch(/what follows its end/);
      expect(await problemOf(`${whole}{}\n`)).toMatch(/what follows its end/);
    });

    test('[STO-11] is refused as a whole when it is imported, with what it held', async () => {
      const target = await openTestDatabase();
      await expect(importData(target, await newFile(changed()), keepAll, [key])).rejects.toThrow(ImportError);
      expect(await run(target, 'select from organisations')).toEqual([]);
      expect(await importData(target, await newFile(signed), keepAll, [key])).toMatchObject({ proof: 'verified' });
      await target.close();
    });
  });

  test('[STO-12] is refused when it comes from other migrations, and they are named', async () => {
    const target = await openTestDatabase();
    const known = await run<{ name: string }>(target, 'select name from schema_migrations order by name');
    const [first] = known.map(({ name }) => name);
    await run(target, `insert into schema_migrations values ('9999-later.sql', '2030-01-01T00:00:00.000Z')`);
    await expect(importData(target, await newFile(whole), keepAll)).rejects.toThrow(
      /newer Tollward \(9999-later\.sql\)/,
    );
    await run(target, `delete from schema_migrations where name in ('9999-later.sql', '${first}')`);
    await expect(importData(target, await newFile(whole), keepAll)).rejects.toThrow(`lacks ${first}.`);
    await target.close();
  });
});
