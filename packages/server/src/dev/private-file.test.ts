import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writePrivateFile } from './private-file.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'private-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('a private file is for its owner only, also where one lay that others could read', async () => {
  const file = join(directory, 'file');
  await writeFile(file, 'earlier', { mode: 0o666 });
  await writePrivateFile(file, 'secret');
  expect(await readFile(file, 'utf8')).toBe('secret');
  expect((await lstat(file)).mode & 0o777).toBe(0o600);
  expect(await readdir(directory), 'and nothing is left beside it').toEqual(['file']);
});

test('a private file is not written to where a symbolic link leads', async () => {
  const elsewhere = join(directory, 'elsewhere');
  await writeFile(elsewhere, 'kept');
  await symlink(elsewhere, join(directory, 'file'));
  await writePrivateFile(join(directory, 'file'), 'secret');
  expect(await readFile(elsewhere, 'utf8')).toBe('kept');
  expect((await lstat(join(directory, 'file'))).isSymbolicLink()).toBe(false);
});

test('a private file that can not take its place leaves no copy of the secret behind', async () => {
  await mkdir(join(directory, 'folder'));
  await expect(writePrivateFile(join(directory, 'folder'), 'secret')).rejects.toThrow();
  expect(await readdir(directory)).toEqual(['folder']);
});
