import { EventEmitter } from 'node:events';
import { performance } from 'node:perf_hooks';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createTestPostgres, openTestDatabase, type TestPostgres, testServerUrl } from '../../testing/index.js';
import { createLog } from '../observability/log.js';
import { AnnouncementListener } from './announcement-listener.js';
import { type Announcement, type AnnouncementSource, type ChangeFeed, openChangeFeed } from './change-feed.js';
import type { Database } from './database.js';
import { UnsupportedDatabaseError } from './database-errors.js';
import { migrate } from './migrate.js';
import { openPostgres } from './postgres.js';

const serverUrl = testServerUrl();
const boundMs = 1_500;
const soon = { timeout: 10_000, interval: 10 };

interface Follower {
  readonly feed: ChangeFeed;
  readonly heard: (Announcement & { readonly source: AnnouncementSource })[];
  /** How often it was told to begin anew, and how often that is to fail. */
  readonly gaps: { count: number; failures: number };
  /** What the node believes to have passed beside the real time, by either clock. */
  readonly time: { ahead: number; wallAhead: number };
}

async function follow(database: Database, name: string): Promise<Follower> {
  const heard: Follower['heard'] = [];
  const gaps = { count: 0, failures: 0 };
  const time = { ahead: 0, wallAhead: 0 };
  const feed = await openChangeFeed({
    database,
    node: { id: `nod_${name}`, name, version: '1', environments: ['sandbox'] },
    log: createLog('silent', { write: () => undefined }),
    monotonic: () => performance.now() + time.ahead,
    wallClock: () => Date.now() + time.wallAhead,
    boundMs,
    onAnnouncement: (announcement, source) => void heard.push({ ...announcement, source }),
    onGap: () => {
      gaps.count += 1;
      if (gaps.count <= gaps.failures) throw new Error('not now');
    },
  });
  return { feed, heard, gaps, time };
}

describe.skipIf(!serverUrl)('the change feed [PostgreSQL]', () => {
  let postgres: TestPostgres;
  let database: Database;
  let admin: pg.Client;
  const followers: Follower[] = [];

  beforeAll(async () => {
    postgres = await createTestPostgres(serverUrl ?? '');
    database = await openPostgres({ url: postgres.url });
    await migrate(database);
    admin = await connect();
  });
  afterEach(async () => {
    await admin.query('alter table announcements enable trigger announcements_notify');
    for (const { feed } of followers.splice(0)) await feed.close();
  });
  afterAll(async () => {
    await admin.end();
    await database.close();
    await postgres.drop();
  });

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: postgres.url });
    // A test cuts it off.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  async function followed(name: string): Promise<Follower> {
    const follower = await follow(database, name);
    followers.push(follower);
    return follower;
  }

  async function announce(client: pg.Client, subject: string): Promise<void> {
    await client.query(
      `insert into announcements (topic, environment, subject) values ('standing', 'sandbox', '${subject}')`,
    );
  }

  const told = ({ heard }: Follower, source: AnnouncementSource): string[] =>
    heard.filter((one) => one.source === source).map(({ subject }) => subject);

  test('tells what another process changed, by notification and again by poll', async () => {
    const follower = await followed('both');
    await announce(admin, 'cli_changed');
    await vi.waitFor(() => expect(told(follower, 'notification')).toEqual(['cli_changed']), soon);
    await vi.waitFor(() => expect(told(follower, 'poll')).toEqual(['cli_changed']), soon);
    expect(follower.heard[0]).toEqual({
      topic: 'standing',
      environment: 'sandbox',
      subject: 'cli_changed',
      source: 'notification',
    });
    expect(follower.feed.isFresh()).toBe(true);
  });

  test('tells it by poll alone when notifications are lost, and once', async () => {
    const follower = await followed('polled');
    await admin.query('alter table announcements disable trigger announcements_notify');
    await announce(admin, 'cli_quiet');
    await vi.waitFor(() => expect(told(follower, 'poll')).toEqual(['cli_quiet']), soon);
    for (let again = 0; again < 3; again += 1) await follower.feed.poll();
    expect(follower.heard).toHaveLength(1);
  });

  test('misses no commit that comes after a later one, however many polls there were in between', async () => {
    const follower = await followed('late');
    await admin.query('alter table announcements disable trigger announcements_notify');
    const late = await connect();
    await late.query('begin');
    await announce(late, 'cli_late');
    await announce(admin, 'cli_early');
    await vi.waitFor(() => expect(told(follower, 'poll')).toEqual(['cli_early']), soon);
    for (let again = 0; again < 3; again += 1) await follower.feed.poll();
    await announce(admin, 'cli_between');
    await vi.waitFor(() => expect(told(follower, 'poll')).toEqual(['cli_early', 'cli_between']), soon);
    await late.query('commit');
    await late.end();
    await vi.waitFor(() => expect(told(follower, 'poll')).toEqual(['cli_early', 'cli_between', 'cli_late']), soon);
  });

  test('is triggered by every table that a token stands on', async () => {
    const follower = await followed('tables');
    const day = `now() + interval '1 day'`;
    const run = async (statement: string, expected: readonly string[]): Promise<void> => {
      follower.heard.length = 0;
      await admin.query(statement);
      await vi.waitFor(
        () =>
          expect(
            follower.heard
              .filter(({ source }) => source === 'poll')
              .map(({ subject }) => subject)
              .sort(),
          ).toEqual(expected),
        soon,
      );
    };
    await admin.query(`insert into organisations (id, name, created_at) values ('org_1', 'one', now())`);
    await run(
      `insert into clients (environment, id, organisation_id, name, created_at) values ('sandbox', 'cli_1', 'org_1', 'a', now())`,
      ['cli_1'],
    );
    await run(
      `insert into clients (environment, id, organisation_id, name, created_at) values ('production', 'cli_2', 'org_1', 'b', now())`,
      ['cli_2'],
    );
    await run(`update clients set mtls_required = false where id = 'cli_1'`, ['cli_1']);
    await run(`update organisations set generation = generation + 1 where id = 'org_1'`, ['cli_1', 'cli_2']);
    await run(
      `insert into client_secrets (environment, id, client_id, hash, hmac_key_version, hint, created_at)
       values ('sandbox', 'sec_1', 'cli_1', decode(repeat('00', 32), 'hex'), 1, 'abcd', now())`,
      ['cli_1'],
    );
    await run(`update client_secrets set revoked_at = now() where id = 'sec_1'`, ['cli_1']);
    await run(
      `insert into certificates (environment, id, client_id, name, sha256, serial_number, subject, issuer, key_type, not_before,
         not_after, pem, created_at)
       values ('production', 'crt_1', 'cli_2', 'c', decode(repeat('00', 32), 'hex'), '1', 's', 'i', 'k', now(), ${day}, 'p', now())`,
      ['cli_2'],
    );
    await run(`update certificates set paused_until = ${day} where id = 'crt_1'`, ['cli_2']);
    await run(`delete from certificates where id = 'crt_1'`, ['cli_2']);
    await admin.query(
      `insert into clients (environment, id, organisation_id, name, created_at) values ('sandbox', 'cli_3', 'org_1', 'c', now())`,
    );
    await vi.waitFor(() => expect(told(follower, 'poll')).toContain('cli_3'), soon);
    await run(`update client_secrets set client_id = 'cli_3' where id = 'sec_1'`, ['cli_1', 'cli_3']);
    await run(`delete from client_secrets where id = 'sec_1'`, ['cli_3']);
    await run(`delete from clients where id = 'cli_3'`, ['cli_3']);
    await run(
      `insert into token_keys (environment, id, key_sealed, created_at, active_from, active_until, readable_until)
       values ('sandbox', '00000001', '', now(), now(), ${day}, ${day} + interval '1 day')`,
      ['token_keys'],
    );
    expect(follower.heard[0]).toMatchObject({ topic: 'keys', environment: null });
    await run(`delete from token_keys where id = '00000001'`, ['token_keys']);
  });

  test('is not fresh from the bound on after its last good poll was sent, and hears what it missed', async () => {
    const follower = await followed('away');
    await postgres.cut();
    await vi.waitFor(() => expect(follower.feed.isFresh()).toBe(false), soon);
    expect(follower.feed.ageMs()).toBeGreaterThan(boundMs);
    await postgres.restore();
    admin = await connect();
    await announce(admin, 'cli_meanwhile');
    await vi.waitFor(() => expect(told(follower, 'poll')).toEqual(['cli_meanwhile']), soon);
    expect(follower.feed.isFresh()).toBe(true);
    expect(follower.gaps.count).toBe(0);
    await vi.waitFor(() => expect(follower.feed.isHearing()).toBe(true), soon);
    await announce(admin, 'cli_after');
    await vi.waitFor(() => expect(told(follower, 'notification')).toContain('cli_after'), soon);
  });

  test('starts over with nothing remembered when its row was removed, and when it was silent for half an hour', async () => {
    const follower = await followed('forgotten');
    await admin.query(`delete from nodes where id = 'nod_forgotten'`);
    await vi.waitFor(() => expect(follower.gaps.count).toBe(1), soon);
    await vi.waitFor(() => expect(follower.feed.isFresh()).toBe(true), soon);
    follower.time.ahead += 31 * 60_000;
    await vi.waitFor(() => expect(follower.gaps.count).toBe(2), soon);
    await announce(admin, 'cli_later');
    await vi.waitFor(() => expect(told(follower, 'poll')).toContain('cli_later'), soon);
  });

  test('starts over when its row is not what it last wrote, as after a crash in which that was lost', async () => {
    const follower = await followed('crashed');
    const { rows } = await admin.query<{ applied: string }>(`select applied::text from nodes where id = 'nod_crashed'`);
    await announce(admin, 'cli_before');
    await vi.waitFor(() => expect(told(follower, 'poll')).toContain('cli_before'), soon);
    await follower.feed.poll();
    expect(follower.gaps.count).toBe(0);
    await admin.query(`update nodes set applied = $1 where id = 'nod_crashed'`, [rows[0]?.applied]);
    await vi.waitFor(() => expect(follower.gaps.count).toBe(1), soon);
    await announce(admin, 'cli_again');
    await vi.waitFor(() => expect(told(follower, 'poll')).toContain('cli_again'), soon);
    expect(follower.gaps.count).toBe(1);
  });

  test('goes on after polls whose outcome it never heard', async () => {
    const follower = await followed('unsure');
    await admin.query(`alter table announcements rename to announcements_away`);
    await vi.waitFor(() => expect(follower.feed.isFresh()).toBe(false), soon);
    await admin.query(`alter table announcements_away rename to announcements`);
    await vi.waitFor(() => expect(follower.feed.isFresh()).toBe(true), soon);
    expect(follower.gaps.count).toBe(0);
  });

  test('is not fresh until what was missed is made up for', async () => {
    const follower = await followed('failing');
    follower.gaps.failures = 3;
    await admin.query(`delete from nodes where id = 'nod_failing'`);
    await vi.waitFor(() => expect(follower.gaps.count).toBe(4), soon);
    await vi.waitFor(() => expect(follower.feed.isFresh()).toBe(true), soon);
    await follower.feed.poll();
    expect(follower.gaps.count).toBe(4);
  });

  test('forgets everything instead of reading more than 10,000 announcements one by one', async () => {
    const follower = await followed('flooded');
    await admin.query('alter table announcements disable trigger announcements_notify');
    await admin.query(
      `insert into announcements (topic, environment, subject) select 'standing', 'sandbox', 'cli_' || n from generate_series(1, 10001) n`,
    );
    await vi.waitFor(() => expect(follower.gaps.count).toBe(1), soon);
    await announce(admin, 'cli_afterwards');
    await vi.waitFor(() => expect(told(follower, 'poll')).toEqual(['cli_afterwards']), soon);
  });

  test('is told nothing again and again by rows of a restored database, whose transactions are still to come', async () => {
    const follower = await followed('restored');
    await admin.query(
      `insert into announcements (transaction_id, topic, environment, subject)
       values ('9000000000000', 'standing', 'sandbox', 'cli_restored')`,
    );
    await announce(admin, 'cli_now');
    await vi.waitFor(() => expect(told(follower, 'poll')).toEqual(['cli_now']), soon);
    for (let again = 0; again < 3; again += 1) await follower.feed.poll();
    expect(told(follower, 'poll')).toEqual(['cli_now']);
    await admin.query(`delete from announcements where subject = 'cli_restored'`);
  });

  test('is not fresh after a suspension that its steady clock slept through', async () => {
    const follower = await followed('suspended');
    follower.time.wallAhead += 60_000;
    expect(follower.feed.isFresh()).toBe(false);
    await vi.waitFor(() => expect(follower.feed.isFresh()).toBe(true), soon);
  });

  test('leaves its row as long as it runs, with a snapshot that sees what it has taken into account', async () => {
    const follower = await followed('row');
    const { rows } = await admin.query<{ id: string }>(
      `insert into announcements (topic, environment, subject) values ('standing', 'sandbox', 'cli_seen')
       returning transaction_id::text as id`,
    );
    const seen = async (): Promise<boolean | undefined> => {
      const { rows: nodes } = await admin.query<{ seen: boolean }>(
        'select pg_visible_in_snapshot($1::xid8, applied) as seen from nodes where id = $2',
        [rows[0]?.id, 'nod_row'],
      );
      return nodes[0]?.seen;
    };
    await vi.waitFor(async () => expect(await seen()).toBe(true), soon);
    await follower.feed.close();
    expect(await seen()).toBeUndefined();
  });
});

test('a database that nobody shares is always fresh', async () => {
  const database = await openTestDatabase();
  const { feed } = await follow(database, 'alone');
  expect([feed.isFresh(), feed.nodeId]).toEqual([true, null]);
  await database.close();
});

test('a database URL over which notifications do not arrive is refused by name', async () => {
  vi.useFakeTimers();
  const deaf = Object.assign(new EventEmitter(), {
    connect: async () => undefined,
    query: async () => ({ rows: [] }),
    end: async () => undefined,
  });
  const opening = AnnouncementListener.open(() => deaf as unknown as pg.Client, 'nod_deaf', {
    onNotification: () => undefined,
    onHearing: () => undefined,
  });
  const refused = expect(opening).rejects.toThrow(UnsupportedDatabaseError);
  await vi.advanceTimersByTimeAsync(5_000);
  await refused;
  vi.useRealTimers();
  await expect(opening).rejects.toThrow('PgBouncer in transaction mode');
});
