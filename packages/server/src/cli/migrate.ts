// `tollward migrate`: the schema of the database, changed when an operator says so and never by a start.

import type { Database } from '../platform/database/database.js';
import { migrate } from '../platform/database/migrate.js';
import { checkMigrations, type MigrationStatus, readMigration } from '../platform/database/migration-status.js';
import { type Cli, type CliContext, done, type Outcome } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { withOfflineDatabase } from './offline-database.js';
import { renderTable } from './text.js';

export function addMigrateCommand({ program, context, run }: Cli): void {
  const command = program.command('migrate').description('the schema of the database');

  command
    .command('up')
    .description('apply what is missing, all of it or nothing; servers of the version before keep running')
    .action(() =>
      run(async (load) => {
        const { applied, unknown } = await withOfflineDatabase(load().settings, bringUp, 'make');
        const what = applied.length === 0 ? 'There was nothing to apply.' : listed('Applied', applied);
        return done(unknown.length === 0 ? what : `${what}\n${listedUnknown(unknown)}`, { applied, unknown });
      }),
    );

  command
    .command('status')
    .description('show what was applied and what is missing; exit code 1 when something is')
    .action(() =>
      run(async (load) => {
        const status = await withOfflineDatabase(load().settings, (database) => checkMigrations(database));
        return describeStatus(status, context);
      }),
    );

  command
    .command('plan')
    .description('show what "migrate up" would apply, and change nothing')
    .option('--sql', 'with the statements')
    .action(({ sql = false }: { readonly sql?: boolean }) =>
      run(async (load) => {
        const { pending } = await withOfflineDatabase(load().settings, (database) => checkMigrations(database));
        if (!sql) return done(pending.length === 0 ? nothingPending : listed('Would apply', pending), { pending });
        const files = await Promise.all(pending.map(async (name) => ({ name, sql: await readMigration(name) })));
        const text = files.map((file) => `-- ${file.name}\n\n${file.sql.trimEnd()}`).join('\n\n');
        return done(files.length === 0 ? nothingPending : text, { pending: files });
      }),
    );
}

/** A newer schema without gaps is no fault: the program of the version before, with its units, is started on it again. */
async function bringUp(
  database: Database,
): Promise<Pick<MigrationStatus, 'unknown'> & { readonly applied: readonly string[] }> {
  const { pending, unknown } = await checkMigrations(database);
  if (pending.length === 0) return { applied: [], unknown };
  return { ...(await migrate(database)), unknown };
}

const nothingPending = 'Nothing is missing: the database has every migration of this version.';

function describeStatus({ applied, pending, unknown }: MigrationStatus, context: CliContext): Outcome {
  const rows = [
    ...applied.map(({ name, appliedAt }) => [
      name,
      `applied ${appliedAt.toISOString()}${unknown.includes(name) ? ', by a newer Tollward' : ''}`,
    ]),
    ...pending.map((name) => [name, 'missing']),
  ];
  const isCurrent = pending.length === 0;
  const summary = [
    ...(isCurrent ? [nothingPending] : []),
    ...(pending.length === 0 ? [] : [`${listed('Missing', pending)} "tollward migrate up" applies them.`]),
    ...(unknown.length === 0 ? [] : [listedUnknown(unknown)]),
  ].join('\n');
  return {
    exitCode: isCurrent ? exitCodes.ok : exitCodes.failure,
    output: {
      text: `${renderTable(['MIGRATION', 'STATE'], rows, context)}\n\n${summary}`,
      json: {
        applied: applied.map(({ name, appliedAt }) => ({ name, appliedAt: appliedAt.toISOString() })),
        pending,
        unknown,
      },
    },
  };
}

function listedUnknown(unknown: readonly string[]): string {
  return `${listed('Applied by a newer Tollward', unknown)} The version before it can be run on them.`;
}

function listed(what: string, names: readonly string[]): string {
  return `${what}: ${names.join(', ')}.`;
}
