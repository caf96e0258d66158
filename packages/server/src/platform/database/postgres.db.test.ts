import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from './database.js';
import { DatabaseUnavailableError, UnsupportedDatabaseError } from './database-errors.js';
import { openPostgres } from './postgres.js';

const password = 'pa55-in-no-text';

async function refusalOf(url: string): Promise<Error> {
  const opened = await openPostgres({ url }).catch((error: unknown) => error);
  if (!(opened instanceof Error)) throw new Error('It opened.');
  return opened;
}

function everyText(error: Error): string {
  const cause = error.cause instanceof Error ? everyText(error.cause) : String(error.cause);
  return [error.message, error.stack, JSON.stringify(error), cause].join('\n');
}

test('a URL that can not be read is refused without repeating it', async () => {
  for (const url of [
    `postgresql://me:${password}@[bad/db`,
    `mysql://me:${password}@host/db`,
    password,
    // A fault of these would be an unhandled one, and the end of the process without a word.
    `postgresql://me:${password}@host/db?port=abc`,
    `postgresql://me:${password}@host/db?port=99999`,
  ]) {
    const error = await refusalOf(url);
    expect(error).toBeInstanceOf(UnsupportedDatabaseError);
    expect(everyText(error)).not.toContain(password);
  }
});

test('a server that can not be reached is unavailable, and the password stays out of the text', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const error = await refusalOf(`postgresql://me:${password}@127.0.0.1:${port}/db`);
  expect(error).toBeInstanceOf(DatabaseUnavailableError);
  expect(everyText(error)).not.toContain(password);
});

test('a server older than PostgreSQL 15 is refused', async () => {
  // Just enough of the protocol for pg: authentication ok, ready, and one row in answer to a query.
  const message = (type: string, body: Buffer) => {
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const int16 = (value: number) => Buffer.from([value >> 8, value & 255]);
  const int32 = (value: number) => Buffer.concat([int16(value >>> 16), int16(value & 65535)]);
  const text = (value: string) => Buffer.from(`${value}\0`);
  const columns = [
    { name: 'version_number', oid: 23, value: '140012' },
    { name: 'version', oid: 25, value: '14.12' },
    { name: 'synchronous_commit', oid: 25, value: 'on' },
  ];
  const ready = message('Z', Buffer.from('I'));
  const row = Buffer.concat([
    message(
      'T',
      Buffer.concat([
        int16(columns.length),
        ...columns.map(({ name, oid }) =>
          Buffer.concat([text(name), int32(0), int16(0), int32(oid), int16(-1), int32(-1), int16(0)]),
        ),
      ]),
    ),
    message(
      'D',
      Buffer.concat([
        int16(columns.length),
        ...columns.map(({ value }) => Buffer.concat([int32(value.length), Buffer.from(value)])),
      ]),
    ),
    message('C', text('SELECT 1')),
    ready,
  ]);
  const server = createServer((socket) => {
    socket.once('data', () => {
      socket.write(Buffer.concat([message('R', int32(0)), ready]));
      socket.on('data', (data) => {
        if (data[0] === 'Q'.charCodeAt(0)) socket.write(row);
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const error = await refusalOf(`postgresql://me@127.0.0.1:${(server.address() as AddressInfo).port}/db`);
  server.close();
  expect(error).toBeInstanceOf(UnsupportedDatabaseError);
  expect(error.message).toBe('Tollward needs PostgreSQL 15 or newer, and this server is 14.12.');
});

const serverUrl = process.env['TOLLWARD_TEST_DATABASE_URL'];

describe.skipIf(!serverUrl)('a PostgreSQL database', () => {
  const name = `tollward_test_${randomBytes(8).toString('hex')}`;
  const url = new URL(serverUrl ?? 'postgresql://unused');
  url.pathname = `/${name}`;
  const admin = new pg.Client({ connectionString: serverUrl });
  const opened: Database[] = [];
  beforeAll(async () => {
    await admin.connect();
    await admin.query(`create database ${name}`);
  });
  afterAll(async () => {
    for (const database of opened) await database.close();
    await admin.query(`drop database ${name} with (force)`);
    await admin.end();
  });

  async function open(): Promise<Database> {
    const database = await openPostgres({ url: url.href });
    opened.push(database);
    return database;
  }

  /** Ends every connection of Tollward to the database, as a restart of the server does. */
  async function endConnections(): Promise<void> {
    await admin.query(`select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where datname = '${name}' and application_name = 'tollward'`);
  }

  test('is refused while its commits are not synchronous', async () => {
    await admin.query(`alter database ${name} set synchronous_commit = off`);
    const error = await refusalOf(url.href);
    await admin.query(`alter database ${name} reset synchronous_commit`);
    expect(error).toBeInstanceOf(UnsupportedDatabaseError);
    expect(error.message).toContain('synchronous_commit is off');
  });

  test('fails a unit of work whose connection broke as unavailable, and serves the next one', async () => {
    const database = await open();
    const broken = database.transaction(async (tx) => {
      await sql`select 1`.execute(tx);
      await endConnections();
      await sql`select 1`.execute(tx);
    });
    await expect(broken).rejects.toThrow(DatabaseUnavailableError);
    expect(await database.clock()).toBeGreaterThan(0);
  });
});
