// LISTEN on a connection of its own. It only makes things faster: what a notification says is also in the table that the
// poll reads, so a lost one costs time and nothing else.

import type pg from 'pg';
import { UnsupportedDatabaseError } from './database-errors.js';

/** As the trigger of the migration names it. */
const channel = 'tollward_announcements';

export interface ListenerHandlers {
  /** What the trigger said: topic, environment or "-", subject. */
  readonly onNotification: (payload: string) => void;
  /** Told when it begins and when it ends to hear anything. */
  readonly onHearing: (hearing: boolean, reason?: unknown) => void;
}

const proofMs = 10_000;
const hearWithinMs = 2_000;
const firstProofMs = 5_000;
const reconnectMs = 1_000;

/** Listens, proves every 10 seconds that it hears, and starts over when it does not. */
export class AnnouncementListener {
  readonly #connect: () => pg.Client;
  readonly #handlers: ListenerHandlers;
  readonly #proof: string;
  #client: pg.Client | undefined;
  #heard: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(connect: () => pg.Client, proof: string, handlers: ListenerHandlers) {
    this.#connect = connect;
    this.#proof = `proof - ${proof}`;
    this.#handlers = handlers;
  }

  /**
   * @param proof a text that only this process sends
   * @throws UnsupportedDatabaseError when a notification to itself does not arrive
   */
  static async open(
    connect: () => pg.Client,
    proof: string,
    handlers: ListenerHandlers,
  ): Promise<AnnouncementListener> {
    const listener = new AnnouncementListener(connect, proof, handlers);
    try {
      await listener.#start(firstProofMs);
    } catch (error) {
      await listener.close();
      if (!(error instanceof NothingHeardError)) throw error;
      throw new UnsupportedDatabaseError(
        'Notifications (LISTEN, NOTIFY) do not arrive over this database URL. A connection pooler that shares sessions, such as ' +
          'PgBouncer in transaction mode, swallows them: give the URL of the server itself.',
      );
    }
    return listener;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#client?.end().catch(() => undefined);
  }

  async #start(withinMs: number): Promise<void> {
    const client = this.#connect();
    this.#client = client;
    client.on('error', () => undefined);
    client.on('notification', ({ payload = '' }) => {
      if (payload === this.#proof) this.#heard?.();
      else this.#handlers.onNotification(payload);
    });
    await client.connect();
    await client.query(`listen ${channel}`);
    await this.#prove(client, withinMs);
    if (this.#closed) return void (await client.end());
    client.once('end', () => this.#lost(client, new Error('the connection that listens was lost')));
    this.#handlers.onHearing(true);
    this.#proveLater(client);
  }

  async #prove(client: pg.Client, withinMs: number): Promise<void> {
    const heard = new Promise<void>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new NothingHeardError('its own notification did not arrive')),
        withinMs,
      ).unref();
      this.#heard = () => {
        clearTimeout(late);
        resolve();
      };
    });
    await Promise.all([heard, client.query('select pg_notify($1, $2)', [channel, this.#proof])]);
  }

  #proveLater(client: pg.Client): void {
    this.#timer = setTimeout(() => {
      this.#prove(client, hearWithinMs).then(
        () => this.#proveLater(client),
        (error: unknown) => this.#lost(client, error),
      );
    }, proofMs);
    this.#timer.unref();
  }

  #lost(client: pg.Client, reason: unknown): void {
    if (this.#closed || this.#client !== client) return;
    this.#client = undefined;
    clearTimeout(this.#timer);
    void client.end().catch(() => undefined);
    this.#handlers.onHearing(false, reason);
    this.#retry();
  }

  #retry(): void {
    this.#timer = setTimeout(() => {
      this.#start(hearWithinMs).catch(() => {
        const failed = this.#client;
        this.#client = undefined;
        void failed?.end().catch(() => undefined);
        if (!this.#closed) this.#retry();
      });
    }, reconnectMs);
    this.#timer.unref();
  }
}

class NothingHeardError extends Error {
  override readonly name = 'NothingHeardError';
}
