// A file for something that can not be had a second time. It is opened before that is asked for, because a folder that can
// not be written to is found out too late afterwards.

import { type FileHandle, open, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { failed, type Outcome } from './cli.js';
import { exitCodes } from './exit-codes.js';

export interface NewFile {
  readonly path: string;
  /** Writes a part that is not the last one. Throws what the system says; then `discard` it. */
  readonly append: (content: string) => Promise<void>;
  /** @returns why it could not be written, and is not there; undefined when it was */
  readonly write: (content: string) => Promise<string | undefined>;
  /** Removes it: nothing will be written. */
  readonly discard: () => Promise<void>;
}

export type OpenedFile =
  | { readonly ok: true; readonly file: NewFile }
  | { readonly ok: false; readonly outcome: Outcome };

/**
 * @param undone what did not happen when the file can not be made, as a sentence
 * @param out what the option --out of the command names
 */
export async function openNewFile(
  workingDirectory: string,
  name: string,
  undone: string,
  out: 'file' | 'folder' = 'file',
): Promise<OpenedFile> {
  const path = resolve(workingDirectory, name);
  let handle: FileHandle;
  try {
    handle = await open(path, 'wx', 0o600);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    if (code === 'EEXIST') {
      const message = `${path} exists and is not overwritten. Name another ${out} with --out. ${undone}`;
      return { ok: false, outcome: failed(exitCodes.conflict, message) };
    }
    return { ok: false, outcome: failed(exitCodes.failure, `${path} can not be written (${code}). ${undone}`) };
  }
  const discard = async (): Promise<void> => {
    await handle.close();
    await rm(path, { force: true });
  };
  const write = async (content: string): Promise<string | undefined> => {
    try {
      await handle.writeFile(content);
      await handle.sync();
      await handle.close();
      return undefined;
    } catch (error) {
      // Why it could not be written is what has to be said, whether or not what is left of it can be removed.
      await discard().catch(() => undefined);
      return error instanceof Error ? error.message : 'unknown reason';
    }
  };
  const append = (content: string): Promise<void> => handle.writeFile(content);
  return { ok: true, file: { path, append, write, discard } };
}
