import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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
  return createMasterKeyFile(file);
}

/** The database is durable before it answers, so the key that opens it has to be on the disk before the first row. */
async function createMasterKeyFile(file: string): Promise<SecretValue> {
  const created = randomBytes(masterKeyBytes).toString('base64');
  const temporary = `${file}.${process.pid}`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(`${created}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  const directory = await open(dirname(file), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
  return new SecretValue(created);
}
