// What happened, one line of JSON for each unit of work, in a file that only grows. Each line carries a digest of itself and
// of the one before, so that a line that was changed, lost or moved is found at the next start.

import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { holdFile } from './hold-file.js';
import { changeSchema } from './state.js';

const entrySchema = z.object({ at: z.number(), lastId: z.number(), changes: z.array(changeSchema) });
export type JournalEntry = z.output<typeof entrySchema>;

export interface Journal {
  append(entry: JournalEntry): void;
  /** Resolves when all that was appended so far is on disk. Rejects from the first failure on, for ever. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export interface OpenedJournal {
  readonly journal: Journal;
  readonly entries: readonly JournalEntry[];
  /** Bytes of a last line that was not finished. They were never answered for, and are cut off. */
  readonly droppedBytes: number;
}

export class JournalError extends Error {
  override readonly name = 'JournalError';
}

/**
 * @param onFailure told when a line could not be written. What is in memory is then ahead of the file: only a new start helps
 * @throws JournalError when the file is damaged, in use, or belongs to another environment
 */
export async function openJournal(
  path: string,
  environment: string,
  onFailure: (error: unknown) => void,
): Promise<OpenedJournal> {
  const file = await open(path, 'a+', 0o600);
  const hold = await holdFile(path);
  try {
    if (hold === undefined) throw new JournalError(`${path} is in use by another simulator`);
    const { lines, droppedBytes } = await readLines(file, path);
    const { texts, check } = checkLines(lines, path);
    const header = JSON.stringify({ journal: 'tollward-simulator', version: 1, environment });
    if (texts.length > 0 && texts[0] !== header) {
      throw new JournalError(`${path} is not the journal of a simulator of this version for ${environment}`);
    }
    const entries = texts.slice(1).map((text) => z.decode(entrySchema, JSON.parse(text)));
    const { write, settled } = createWriter(file, check, onFailure);
    if (texts.length === 0) {
      write(header);
      await settled();
      await syncDirectory(dirname(path));
    }
    const append = (entry: JournalEntry): void => write(JSON.stringify(z.encode(entrySchema, entry)));
    const close = async (): Promise<void> => {
      try {
        await settled();
      } finally {
        await file.close();
        await hold.release();
      }
    };
    return { journal: { append, settled, close }, entries, droppedBytes };
  } catch (error) {
    await file.close();
    await hold?.release();
    throw error;
  }
}

/** Keeps nothing. */
export const noJournal: Journal = {
  append: () => undefined,
  settled: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

async function readLines(file: FileHandle, path: string): Promise<{ lines: string[]; droppedBytes: number }> {
  const bytes = await file.readFile();
  const complete = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
  const droppedBytes = bytes.length - complete.length;
  // Cut short, the first line still begins as one. Anything else is somebody's file.
  if (complete.length === 0 && droppedBytes > 0 && bytes[0] !== 0x7b)
    throw new JournalError(`${path} is no journal of a simulator`);
  if (droppedBytes > 0) await file.truncate(complete.length);
  return { lines: complete.toString().split('\n').slice(0, -1), droppedBytes };
}

const lineFormat = /^\{"check":"([0-9a-f]{16})","entry":(.*)\}$/;

function checkLines(lines: readonly string[], path: string): { texts: string[]; check: string } {
  let check = '';
  const texts = lines.map((line, index) => {
    const [, found, text = ''] = lineFormat.exec(line) ?? [];
    check = digest(check, text);
    if (found === check) return text;
    throw new JournalError(`${path}:${index + 1}: this line was changed, or one before it is missing`);
  });
  return { texts, check };
}

function createWriter(file: FileHandle, lastCheck: string, onFailure: (error: unknown) => void) {
  let check = lastCheck;
  let pending: string[] = [];
  let settled: Promise<void> = Promise.resolve();

  const writePending = async (): Promise<void> => {
    const lines = pending;
    pending = [];
    await file.appendFile(lines.join(''));
    await file.datasync();
  };
  const write = (text: string): void => {
    check = digest(check, text);
    pending.push(`{"check":"${check}","entry":${text}}\n`);
    // Lines that come while an earlier batch is on its way wait for it, and then go together with one sync.
    if (pending.length > 1) return;
    settled = settled.then(writePending);
    settled.catch(onFailure);
  };
  return { write, settled: () => settled };
}

function digest(previous: string, text: string): string {
  return createHash('sha256').update(previous).update(text).digest('hex').slice(0, 16);
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
