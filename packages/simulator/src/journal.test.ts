// What survives: journals that were cut off, damaged, shared or left by another simulator.

import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type JournalEntry, JournalError, openJournal } from './journal.js';

const quiet = () => undefined;

async function aPath(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'simulator-journal-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return join(directory, 'journal.jsonl');
}

const entry = (id: number): JournalEntry => ({
  at: 1_000 + id,
  lastId: id,
  changes: [
    {
      put: 'posting',
      record: {
        id,
        at: 1_000 + id,
        kind: 'topup',
        subject: id,
        quoteId: null,
        entries: [
          { account: 'outside', currency: 'EUR', minorUnits: -(10n ** 20n) },
          { account: 'balance/1', currency: 'EUR', minorUnits: 10n ** 20n },
        ],
      },
    },
  ],
});

async function written(path: string, ...entries: readonly JournalEntry[]): Promise<void> {
  const { journal } = await openJournal(path, 'sandbox', quiet);
  for (const one of entries) journal.append(one);
  await journal.settled();
  await journal.close();
}

async function reopened(path: string, environment = 'sandbox') {
  const opened = await openJournal(path, environment, quiet);
  await opened.journal.close();
  return opened;
}

describe('the journal', () => {
  it('[SIM-10] gives back what was settled, in order, with numbers of any size', async () => {
    const path = await aPath();
    await written(path, entry(1), entry(2));
    await written(path, entry(3));
    const { entries, droppedBytes } = await reopened(path);
    expect(entries).toEqual([entry(1), entry(2), entry(3)]);
    expect(droppedBytes).toBe(0);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('[SIM-11] drops a last line that was not finished, wherever it was cut, and goes on after it', async () => {
    const path = await aPath();
    await written(path, entry(1), entry(2));
    const whole = await readFile(path);
    const lastLine = whole.lastIndexOf('\n', whole.length - 2) + 1;
    for (let cut = lastLine + 1; cut < whole.length; cut += 7) {
      await writeFile(path, whole.subarray(0, cut));
      const { entries, droppedBytes } = await reopened(path);
      expect(entries).toEqual([entry(1)]);
      expect(droppedBytes).toBe(cut - lastLine);
    }
    await written(path, entry(3));
    expect((await reopened(path)).entries).toEqual([entry(1), entry(3)]);
  });

  it('[SIM-12] refuses to start from a file with a line that was changed, lost, moved or put in', async () => {
    const path = await aPath();
    await written(path, entry(1), entry(2), entry(3));
    const whole = await readFile(path, 'utf8');
    const [header = '', first = '', second = '', third = ''] = whole.split('\n');
    const damaged = [
      [header, first.replace('"subject":1', '"subject":9'), second, third],
      [header, second, third],
      [header, second, first, third],
      [header, first, first, second, third],
      [header, first, '', second, third],
      [first, second, third],
      [header, first, second, third.slice(0, 40)],
      [header, first, second.slice(0, 20) + '\0'.repeat(30) + second.slice(50), third],
    ];
    for (const lines of damaged) {
      await writeFile(path, `${lines.join('\n')}\n`);
      await expect(openJournal(path, 'sandbox', quiet)).rejects.toThrow(JournalError);
    }
    await writeFile(path, whole);
    expect((await reopened(path)).entries).toHaveLength(3);
  });

  it('refuses the journal of the other environment, and a file that is none', async () => {
    const path = await aPath();
    await written(path);
    await expect(openJournal(path, 'production', quiet)).rejects.toThrow(/production/);
    await writeFile(path, 'hello\n');
    await expect(openJournal(path, 'sandbox', quiet)).rejects.toThrow(/:1:/);
    expect(await readFile(path, 'utf8')).toBe('hello\n');
  });

  it.runIf(process.platform === 'linux')('[SIM-13] is written by one simulator at a time', async () => {
    const path = await aPath();
    const { journal } = await openJournal(path, 'sandbox', quiet);
    await appendFile(path, 'half a li');
    await expect(openJournal(path, 'sandbox', quiet)).rejects.toThrow(/in use/);
    // Whoever came too late cut nothing off.
    expect(await readFile(path, 'utf8')).toMatch(/half a li$/);
    await journal.close();
    expect((await reopened(path)).droppedBytes).toBe(9);
  });

  it('[SIM-14] writes what comes together in one go, and settles when it is there', async () => {
    const path = await aPath();
    const { journal } = await openJournal(path, 'sandbox', quiet);
    for (let id = 1; id <= 100; id += 1) journal.append(entry(id));
    await journal.settled();
    const lines = (await readFile(path, 'utf8')).split('\n');
    expect(lines).toHaveLength(102);
    await journal.close();
  });

  it('[SIM-14] answers for nothing any more after a write that failed', async () => {
    const failures: unknown[] = [];
    const { journal } = await openJournal(await aPath(), 'sandbox', (error) => failures.push(error));
    await journal.close();
    journal.append(entry(1));
    await expect(journal.settled()).rejects.toThrow();
    journal.append(entry(2));
    await expect(journal.settled()).rejects.toThrow();
    expect(failures.length).toBeGreaterThan(0);
  });
});
