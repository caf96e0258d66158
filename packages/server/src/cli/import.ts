// `tollward import`: an export into an empty, migrated database.

import { resolve } from 'node:path';
import type { Tx } from '../platform/database/database.js';
import { ImportError } from '../platform/database/database-errors.js';
import type { ExportProof } from '../platform/database/export-file.js';
import { type Imported, importData } from '../platform/database/import-data.js';
import { countSealedIn } from '../platform/database/sealed-values.js';
import { type MasterKey, MasterKeyError } from '../platform/keys/master-key.js';
import { type Cli, done, type Outcome } from './cli.js';
import { withOfflineDatabase } from './offline-database.js';
import { describeMissingKeys, openMasterKey, readMasterKeys } from './offline-master-key.js';
import { openSealedValues } from './offline-sealed-values.js';

export function addImportCommand({ program, context, run }: Cli): void {
  program
    .command('import')
    .description('fill an empty database from an export; "tollward migrate up" makes one')
    .argument('<file>', 'what "tollward export" wrote')
    .addHelpText(
      'after',
      '\nWith the master key configured, a file whose HMAC does not fit is refused. A file that was exported without the\n' +
        'master key has none: import it only if nobody could have changed it.',
    )
    .action((name: string) =>
      run(async (load) => {
        const { settings } = load();
        const path = resolve(context.workingDirectory, name);
        const masterKey = await openMasterKey(settings);
        const masterKeys = await readMasterKeys(settings);
        let opened: number | undefined;
        const imported = await withOfflineDatabase(settings, (database) =>
          importData(
            database,
            path,
            async (tx) => {
              if (masterKey !== undefined) opened = await openEverything(tx, masterKey);
            },
            masterKeys,
          ),
        );
        return describe(imported, opened);
      }),
    );
}

async function openEverything(tx: Tx, masterKey: MasterKey): Promise<number> {
  const missing = describeMissingKeys(masterKey, await countSealedIn(tx));
  if (missing !== undefined) {
    throw new ImportError(`${missing}. Configure the master key of the installation that was exported.`);
  }
  try {
    return await openSealedValues(tx, masterKey);
  } catch (error) {
    if (!(error instanceof MasterKeyError)) throw error;
    throw new ImportError(`the file was changed before it came here. ${error.message}`);
  }
}

const proofs: Readonly<Record<ExportProof, string>> = {
  verified: 'Its HMAC was made with the master key configured here: nobody without that key changed the file.',
  missing:
    'Warning: the file has no HMAC, because no master key was at hand when it was exported or because somebody took it away. ' +
    'Whoever could write to it could change all but the sealed values.',
  unchecked: 'Warning: the HMAC of the file was not checked. Whoever could write to it could change it.',
};

/** @param opened how many sealed values were opened; undefined without a master key */
function describe({ header, end, proof }: Imported, opened: number | undefined): Outcome {
  const text = [
    `Imported ${end.rows} rows of ${end.tables} tables, exported at ${header.exportedAt}.`,
    proofs[proof],
    opened === undefined
      ? 'No master key is configured here, so nobody knows yet whether the right one is at hand: "tollward doctor" tells, once it is.'
      : `The master key configured here opened every sealed value (${opened}).`,
  ].join('\n');
  const { exportedAt } = header;
  return done(text, { ...end, exportedAt, proof, masterKeyChecked: opened !== undefined });
}
