// What a database URL comes to. The driver has its own reading of one, with the PG* variables of the environment in it, and
// whoever judged another reading would judge another connection.

import pg from 'pg';
import { columnParsers } from './column-types.js';
import { UnsupportedDatabaseError } from './database-errors.js';

export interface ParsedDatabaseUrl {
  /** For a client or a pool of the driver. */
  readonly config: pg.ClientConfig & { readonly options: string };
  readonly connection: DescribedConnection;
}

export interface DescribedConnection {
  /** A name, an address, or the directory of a Unix socket. */
  readonly host: string;
  readonly isSocket: boolean;
  /** The driver never goes on in the clear when the server has no TLS. */
  readonly encrypted: boolean;
  /** The server has to prove that it is this host. */
  readonly verified: boolean;
}

/**
 * Reads the files that the URL names.
 *
 * @throws UnsupportedDatabaseError when the URL can not be used; its text does not repeat it
 */
export function parseDatabaseUrl(url: string): ParsedDatabaseUrl {
  // Checked here, because the error of the driver would carry the whole text, password included.
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol)) {
    throw unusable('can not be read. It looks like postgresql://user:password@host:5432/database.');
  }
  const names = [...new URL(url).searchParams.keys()];
  if (new Set(names).size < names.length) throw unusable('has a parameter twice. Leave one of them out.');
  if (names.includes('uselibpqcompat')) {
    throw unusable('has uselibpqcompat, which turns checks of TLS off. Leave it out, and say sslmode=verify-full.');
  }
  const config = {
    connectionString: url,
    application_name: 'tollward',
    connectionTimeoutMillis: 5_000,
    idle_in_transaction_session_timeout: 30_000,
    keepAlive: true,
    // The parsers read this date format only, and a server may be set to another.
    options: '-c DateStyle=ISO -c TimeZone=UTC',
    types: { getTypeParser: (oid, format) => columnParsers.get(oid) ?? pg.types.getTypeParser(oid, format) },
  } satisfies pg.ClientConfig;
  return { config, connection: describeConnection(config) };
}

function describeConnection(config: pg.ClientConfig): DescribedConnection {
  const { host, port, ssl } = readByDriver(config);
  if (!(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
    throw unusable('has a port, or PGPORT has one, that is no number from 1 to 65535.');
  }
  // Declared as a boolean, and really what node:tls is given.
  const tls: unknown = ssl;
  if (typeof tls === 'string') throw unusable('has an ssl parameter that can not be used. Say sslmode=verify-full.');
  const encrypted = Boolean(tls);
  return { host, isSocket: host.startsWith('/'), encrypted, verified: encrypted && checksServer(tls) };
}

/** As a client that never connects has it. */
function readByDriver(config: pg.ClientConfig): Pick<pg.Client, 'host' | 'port' | 'ssl'> {
  try {
    return new pg.Client(config);
  } catch (error) {
    // The system's own refusals name the file, and nothing else of the URL.
    const isAboutFile = error instanceof Error && 'syscall' in error;
    throw unusable(isAboutFile ? `names a file that can not be read: ${error.message}.` : 'is none for the driver.');
  }
}

function checksServer(tls: unknown): boolean {
  // node:tls asks this variable itself, where it is not told otherwise.
  if (process.env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') return false;
  if (typeof tls !== 'object' || tls === null) return true;
  const isLax = 'rejectUnauthorized' in tls && tls.rejectUnauthorized === false;
  return !isLax && !('checkServerIdentity' in tls);
}

function unusable(why: string): UnsupportedDatabaseError {
  return new UnsupportedDatabaseError(`The database URL ${why}`);
}
