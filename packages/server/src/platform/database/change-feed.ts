// How a process learns what others changed in the database they share. Two ways to the same facts: notifications, which
// come within milliseconds and may get lost, and a poll every 500 ms, which may not. Whoever keeps something in memory
// asks `isFresh` before believing it.

import type { Environment } from '@tollward/protocol';
import { sql } from 'kysely';
import type { Log } from '../observability/log.js';
import { AnnouncementListener } from './announcement-listener.js';
import type { Database } from './database.js';
import { EngineDatabase } from './unit-of-work.js';

export interface Announcement {
  readonly topic: 'standing' | 'keys';
  readonly environment: Environment | null;
  /** The id of a client, or the name of a table of keys. */
  readonly subject: string;
}

export interface NodeIdentity {
  readonly id: string;
  /** For people. */
  readonly name: string;
  readonly version: string;
  readonly environments: readonly Environment[];
}

export interface ChangeFeedOptions {
  readonly database: Database;
  readonly node: NodeIdentity;
  readonly log: Log;
  /** Milliseconds of a clock that is never set back. */
  readonly monotonic: () => number;
  /** Asked too, because the other one stands still while a machine is suspended. */
  readonly wallClock?: () => number;
  /** For how long after a poll was sent what is in memory may be believed. */
  readonly boundMs: number;
  /** What it returns is waited for before this node says that it has taken the change into account. */
  readonly onAnnouncement: (announcement: Announcement, source: AnnouncementSource) => void | Promise<void>;
  /** Something may have been missed: forget everything. */
  readonly onGap: () => void | Promise<void>;
}

export type AnnouncementSource = 'notification' | 'poll';

export interface ChangeFeed {
  readonly nodeId: string | null;
  /** Whether everything that was committed up to `boundMs` ago is known here. */
  isFresh(): boolean;
  /** Milliseconds since the last good poll was sent. */
  ageMs(): number;
  isHearing(): boolean;
  /** Looks at once instead of with the next poll. */
  poll(): Promise<void>;
  close(): Promise<void>;
}

/** Without a break in which announcements could be missed: they are kept for an hour. */
const longestSilenceMs = 30 * 60_000;
const pollMs = 500;
/** More at once are not read one by one: whoever forgets everything is done sooner. */
const mostAnnouncements = 10_000;
/** Between two polls that something asks for. */
const shortestPauseMs = 20;

/** The feed of a database that nobody else uses. */
const silentFeed: ChangeFeed = {
  nodeId: null,
  isFresh: () => true,
  ageMs: () => 0,
  isHearing: () => true,
  poll: async () => undefined,
  close: async () => undefined,
};

/**
 * Registers the node and follows.
 *
 * @throws UnsupportedDatabaseError when notifications do not arrive, DatabaseUnavailableError
 */
export async function openChangeFeed(options: ChangeFeedOptions): Promise<ChangeFeed> {
  if (!options.database.shared) return silentFeed;
  const feed = new PolledFeed(options);
  await feed.start();
  return feed;
}

interface Polled {
  readonly snapshot: string;
  readonly oldest: string;
  /** The row of the node is there, and as this process wrote it. */
  readonly continued: boolean;
  readonly announcements: readonly (readonly [Announcement['topic'], Environment | null, string])[];
}

class PolledFeed implements ChangeFeed {
  readonly #options: ChangeFeedOptions;
  #listener: AnnouncementListener | undefined;
  #hearing = false;
  /** The snapshot up to which everything was taken into account. */
  #applied = '';
  #oldest = '0';
  /**
   * What the row of this node may hold: what was last written, and what was sent with polls that failed since. A database
   * that crashed gives out transaction ids again that nobody kept, and what a snapshot saw of them is worth nothing. But
   * it keeps its log up to some point: if our last write survived, so did everything that our snapshots saw.
   */
  #written: readonly string[] = [];
  /** What was missed is not made up for yet. */
  #gap = false;
  #goodSince: number;
  #goodSinceByWall: number;
  #failing: string | undefined;
  #endedAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ChangeFeedOptions) {
    this.#options = options;
    this.#goodSince = Number.NEGATIVE_INFINITY;
    this.#goodSinceByWall = Number.NEGATIVE_INFINITY;
  }

  get nodeId(): string {
    return this.#options.node.id;
  }

  async start(): Promise<void> {
    const { database, node } = this.#options;
    const sentAt = this.#readClocks();
    await this.#register();
    this.#becomeGood(sentAt);
    this.#listener = await AnnouncementListener.open(() => listenerOf(database), node.id, {
      onNotification: (payload) => this.#notified(payload),
      onHearing: (hearing, reason) => this.#heard(hearing, reason),
    });
    await this.poll();
    this.#schedule(pollMs);
  }

  isFresh(): boolean {
    return this.ageMs() <= this.#options.boundMs;
  }

  ageMs(): number {
    const now = this.#readClocks();
    return Math.max(now.monotonic - this.#goodSince, now.wall - this.#goodSinceByWall);
  }

  #readClocks(): { readonly monotonic: number; readonly wall: number } {
    const { monotonic, wallClock = Date.now } = this.#options;
    return { monotonic: monotonic(), wall: wallClock() };
  }

  #becomeGood({ monotonic, wall }: { readonly monotonic: number; readonly wall: number }): void {
    this.#goodSince = monotonic;
    this.#goodSinceByWall = wall;
  }

  isHearing(): boolean {
    return this.#hearing;
  }

  async poll(): Promise<void> {
    this.#running ??= this.#pollOnce().finally(() => {
      this.#running = undefined;
      this.#endedAt = this.#options.monotonic();
    });
    await this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running?.catch(() => undefined);
    await this.#listener?.close();
    const { database, node } = this.#options;
    // A node that is gone is not waited for. When this fails, its row runs out by itself.
    await EngineDatabase.pulse(database, (kysely) =>
      kysely.deleteFrom('nodes').where('id', '=', node.id).execute(),
    ).catch(() => undefined);
  }

  #schedule(ms: number): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#again = false;
      const startedAt = this.#options.monotonic();
      void this.poll().then(() => {
        const passed = this.#options.monotonic() - startedAt;
        this.#schedule(this.#again ? shortestPauseMs : Math.max(0, pollMs - passed));
      });
    }, ms).unref();
  }

  async #pollOnce(): Promise<void> {
    const sentAt = this.#readClocks();
    const sent = this.#applied;
    try {
      const polled = await this.#ask();
      this.#written = [sent];
      const tooMany = polled.announcements.length > mostAnnouncements;
      this.#gap ||= !polled.continued || tooMany || sentAt.monotonic - this.#goodSince > longestSilenceMs;
      if (this.#gap) {
        await this.#startOver();
      } else {
        await Promise.all(
          polled.announcements.map(async ([topic, environment, subject]) =>
            this.#options.onAnnouncement({ topic, environment, subject }, 'poll'),
          ),
        );
        // Whoever waits for this node reads what it has applied from its next poll.
        if (polled.announcements.length > 0) this.#again = true;
        this.#applied = polled.snapshot;
        this.#oldest = polled.oldest;
      }
      this.#becomeGood(sentAt);
      this.#report();
    } catch (error) {
      if (!this.#written.includes(sent)) this.#written = [...this.#written, sent];
      this.#report(error);
    }
  }

  /** What became visible since the last snapshot, in one round trip that also says that this node is alive. */
  async #ask(): Promise<Polled> {
    const { database, node, boundMs } = this.#options;
    const { rows } = await EngineDatabase.pulse(database, (kysely) =>
      sql<Polled>`
        with alive as (
          update nodes set polled_at = clock_timestamp(), expires_at = ${expiry(boundMs)},
            bound_ms = ${boundMs}, applied = ${this.#applied}::pg_snapshot
          where id = ${node.id} and applied::text = any(${[...this.#written]}) returning id
        ),
        -- Of a row whose transaction the server knows nothing of, as after a restore, nobody can say when it was new.
        news as (
          select distinct topic, environment, subject from announcements
          where transaction_id >= ${this.#oldest}::xid8
            and not pg_visible_in_snapshot(transaction_id, ${this.#applied}::pg_snapshot)
            and pg_visible_in_snapshot(transaction_id, pg_current_snapshot())
          limit ${mostAnnouncements + 1}
        )
        select pg_current_snapshot()::text as snapshot, pg_snapshot_xmin(pg_current_snapshot())::text as oldest,
          exists (select from alive) as continued,
          coalesce((select json_agg(json_build_array(topic, environment, subject)) from news), '[]') as announcements`.execute(
        kysely,
      ),
    );
    const [row] = rows;
    if (row === undefined) throw new Error('the poll of the database had no answer');
    return row;
  }

  /** What was missed can not be told any more: begin anew, with nothing remembered. */
  async #startOver(): Promise<void> {
    await this.#register();
    await this.#options.onGap();
    this.#gap = false;
  }

  async #register(): Promise<void> {
    const { database, node, boundMs } = this.#options;
    const { rows } = await EngineDatabase.pulse(database, (kysely) =>
      sql<{ applied: string; oldest: string }>`
        insert into nodes (id, name, version, environments, started_at, polled_at, bound_ms, applied, expires_at)
        values (${node.id}, ${node.name}, ${node.version}, ${[...node.environments]}, now(), now(), ${boundMs}, pg_current_snapshot(),
          ${expiry(boundMs)})
        on conflict (id) do update set polled_at = excluded.polled_at, applied = excluded.applied, expires_at = excluded.expires_at
        returning applied::text as applied, pg_snapshot_xmin(applied)::text as oldest`.execute(kysely),
    );
    const [row] = rows;
    if (row === undefined) throw new Error('the node could not be registered');
    this.#applied = row.applied;
    this.#oldest = row.oldest;
    this.#written = [row.applied];
  }

  #notified(payload: string): void {
    const announcement = parsePayload(payload);
    if (announcement === undefined) return;
    // The poll that follows hears of it too, and of its failure.
    void Promise.resolve(this.#options.onAnnouncement(announcement, 'notification')).catch(() => undefined);
    this.#again = true;
    if (this.#running !== undefined) return;
    const sinceLast = this.#options.monotonic() - this.#endedAt;
    this.#schedule(Math.max(0, shortestPauseMs - sinceLast));
  }

  #heard(hearing: boolean, reason: unknown): void {
    const { logger } = this.#options.log;
    if (hearing === this.#hearing) return;
    this.#hearing = hearing;
    if (hearing) logger.info('notifications of the database arrive');
    else logger.warn({ error: reason }, 'notifications of the database do not arrive; changes are seen by polling');
  }

  /** Once per trouble: while a database is away, every poll says the same. */
  #report(error?: unknown): void {
    const { logger } = this.#options.log;
    const failing = error === undefined ? undefined : String(error);
    if (failing === this.#failing || this.#closed) return;
    this.#failing = failing;
    if (failing === undefined) logger.info('the database is followed again');
    else logger.error({ error }, 'the database can not be followed; nothing is answered from memory beyond the bound');
  }
}

/** A node that believes its memory for longer is also remembered for longer. By the minute, because the column is indexed. */
function expiry(boundMs: number) {
  return sql`date_trunc('minute', clock_timestamp()) + interval '2 minutes' + ${boundMs} * interval '1 millisecond'`;
}

function listenerOf(database: Database) {
  const client = EngineDatabase.listener(database);
  if (client === undefined) throw new TypeError('This database has nothing to listen to.');
  return client;
}

function parsePayload(payload: string): Announcement | undefined {
  const [topic, environment, subject] = payload.split(' ');
  if ((topic !== 'standing' && topic !== 'keys') || subject === undefined) return undefined;
  if (environment !== 'sandbox' && environment !== 'production' && environment !== '-') return undefined;
  return { topic, environment: environment === '-' ? null : environment, subject };
}
