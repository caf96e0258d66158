import pg from 'pg';

export interface PostgresMeasure {
  /** As the system catalogue tells it, rows that are dead and not vacuumed yet included. */
  readonly bytes: number;
  readonly rows: Readonly<Record<string, number>>;
}

/** The size of a database and how many rows its tables have. */
export async function measurePostgres(url: string): Promise<PostgresMeasure> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const size = await client.query<{ bytes: string }>('select pg_database_size(current_database()) as bytes');
    const tables = await client.query<{ name: string }>(
      `select quote_ident(tablename) as name from pg_tables where schemaname = 'public' order by tablename`,
    );
    const rows: Record<string, number> = {};
    for (const { name } of tables.rows) {
      const counted = await client.query<{ count: number }>(`select count(*)::int as count from ${name}`);
      rows[name] = counted.rows[0]?.count ?? 0;
    }
    return { bytes: Number(size.rows[0]?.bytes), rows };
  } finally {
    await client.end();
  }
}
