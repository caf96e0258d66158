import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SettingsError } from '../platform/config/load-settings.js';
import { MasterKeyError, masterKeyBytes } from '../platform/keys/master-key.js';
import { SecretValue } from '../platform/secret-value.js';
import { writePrivateFile } from './private-file.js';

/** Systems without users have neither owners nor modes to look at. */
const thisUser = process.getuid?.();
const othersBits = 0o077;

/**
 * Makes the data directory, for its owner only. One that others could write into is not believed: a database or key that
 * they put there would make every secret of this start theirs.
 *
 * @throws SettingsError when it belongs to another user, or was open to others and has content
 */
export async function prepareDataDirectory(dataDir: string, user: number | undefined = thisUser): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const { uid, mode } = await stat(dataDir);
  if (user === undefined || (uid === user && (mode & othersBits) === 0)) return;
  if (uid !== user) {
    throw new SettingsError([
      `The data directory ${dataDir} belongs to another user (${uid}). Choose another one with --data-dir.`,
    ]);
  }
  // Closed before the look into it: what comes later is ours.
  await chmod(dataDir, 0o700);
  if ((await readdir(dataDir)).length === 0) return;
  // Open as it was, so that a second try does not take it for checked.
  await chmod(dataDir, mode & 0o7777);
  throw new SettingsError([
    `The data directory ${dataDir} is open to others (mode ${octal(mode)}), and they may have put files into it or read them. ` +
      `If everything in it is yours, close it and start again: chmod 0700 '${dataDir}'`,
  ]);
}

/**
 * The master key of the settings, else the one in the data directory, else a new one there.
 *
 * @throws MasterKeyError when the file belongs to another user or is open to others
 */
export async function loadOrCreateMasterKey(
  dataDir: string,
  configured: string | undefined,
  user: number | undefined = thisUser,
): Promise<SecretValue> {
  return (await loadMasterKey(dataDir, configured, user)) ?? createMasterKeyFile(masterKeyFile(dataDir));
}

/**
 * The master key of the settings, else the one in the data directory, if there is one.
 *
 * @throws MasterKeyError as loadOrCreateMasterKey does
 */
export async function loadMasterKey(
  dataDir: string,
  configured: string | undefined,
  user: number | undefined = thisUser,
): Promise<SecretValue | undefined> {
  return configured === undefined ? readMasterKeyFile(masterKeyFile(dataDir), user) : new SecretValue(configured);
}

function masterKeyFile(dataDir: string): string {
  return join(dataDir, 'master.key');
}

async function readMasterKeyFile(file: string, user: number | undefined): Promise<SecretValue | undefined> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return undefined;
  try {
    const { uid, mode } = await handle.stat();
    if (user !== undefined && uid !== user) {
      throw new MasterKeyError(
        `The master key ${file} belongs to another user (${uid}). Put the key of this data there, as a file of your own.`,
      );
    }
    if (user !== undefined && (mode & othersBits) !== 0) {
      throw new MasterKeyError(
        `The master key ${file} is open to others (mode ${octal(mode)}), who may have read or replaced it. ` +
          `If it is still yours alone, close it and start again: chmod 0600 '${file}'`,
      );
    }
    return new SecretValue((await handle.readFile('utf8')).trim());
  } finally {
    await handle.close();
  }
}

function octal(mode: number): string {
  return `0${(mode & 0o777).toString(8)}`;
}

/** The database is durable before it answers, so the key that opens it has to be on the disk before the first row. */
async function createMasterKeyFile(file: string): Promise<SecretValue> {
  const created = randomBytes(masterKeyBytes).toString('base64');
  await writePrivateFile(file, `${created}\n`);
  const directory = await open(dirname(file), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
  return new SecretValue(created);
}
