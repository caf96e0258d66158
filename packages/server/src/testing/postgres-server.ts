// The PostgreSQL server that tests may create databases on.

import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** Undefined when none is configured, which is an error when TOLLWARD_TEST_REQUIRE_POSTGRES is 1. */
export function testServerUrl(): string | undefined {
  const url = process.env['TOLLWARD_TEST_DATABASE_URL'];
  if (url) return url;
  if (process.env['TOLLWARD_TEST_REQUIRE_POSTGRES'] !== '1') return undefined;
  throw new Error('TOLLWARD_TEST_REQUIRE_POSTGRES is 1, but TOLLWARD_TEST_DATABASE_URL is not set.');
}

export interface TestPostgres {
  readonly url: string;
  /** Runs a statement in it, on a connection of its own. */
  run(statement: string): Promise<void>;
  /** Ends every connection to the database and lets no new one in. */
  cut(): Promise<void>;
  /** Lets connections in again. */
  restore(): Promise<void>;
  drop(): Promise<void>;
}

/** A fresh, empty database. */
export async function createTestPostgres(serverUrl: string): Promise<TestPostgres> {
  const name = `tollward_test_${randomBytes(8).toString('hex')}`;
  const run = (statement: string): Promise<void> => onServer(serverUrl, statement);
  await run(`create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    run: (statement) => onServer(url.href, statement),
    cut: async () => {
      await run(`alter database ${name} with allow_connections false`);
      await run(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
    },
    restore: () => run(`alter database ${name} with allow_connections true`),
    drop: () => run(`drop database ${name} with (force)`),
  };
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
