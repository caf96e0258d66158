import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { decideMaximumConnections, readOpenFileLimit } from './maximum-connections.js';

test.each([
  ['shares what the database and the log leave', 4_512, 1_000],
  ['keeps half for them where there is little', 400, 50],
  ['is bounded where nothing else is', 1_048_576, 10_000],
  ['is careful where nobody says', undefined, 1_000],
])('a listener of four %s', (_case, openFiles, connections) => {
  expect(decideMaximumConnections(openFiles, 4)).toBe(connections);
});

test('the limit of open files is the one in force now, and unknown where it can not be read', () => {
  const directory = mkdtempSync(join(tmpdir(), 'limits-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const read = (text: string) => {
    const file = join(directory, 'limits');
    writeFileSync(file, text);
    return readOpenFileLimit(file);
  };
  const head = 'Limit                     Soft Limit           Hard Limit           Units     \n';
  expect(
    read(
      `${head}Max processes 7 7 processes\nMax open files            1024                 524288               files\n`,
    ),
  ).toBe(1_024);
  expect(read(`${head}Max open files            unlimited            unlimited            files\n`)).toBeUndefined();
  expect(read('something else')).toBeUndefined();
  expect(readOpenFileLimit(join(directory, 'missing'))).toBeUndefined();
});
