// One process per PostgreSQL database, while several nodes are not part of Tollward. The server frees a session's
// advisory lock when the connection ends, so this connection is kept for nothing else.

import type pg from 'pg';
import { DatabaseInUseError, DatabaseUnavailableError } from './database-errors.js';

// The bytes of "tollward". Advisory locks are per database.
const lockKey = '8390043843929666148';
const retryMs = 1_000;

export class AdvisoryLock {
  readonly #connect: () => pg.Client;
  #client: pg.Client | undefined;
  #timesAcquired = 0;
  #retry: NodeJS.Timeout | undefined;
  #reason: Error | undefined;
  #released = false;

  private constructor(connect: () => pg.Client) {
    this.#connect = connect;
  }

  /** @throws DatabaseInUseError, DatabaseUnavailableError */
  static async hold(connect: () => pg.Client): Promise<AdvisoryLock> {
    const lock = new AdvisoryLock(connect);
    await lock.#acquire();
    return lock;
  }

  /** @throws the reason why the lock was lost, until it is held again */
  assertHeld(): void {
    if (!this.#client) throw this.#reason ?? new DatabaseUnavailableError('its lock is not held');
  }

  /** Another number each time the lock was acquired, undefined while it is not held. */
  exclusivity(): number | undefined {
    return this.#client ? this.#timesAcquired : undefined;
  }

  async release(): Promise<void> {
    this.#released = true;
    clearTimeout(this.#retry);
    await this.#client?.end();
  }

  async #acquire(): Promise<void> {
    const client = this.#connect();
    // The end of the connection, which follows every error, is what counts.
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ held: boolean; name: string }>(
        `select pg_try_advisory_lock(${lockKey}) as held, current_database() as name`,
      );
      if (!rows[0]?.held) throw new DatabaseInUseError(rows[0]?.name ?? '');
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error instanceof DatabaseInUseError
        ? error
        : new DatabaseUnavailableError(error instanceof Error ? error.message : 'the connection failed', error);
    }
    if (this.#released) return client.end();
    this.#client = client;
    this.#timesAcquired += 1;
    client.once('end', () => this.#lost(new DatabaseUnavailableError('the connection that holds its lock was lost')));
  }

  #lost(reason: Error): void {
    this.#client = undefined;
    this.#reason = reason;
    if (this.#released) return;
    this.#retry = setTimeout(() => {
      this.#acquire().catch((error: Error) => this.#lost(error));
    }, retryMs);
    this.#retry.unref();
  }
}
