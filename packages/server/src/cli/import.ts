// `tollward import`: an export into an empty, migrated database.

import { resolve } from 'node:path';
import type { Tx } from '../platform/database/database.js';
import { ImportError } from '../platform/database/database-errors.js';
import { type Imported, importData } from '../platform/database/import-data.js';
import { countSealedIn } from '../platform/database/sealed-values.js';
import type { MasterKey } from '../platform/keys/master-key.js';
import { type Cli, done, type Outcome } from './cli.js';
import { withOfflineDatabase } from './offline-database.js';
import { describeMissingKeys, openMasterKey } from './offline-master-key.js';

export function addImportCommand({ program, context, run }: Cli): void {
  program
    .command('import')
    .description('fill an empty database from an export; "tollward migrate up" makes one')
    .argument('<file>', 'what "tollward export" wrote')
    .action((name: string) =>
      run(async (load) => {
        const { settings } = load();
        const path = resolve(context.workingDirectory, name);
        const masterKey = await openMasterKey(settings);
        const imported = await withOfflineDatabase(settings, (database) =>
          importData(database, path, (tx) => assertOpens(tx, masterKey)),
        );
        return describe(imported, masterKey);
      }),
    );
}

/** Without a master key here there is nothing to compare, and the outcome says so. */
async function assertOpens(tx: Tx, masterKey: MasterKey | undefined): Promise<void> {
  if (masterKey === undefined) return;
  const missing = describeMissingKeys(masterKey, await countSealedIn(tx));
  if (missing === undefined) return;
  throw new ImportError(`${missing}. Configure the master key of the installation that was exported.`);
}

function describe({ header, end }: Imported, masterKey: MasterKey | undefined): Outcome {
  const text = [
    `Imported ${end.rows} rows of ${end.tables} tables, exported at ${header.exportedAt}.`,
    masterKey === undefined
      ? 'No master key is configured here, so nobody knows yet whether the right one is at hand: "tollward doctor" tells, once it is.'
      : 'The master key configured here opens everything that is sealed.',
  ].join('\n');
  return done(text, { ...end, exportedAt: header.exportedAt, masterKeyChecked: masterKey !== undefined });
}
