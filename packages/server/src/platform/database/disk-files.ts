// The file system calls behind durable PGlite directories.

import { chmod, open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isMissingFile, type WalFiles, type WalSegment } from './wal-sync.js';

const segmentName = /^[0-9A-F]{24}$/;
const othersBits = 0o077;

export function walFilesOf(dataDirectory: string): WalFiles {
  const directory = join(dataDirectory, 'pg_wal');
  return {
    async list() {
      const names = (await readdir(directory)).filter((name) => segmentName.test(name));
      const segments = await Promise.all(
        names.map(async (name) => ({ name, modifiedAt: await modifiedAtOf(join(directory, name)) })),
      );
      return segments.filter((segment): segment is WalSegment => segment.modifiedAt !== undefined);
    },
    async sync(name) {
      const file = await open(join(directory, name), 'r+');
      try {
        await file.datasync();
      } finally {
        await file.close();
      }
    },
    syncDirectory: () => syncPath(directory),
  };
}

/** Undefined when the file went away since its directory was read. */
async function modifiedAtOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw error;
  }
}

/** Writes every file below the directory, and all the names, to the disk. */
export async function syncTree(directory: string): Promise<void> {
  await syncBelow(directory);
  await syncPath(dirname(directory));
}

/** A directory of PGlite holds hundreds of files, and others need file descriptors too. */
const openAtOnce = 16;

async function syncBelow(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(directory, entry.name));
  for (let start = 0; start < files.length; start += openAtOnce) {
    await Promise.all(files.slice(start, start + openAtOnce).map(syncPath));
  }
  for (const entry of entries) {
    if (entry.isDirectory()) await syncBelow(join(directory, entry.name));
  }
  await syncPath(directory);
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** PGlite makes its files for everybody. They lie below a directory of their owner, and this is the second lock. */
export async function keepToOwner(directory: string): Promise<void> {
  const { mode } = await stat(join(directory, 'PG_VERSION'));
  if ((mode & othersBits) === 0) return;
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o700 : 0o600);
  }
}
