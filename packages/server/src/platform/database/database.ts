// The one way to the database, for both engines. Product code sees this file and tables.ts, never an engine.

import type { Kysely, Transaction } from 'kysely';
import type { Tables } from './tables.js';

/** An open unit of work. Functions of other capabilities take it; nobody but a use case opens one. */
export type Tx = Transaction<Tables>;

/** A handle that can only be asked. */
export type ReadTx = Pick<Kysely<Tables>, 'selectFrom' | 'with'>;

export interface Database {
  readonly engine: 'pglite' | 'postgres';

  /** Whether other processes may use it at the same time: PostgreSQL. Then a cache has to follow a change feed. */
  readonly shared: boolean;

  /**
   * One unit of work. What `work` returns is committed and durable before the promise resolves; that includes a returned
   * refusal. Only a throw rolls back.
   *
   * @throws Error when called while another unit of work is open in the same asynchronous context
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;

  /** Runs queries outside a unit of work and waits for no disk. Same rule about open units of work. */
  read<T>(work: (tx: ReadTx) => Promise<T>): Promise<T>;

  /** As read, for what is worth nothing when it is late: connections of its own, and a second for each query. */
  readUrgently<T>(work: (tx: ReadTx) => Promise<T>): Promise<T>;

  /** @throws when every unit of work would be refused now. Known without a question to the database */
  assertWritable(): void;

  /** The database's clock, milliseconds since the epoch. Urgent: a late answer would say the wrong time. */
  clock(): Promise<number>;

  /** Waits for what is running, then lets go of the files or connections. */
  close(): Promise<void>;
}
