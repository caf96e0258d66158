import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { masterKeyBytes } from '../platform/keys/master-key.js';
import { SecretValue } from '../platform/secret-value.js';

/** Makes the data directory readable for its owner only. */
export async function prepareDataDirectory(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  // mkdir leaves a directory that was there as it was.
  await chmod(dataDir, 0o700);
}

/** The master key of the settings, else the one in the data directory, else a new one there. */
export async function loadOrCreateMasterKey(dataDir: string, configured: string | undefined): Promise<SecretValue> {
  if (configured !== undefined) return new SecretValue(configured);
  const file = join(dataDir, 'master.key');
  try {
    return new SecretValue((await readFile(file, 'utf8')).trim());
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  const created = randomBytes(masterKeyBytes).toString('base64');
  // 'wx': a second process that got here first keeps its key.
  await writeFile(file, `${created}\n`, { mode: 0o600, flag: 'wx' });
  return new SecretValue(created);
}
