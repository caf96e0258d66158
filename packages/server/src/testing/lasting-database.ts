import { readdir } from 'node:fs/promises';
import type { Database } from '../platform/database/database.js';
import { openPglite } from '../platform/database/pglite.js';
import { migratedImage } from './database.js';

/** The database of a directory, made there when it is empty: what a server finds again after a restart. The caller closes it. */
export async function openDatabaseIn(directory: string): Promise<Database> {
  const isEmpty = (await readdir(directory)).length === 0;
  return openPglite({ directory, ...(isEmpty ? { loadFrom: await migratedImage() } : {}) });
}
