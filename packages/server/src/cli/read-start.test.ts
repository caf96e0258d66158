import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../testing/cli.js';
import { readStart } from './read-start.js';

const most = 65_537;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'start-'));
});
afterAll(() => rm(directory, { recursive: true }));

describe('the start of an input', () => {
  it.each([0, 1, most - 1, most])('is all of it, of %i bytes', async (length) => {
    const bytes = Buffer.alloc(length, 'abc');
    const file = join(directory, String(length));
    await writeFile(file, bytes);
    expect(Buffer.compare(await readStart(createReadStream(file)), bytes)).toBe(0);
  });

  it('is put together from the pieces of a pipe', async () => {
    const pieces = Readable.from([Buffer.from('-----BEG'), Buffer.from('IN'), Buffer.alloc(0), Buffer.from(' X')]);
    expect(Buffer.from(await readStart(pieces)).toString()).toBe('-----BEGIN X');
  });

  it('is cut one byte after 64 KiB, and nothing more is read of what has no end', async () => {
    let given = 0;
    let closed = false;
    async function* endless() {
      try {
        for (;;) {
          given += 10_000;
          yield Buffer.alloc(10_000, 'x');
        }
      } finally {
        closed = true;
      }
    }
    expect(await readStart(endless())).toHaveLength(most);
    expect({ given, closed }).toEqual({ given: 70_000, closed: true });
  });
});

// As main.ts hands it over; the end of what is endless is then up to the commands.
const zeros = () => Promise.resolve('\0'.repeat(most));

describe('a command that is given more than 64 KiB', () => {
  it.each([
    ['certs inspect from standard input', ['certs', 'inspect', '-']],
    ['certs inspect from a file', ['certs', 'inspect', '/dev/zero']],
    ['token inspect from standard input', ['token', 'inspect']],
    ['token inspect from a file', ['token', 'inspect', '--file', '/dev/zero']],
  ])('ends with 2, and asks no server: %s', async (_what, words) => {
    expect(await runCli(words, { readInput: zeros, workingDirectory: directory })).toMatchObject({
      exitCode: 2,
      out: '',
    });
  });
});
