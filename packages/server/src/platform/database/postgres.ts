// The production engine: PostgreSQL 15 or newer.

import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely';
import pg from 'pg';
import { AdvisoryLock } from './advisory-lock.js';
import { columnParsers } from './column-types.js';
import type { Database } from './database.js';
import {
  DatabaseUnavailableError,
  isUnavailableState,
  NothingCommittedError,
  UnsupportedDatabaseError,
} from './database-errors.js';
import type { Tables } from './tables.js';
import { EngineDatabase } from './unit-of-work.js';

interface PostgresOptions {
  /** postgresql://user:password@host:port/database */
  readonly url: string;
  /** Most connections for queries at one time. An exclusive database uses one more. */
  readonly poolSize?: number;
  /** Refuse to run beside another process, which the caches of this version would not learn about. */
  readonly exclusive: boolean;
}

const oldestVersion = 15;
const defaultPoolSize = 10;

/**
 * @throws UnsupportedDatabaseError for a server that is too old or acknowledges commits before they are on its disk
 * @throws DatabaseInUseError when `exclusive` and another process has the database
 * @throws DatabaseUnavailableError when the server can not be reached
 */
export async function openPostgres({ url, poolSize, exclusive }: PostgresOptions): Promise<Database> {
  const connection = connectionConfig(url);
  const pool = new pg.Pool({ ...connection, max: poolSize ?? defaultPoolSize });
  // An idle connection that breaks is replaced by the pool; one in use reports to its query. Without listeners either
  // would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));

  let lock: AdvisoryLock | undefined;
  try {
    await assertSupported(pool);
    if (exclusive) lock = await AdvisoryLock.hold(() => new pg.Client(connection));
  } catch (error) {
    await pool.end();
    throw error;
  }

  const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: checkedPool(pool) }) });
  return new EngineDatabase({
    name: 'postgres',
    kysely,
    exclusivity: () => (lock ? lock.exclusivity() : 1),
    assertWritable: () => lock?.assertHeld(),
    // Synchronous commit: the server answers COMMIT when it is on the disk.
    makeDurable: async () => undefined,
    async close() {
      await kysely.destroy();
      await lock?.release();
    },
  });
}

function connectionConfig(url: string): pg.ClientConfig {
  // Checked here, because the error of the driver would carry the whole text, password included.
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol)) {
    throw new UnsupportedDatabaseError(
      'The database URL can not be read. It looks like postgresql://user:password@host:5432/database.',
    );
  }
  return {
    connectionString: url,
    application_name: 'tollward',
    connectionTimeoutMillis: 5_000,
    statement_timeout: 15_000,
    idle_in_transaction_session_timeout: 30_000,
    keepAlive: true,
    // The parsers read this date format only, and a server may be set to another.
    options: '-c DateStyle=ISO -c TimeZone=UTC',
    types: { getTypeParser: (oid, format) => columnParsers.get(oid) ?? pg.types.getTypeParser(oid, format) },
  };
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
      const query = async (text: string, parameters: readonly unknown[]): Promise<pg.QueryResult> => {
        const result = await client.query(text, [...parameters]).catch((error: unknown) => {
          throw isUnavailable(error) ? unavailable(error) : error;
        });
        if (text === 'commit' && result.command !== 'COMMIT') throw new NothingCommittedError();
        return result;
      };
      // The other form of Kysely's interface takes a cursor, and is called only if the dialect was given one.
      return { query: query as unknown as PostgresPoolClient['query'], release: () => client.release() };
    },
    end: () => pool.end(),
  };
}

function isUnavailable(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return isUnavailableState(error.code ?? '');
  if (!(error instanceof Error)) return false;
  const isSocketError = 'syscall' in error;
  return isSocketError || /^Connection terminated|not queryable|connection error/i.test(error.message);
}

function unavailable(error: unknown): DatabaseUnavailableError {
  const reason = error instanceof Error ? error.message : 'the connection failed';
  return new DatabaseUnavailableError(reason, error);
}
