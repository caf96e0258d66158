// The schema of a migrated database as Markdown, read from the catalogue. The same on every supported version: what
// differs between versions (PostgreSQL 18 also lists NOT NULL as a constraint) is left out.

import { type Kysely, sql } from 'kysely';
import type { Database } from './database.js';
import type { Tables } from './tables.js';
import { EngineDatabase } from './unit-of-work.js';

interface Column {
  table: string;
  name: string;
  type: string;
  required: boolean;
  default_value: string | null;
}

interface Rule {
  table: string;
  definition: string;
}

/** Every table of the current schema: columns, keys, checks, indexes. */
export function describeSchema(database: Database): Promise<string> {
  return EngineDatabase.administer(database, async (kysely) => {
    const columns = groupByTable(await readColumns(kysely));
    const rules = groupByTable([...(await readConstraints(kysely)), ...(await readIndexes(kysely))]);
    const tables = [...columns].map(([table, itsColumns]) => describeTable(table, itsColumns, rules.get(table) ?? []));
    return ['# Database schema\n', ...tables].join('\n');
  });
}

function describeTable(table: string, columns: readonly Column[], rules: readonly Rule[]): string {
  const rows = columns.map(({ name, type, required, default_value: defaultValue }) =>
    row([code(name), type, required ? 'no' : 'yes', defaultValue === null ? '' : code(defaultValue)]),
  );
  const lines = [
    `## ${table}`,
    '',
    row(['Column', 'Type', 'Nullable', 'Default']),
    row(['---', '---', '---', '---']),
    ...rows,
    '',
    ...rules.map(({ definition }) => `- ${code(definition)}`),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}

function groupByTable<Item extends { table: string }>(items: readonly Item[]): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(item.table, [...(groups.get(item.table) ?? []), item]);
  return groups;
}

// Names are ordered by their bytes (collate "C"), because other orders depend on the server.

async function readColumns(kysely: Kysely<Tables>): Promise<readonly Column[]> {
  const { rows } = await sql<Column>`
    select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
           a.attnotnull as required, pg_get_expr(d.adbin, d.adrelid) as default_value
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relkind in ('r', 'p') and c.relnamespace = current_schema()::regnamespace
    order by c.relname collate "C", a.attnum
  `.execute(kysely);
  return rows;
}

async function readConstraints(kysely: Kysely<Tables>): Promise<readonly Rule[]> {
  const { rows } = await sql<Rule>`
    select c.relname as table, pg_get_constraintdef(k.oid) as definition
    from pg_constraint k
    join pg_class c on c.oid = k.conrelid
    where k.contype in ('p', 'f', 'u', 'c') and c.relnamespace = current_schema()::regnamespace
    order by c.relname collate "C", strpos('pfuc', k.contype::text), k.conname collate "C"
  `.execute(kysely);
  return rows;
}

/** Those that do not merely stand behind a constraint. */
async function readIndexes(kysely: Kysely<Tables>): Promise<readonly Rule[]> {
  const { rows } = await sql<Rule>`
    select c.relname as table, pg_get_indexdef(i.indexrelid) as definition
    from pg_index i
    join pg_class c on c.oid = i.indrelid
    join pg_class x on x.oid = i.indexrelid
    where c.relkind in ('r', 'p') and c.relnamespace = current_schema()::regnamespace
      and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
    order by c.relname collate "C", x.relname collate "C"
  `.execute(kysely);
  return rows;
}
