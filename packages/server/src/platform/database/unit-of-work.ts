// What both engines share: one unit of work at a time per asynchronous context, commit before durable before the answer.

import { AsyncLocalStorage } from 'node:async_hooks';
import { type Kysely, sql } from 'kysely';
import type pg from 'pg';
import type { Database, ReadTx, Tx } from './database.js';
import { DatabaseUnavailableError } from './database-errors.js';
import type { Tables } from './tables.js';

/** What an engine brings. Its Kysely instance throws DatabaseUnavailableError where that is the reason. */
interface Engine {
  readonly name: Database['engine'];
  readonly kysely: Kysely<Tables>;

  /** The same database over connections that give up after a second, where it has such. */
  readonly urgent: Kysely<Tables>;

  /** As urgent, for what this process does by itself, so that no caller can keep it waiting. */
  readonly pulse: Kysely<Tables>;

  /** As in Database. */
  readonly shared: boolean;

  /** How a process of its own listens to this database; undefined where nobody else can announce anything. */
  readonly connectListener?: () => pg.Client;

  /** As in Database. */
  assertWritable(): void;

  /** Resolves once everything committed before the call survives a power loss. */
  makeDurable(): Promise<void>;

  /** Called once, when no unit of work is running. */
  close(): Promise<void>;
}

export class EngineDatabase implements Database {
  readonly #engine: Engine;
  // The unit is marked closed at its end, because work it started in the background keeps its asynchronous context.
  readonly #context = new AsyncLocalStorage<{ open: boolean }>();
  readonly #running = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get engine(): Database['engine'] {
    return this.#engine.name;
  }

  get shared(): boolean {
    return this.#engine.shared;
  }

  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#write((kysely) => kysely.transaction().execute(work));
  }

  read<T>(work: (tx: ReadTx) => Promise<T>): Promise<T> {
    return this.#run(() => work(this.#engine.kysely));
  }

  readUrgently<T>(work: (tx: ReadTx) => Promise<T>): Promise<T> {
    return this.#run(() => work(this.#engine.urgent));
  }

  clock(): Promise<number> {
    return this.#run(async () => {
      const milliseconds = sql<{
        now: bigint;
      }>`select floor(extract(epoch from clock_timestamp()) * 1000)::int8 as now`;
      const { rows } = await milliseconds.execute(this.#engine.pulse);
      return Number(rows[0]?.now);
    });
  }

  assertWritable(): void {
    this.#engine.assertWritable();
  }

  async close(): Promise<void> {
    this.#assertNoOpenUnit();
    this.#closed ??= Promise.allSettled(this.#running).then(() => this.#engine.close());
    await this.#closed;
  }

  /** For the files beside this one: the handle that can also change the schema. */
  static administer<T>(database: Database, work: (kysely: Kysely<Tables>) => Promise<T>): Promise<T> {
    return EngineDatabase.#of(database).#write(work);
  }

  /** For the files beside this one: statements of this process's own that may write, give up after a second, and need not be durable. */
  static pulse<T>(database: Database, work: (kysely: Kysely<Tables>) => Promise<T>): Promise<T> {
    const own = EngineDatabase.#of(database);
    return own.#run(() => work(own.#engine.pulse));
  }

  /** For the files beside this one: a connection to listen on, not connected yet. */
  static listener(database: Database): pg.Client | undefined {
    return EngineDatabase.#of(database).#engine.connectListener?.();
  }

  static #of(database: Database): EngineDatabase {
    if (!(database instanceof EngineDatabase)) throw new TypeError('This database was not opened by Tollward.');
    return database;
  }

  #write<T>(work: (kysely: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.#run(async () => {
      this.#engine.assertWritable();
      const result = await work(this.#engine.kysely);
      await this.#engine.makeDurable();
      return result;
    });
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    this.#assertNoOpenUnit();
    if (this.#closed) throw new DatabaseUnavailableError('it has been closed');
    const unit = { open: true };
    const running = this.#context.run(unit, work);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      unit.open = false;
      this.#running.delete(running);
      // While it tracks, Node 20 runs hooks for every promise and socket of the process: a third more CPU per request.
      if (this.#running.size === 0) this.#context.disable();
    }
  }

  // PGlite has one connection: a second unit inside the first would wait for it forever.
  #assertNoOpenUnit(): void {
    if (this.#context.getStore()?.open) {
      throw new Error('A unit of work is open here. Use the tx it was given, not the database.');
    }
  }
}
