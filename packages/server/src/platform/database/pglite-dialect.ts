// Kysely over PGlite, which is one connection: whoever needs it waits in line. Kysely 0.29 brings a dialect of its own,
// but needs Node 22.

import type { PGlite, Results } from '@electric-sql/pglite';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import { DatabaseUnavailableError, isUnavailableState, NothingCommittedError } from './database-errors.js';

export function pgliteDialect(pglite: PGlite): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new PgliteDriver(pglite),
    createIntrospector: (kysely) => new PostgresIntrospector(kysely),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
}

class PgliteDriver implements Driver {
  readonly #connection: PgliteConnection;
  #lastInLine: Promise<void> = Promise.resolve();
  #release: () => void = () => undefined;

  constructor(pglite: PGlite) {
    this.#connection = new PgliteConnection(pglite);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    const previous = this.#lastInLine;
    let release = (): void => undefined;
    this.#lastInLine = new Promise((resolve) => {
      release = resolve;
    });
    await previous;
    this.#release = release;
    return this.#connection;
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const level = settings.isolationLevel ? ` isolation level ${settings.isolationLevel}` : '';
    const mode = settings.accessMode ? ` ${settings.accessMode}` : '';
    await connection.executeQuery(CompiledQuery.raw(`begin${level}${mode}`));
  }

  async commitTransaction(): Promise<void> {
    await this.#connection.commit();
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  async releaseConnection(): Promise<void> {
    this.#release();
  }

  async destroy(): Promise<void> {}
}

const countingCommands = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);

class PgliteConnection implements DatabaseConnection {
  readonly #pglite: PGlite;

  constructor(pglite: PGlite) {
    this.#pglite = pglite;
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const { rows, command, rowCount } = await this.#send<Row>(query);
    const counts = command !== undefined && countingCommands.has(command);
    return counts ? { rows, numAffectedRows: BigInt(rowCount ?? 0) } : { rows };
  }

  async commit(): Promise<void> {
    const { command } = await this.#send(CompiledQuery.raw('commit'));
    if (command !== 'COMMIT') throw new NothingCommittedError();
  }

  // biome-ignore lint/correctness/useYield: the interface asks for it, and nothing here streams.
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('PGlite can not stream rows.');
  }

  async #send<Row>(query: CompiledQuery): Promise<Results<Row>> {
    try {
      // Only the simple protocol takes several statements at once, as a migration file has them.
      if (query.query.kind === 'RawNode' && query.parameters.length === 0) {
        const results = await this.#pglite.exec(query.sql);
        return (results.at(-1) ?? { rows: [], fields: [] }) as Results<Row>;
      }
      return await this.#pglite.query<Row>(query.sql, [...query.parameters]);
    } catch (error) {
      throw this.#isUnavailable(error) ? new DatabaseUnavailableError('PGlite stopped working', error) : error;
    }
  }

  #isUnavailable(error: unknown): boolean {
    if (this.#pglite.closed || !(error instanceof Error)) return true;
    // What a crash inside WebAssembly throws.
    if (error.name === 'RuntimeError') return true;
    return 'code' in error && typeof error.code === 'string' && isUnavailableState(error.code);
  }
}
