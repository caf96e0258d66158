// What an operator wants to know about a PostgreSQL server before Tollward runs on it.

import { type Kysely, sql } from 'kysely';
import { AnnouncementListener } from './announcement-listener.js';
import type { Database } from './database.js';
import { UnsupportedDatabaseError } from './database-errors.js';
import type { Tables } from './tables.js';
import { EngineDatabase } from './unit-of-work.js';

export interface PostgresFacts {
  readonly version: string;
  readonly encoding: string;
  /** A standby, or a database or role that is set to be only read. */
  readonly readOnly: boolean;
  readonly synchronousCommit: string;
  readonly fsync: boolean;
  /** The version of TLS of this connection; null when it has none. */
  readonly tls: string | null;
  /** How many connections may be open, for everybody who is no superuser, and how many are. */
  readonly mostConnections: number;
  readonly openConnections: number;
}

export function inspectPostgres(database: Database): Promise<PostgresFacts> {
  return EngineDatabase.administer(database, async (kysely) => {
    const { rows } = await sql<PostgresFacts>`
      select
        current_setting('server_version') as version,
        current_setting('server_encoding') as encoding,
        pg_is_in_recovery() or current_setting('default_transaction_read_only')::bool as "readOnly",
        current_setting('synchronous_commit') as "synchronousCommit",
        current_setting('fsync')::bool as fsync,
        (select version from pg_stat_ssl where pid = pg_backend_pid() and ssl) as tls,
        (
          select least(
            current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
            nullif(datconnlimit, -1), nullif(rolconnlimit, -1))
          from pg_database, pg_roles where datname = current_database() and rolname = current_user
        ) as "mostConnections",
        (select sum(numbackends)::int from pg_stat_database) as "openConnections"
    `.execute(kysely);
    const [facts] = rows;
    if (facts === undefined) throw new Error('the questions about the server had no answer');
    return facts;
  });
}

/** Whether a notification that is sent over this database URL arrives over it. */
export async function hearsNotifications(database: Database, proof: string): Promise<boolean> {
  const connect = () => {
    const client = EngineDatabase.listener(database);
    if (client === undefined) throw new TypeError('This database has nothing to listen to.');
    return client;
  };
  try {
    const listener = await AnnouncementListener.open(connect, proof, {
      onNotification: () => undefined,
      onHearing: () => undefined,
    });
    await listener.close();
    return true;
  } catch (error) {
    if (error instanceof UnsupportedDatabaseError) return false;
    throw error;
  }
}

export interface NodeFacts {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly environments: readonly string[];
  /** Since its last poll, and for how long after one it answers from memory. */
  readonly polledMsAgo: number;
  readonly boundMs: number;
}

/** The nodes that run on a migrated database, the first to start first. */
export function readNodes(database: Database): Promise<readonly NodeFacts[]> {
  return EngineDatabase.administer(database, async (kysely: Kysely<Tables>) => {
    const { rows } = await sql<NodeFacts>`
      select id, name, version, environments, bound_ms as "boundMs",
        floor(extract(epoch from clock_timestamp() - polled_at) * 1000)::int as "polledMsAgo"
      from nodes where expires_at > clock_timestamp() order by started_at, id
    `.execute(kysely);
    return rows;
  });
}
