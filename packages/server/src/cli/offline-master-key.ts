// The master keys that a command without a server has at hand, and what they are worth for a database.

import { loadMasterKey } from '../dev/data-directory.js';
import type { Settings } from '../platform/config/settings.js';
import type { SealedCounts } from '../platform/database/sealed-values.js';
import {
  createMasterKey,
  describeConfigured,
  type MasterKey,
  type ParsedMasterKey,
  parseMasterKey,
} from '../platform/keys/master-key.js';
import { SecretValue } from '../platform/secret-value.js';

/**
 * Undefined when none is configured and none lies in the data directory.
 *
 * @throws MasterKeyError when one of them can not be used
 */
export async function openMasterKey({ dataDir, masterKey, otherMasterKey }: Settings): Promise<MasterKey | undefined> {
  const main = await loadMasterKey(dataDir, masterKey);
  if (main === undefined) return undefined;
  return createMasterKey(main, otherMasterKey === undefined ? undefined : new SecretValue(otherMasterKey));
}

/**
 * The main one and then the other one, as far as they are configured or lie in the data directory.
 *
 * @throws MasterKeyError as openMasterKey does
 */
export async function readMasterKeys(settings: Settings): Promise<readonly ParsedMasterKey[]> {
  const { dataDir, masterKey, otherMasterKey } = settings;
  const main = await loadMasterKey(dataDir, masterKey);
  if (main === undefined) return [];
  const keys = [parseMasterKey(main, 'The master key')];
  if (otherMasterKey !== undefined) keys.push(parseMasterKey(new SecretValue(otherMasterKey), 'The other master key'));
  return keys;
}

/** Which sealed values the keys at hand do not open, as a sentence; undefined when they open all. */
export function describeMissingKeys(masterKey: MasterKey, counts: SealedCounts): string | undefined {
  const missing = [...counts].filter(([id]) => id !== masterKey.id && id !== masterKey.otherId);
  if (missing.length === 0) return undefined;
  const needed = missing.map(([id, count]) => `master key ${id} (${count})`).join(' and ');
  return `there are values sealed by ${needed}, ${describeConfigured(masterKey)}`;
}
