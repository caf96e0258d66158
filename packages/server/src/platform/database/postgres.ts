// The production engine: PostgreSQL 15 or newer.

import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely';
import pg from 'pg';
import type { Database } from './database.js';
import {
  DatabaseUnavailableError,
  isUnavailableState,
  NothingCommittedError,
  UnsupportedDatabaseError,
} from './database-errors.js';
import { parseDatabaseUrl } from './database-url.js';
import type { Tables } from './tables.js';
import { EngineDatabase } from './unit-of-work.js';

interface PostgresOptions {
  /** postgresql://user:password@host:port/database */
  readonly url: string;
  /** Most connections for queries at one time. Urgent queries, polls and the listener have up to seven more. */
  readonly poolSize?: number;
  /** For commands that move or change much at once: no statement is cut off. */
  readonly unhurried?: boolean;
}

const oldestVersion = 15;
const defaultPoolSize = 10;
/** Reads of standing: strangers can keep these busy. */
const urgentPoolSize = 4;
/** Polls of changes and the exchange of counts: nobody but this process can. */
const pulsePoolSize = 2;
/** Those of a node: its pools, and the one that listens. */
export const mostConnectionsOfNode = defaultPoolSize + urgentPoolSize + pulsePoolSize + 1;
const urgentMs = 1_000;
const statementMs = 15_000;
/** The server's own timeout says nothing over a network that swallows what is sent. */
const queryMs = 20_000;

/**
 * @throws UnsupportedDatabaseError for a URL that can not be used, and a server that is too old or acknowledges commits before they are on its disk
 * @throws DatabaseUnavailableError when the server can not be reached
 */
export async function openPostgres({ url, poolSize, unhurried = false }: PostgresOptions): Promise<Database> {
  const { config: connection } = parseDatabaseUrl(url);
  const timeouts = unhurried ? {} : { statement_timeout: statementMs, query_timeout: queryMs };
  const pool = quietPool({ ...connection, ...timeouts, max: poolSize ?? defaultPoolSize });
  try {
    await assertSupported(pool);
  } catch (error) {
    await pool.end();
    throw error;
  }
  const urgent = {
    ...connection,
    connectionTimeoutMillis: urgentMs,
    statement_timeout: urgentMs,
    query_timeout: urgentMs,
  };
  const urgentPool = quietPool({ ...urgent, max: urgentPoolSize });
  const pulsePool = quietPool({
    ...urgent,
    max: pulsePoolSize,
    // What is written here says how far this process has come, and is worth nothing after a crash.
    options: `${connection.options} -c synchronous_commit=off`,
  });
  const over = (source: pg.Pool): Kysely<Tables> =>
    new Kysely<Tables>({ dialect: new PostgresDialect({ pool: checkedPool(source) }) });
  const kyselys = { kysely: over(pool), urgent: over(urgentPool), pulse: over(pulsePool) };
  return new EngineDatabase({
    name: 'postgres',
    ...kyselys,
    shared: true,
    connectListener: () => new pg.Client({ ...connection, query_timeout: urgentMs }),
    assertWritable: () => undefined,
    // Synchronous commit: the server answers COMMIT when it is on the disk.
    makeDurable: async () => undefined,
    async close() {
      await Promise.all(Object.values(kyselys).map((kysely) => kysely.destroy()));
    },
  });
}

/**
 * An idle connection that breaks is replaced by the pool; one in use reports to its query. Without listeners either
 * would end the process.
 */
function quietPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(config);
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

async function assertSupported(pool: pg.Pool): Promise<void> {
  const settings = `select current_setting('server_version_num')::int as version_number,
    current_setting('server_version') as version, current_setting('synchronous_commit') as synchronous_commit`;
  const { rows } = await pool
    .query<{ version_number: number; version: string; synchronous_commit: string }>(settings)
    .catch((error: unknown) => {
      throw unavailable(error);
    });
  const [row] = rows;
  if (!row || row.version_number < oldestVersion * 10_000) {
    throw new UnsupportedDatabaseError(
      `Tollward needs PostgreSQL ${oldestVersion} or newer, and this server is ${row?.version ?? 'something else'}.`,
    );
  }
  if (row.synchronous_commit === 'off') {
    throw new UnsupportedDatabaseError(
      'synchronous_commit is off on this database: a revocation that was confirmed could be lost. Turn it on.',
    );
  }
}

/** The pool as Kysely sees it, where faults of the server have their own error and a COMMIT can not fail silently. */
function checkedPool(pool: pg.Pool): PostgresPool {
  return {
    async connect() {
      const client = await pool.connect().catch((error: unknown) => {
        throw unavailable(error);
      });
      let broken = false;
      const query = async (text: string, parameters: readonly unknown[]): Promise<pg.QueryResult> => {
        const result = await client.query(text, [...parameters]).catch((error: unknown) => {
          if (!isUnavailable(error)) throw error;
          broken = true;
          throw unavailable(error);
        });
        if (text === 'commit' && result.command !== 'COMMIT') throw new NothingCommittedError();
        return result;
      };
      // A connection that failed is not given to anybody else: an answer to the query that timed out may still be on its way.
      // The other form of Kysely's interface takes a cursor, and is called only if the dialect was given one.
      return { query: query as unknown as PostgresPoolClient['query'], release: () => client.release(broken) };
    },
    end: () => pool.end(),
  };
}

function isUnavailable(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return isUnavailableState(error.code ?? '');
  if (!(error instanceof Error)) return false;
  const isSocketError = 'syscall' in error;
  return (
    isSocketError || /^Connection terminated|^Query read timeout|not queryable|connection error/i.test(error.message)
  );
}

function unavailable(error: unknown): DatabaseUnavailableError {
  const reason = error instanceof Error ? error.message : 'the connection failed';
  return new DatabaseUnavailableError(reason, error);
}
