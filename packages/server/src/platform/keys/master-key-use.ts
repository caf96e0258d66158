// Which master key sealed what is there: what has to be configured to start, and when a key is not needed any more.

import type { Database } from '../database/database.js';
import { countSealedValues } from '../database/sealed-values.js';
import { describeConfigured, type MasterKey, MasterKeyError } from './master-key.js';

export interface MasterKeyUse {
  readonly id: string;
  /** `main` seals, `other` only opens, `missing` is not configured here. */
  readonly role: 'main' | 'other' | 'missing';
  /** How many values in the database it sealed. */
  readonly values: number;
}

export async function listMasterKeyUses(
  database: Database,
  { id, otherId }: MasterKey,
): Promise<readonly MasterKeyUse[]> {
  const counts = await countSealedValues(database);
  const configured = otherId === null ? [id] : [id, otherId];
  const missing = [...counts.keys()].filter((each) => !configured.includes(each)).sort();
  return [...configured, ...missing].map((each) => ({
    id: each,
    role: each === id ? 'main' : each === otherId ? 'other' : 'missing',
    values: counts.get(each) ?? 0,
  }));
}

/**
 * Before a process reads or seals anything: with a wrong master key it would seal what nobody else can open.
 *
 * @throws MasterKeyError when something in the database was sealed by a master key that is not configured
 */
export async function assertMasterKeyFits(database: Database, masterKey: MasterKey): Promise<void> {
  const missing = (await listMasterKeyUses(database, masterKey)).find(({ role }) => role === 'missing');
  if (missing === undefined) return;
  throw new MasterKeyError(
    `${missing.values} values in the database were sealed by master key ${missing.id}, ${describeConfigured(masterKey)}. ` +
      'Configure the master key this data was made with.',
  );
}
