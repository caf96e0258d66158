// The file system calls behind durable PGlite directories.

import { open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isMissingFile, type WalFiles, type WalSegment } from './wal-sync.js';

const segmentName = /^[0-9A-F]{24}$/;

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

async function syncBelow(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true });
  await Promise.all(entries.filter((entry) => entry.isFile()).map((entry) => syncPath(join(directory, entry.name))));
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
