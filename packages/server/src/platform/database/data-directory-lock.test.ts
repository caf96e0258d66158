import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { lockDataDirectory } from './data-directory-lock.js';
import { DataDirectoryInUseError } from './database-errors.js';

// The compiled twin of the file under test, because a plain node process can not run TypeScript.
const compiled = new URL('../../../dist/platform/database/data-directory-lock.js', import.meta.url);

// 'darwin' stands for every platform without abstract sockets; path sockets work on Linux too.
describe.each(['linux', 'darwin'] as const)('the lock on a data directory (%s)', (platform) => {
  let parent: string;
  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), 'tollward-lock-'));
  });
  afterAll(() => rm(parent, { recursive: true }));

  test('refuses a second holder by name until the first lets go', async () => {
    const directory = join(parent, 'one');
    const lock = await lockDataDirectory(directory, platform);
    const refused = lockDataDirectory(directory, platform);
    await expect(refused).rejects.toThrow(DataDirectoryInUseError);
    await expect(refused).rejects.toThrow(`${directory} is in use: another Tollward process is running on it`);
    if (platform === 'linux') {
      await expect(refused, 'names without a file can be bound by anybody').rejects.toThrow(
        /a process of another user may hold .*"ss -xlp \| grep tollward-[0-9a-f]{64}"/,
      );
    }
    await lock.release();
    const again = await lockDataDirectory(directory, platform);
    await again.release();
  });

  test('is the same under another name of the directory, and another for another directory', async () => {
    const directory = join(parent, 'real');
    const lock = await lockDataDirectory(directory, platform);
    await symlink(directory, join(parent, 'alias'));
    await expect(lockDataDirectory(join(parent, 'alias'), platform)).rejects.toThrow(DataDirectoryInUseError);
    const other = await lockDataDirectory(join(parent, 'other'), platform);
    await other.release();
    await lock.release();
  });

  test.runIf(process.platform !== 'win32')('is freed by kill -9 of the process that holds it', async () => {
    expect(existsSync(compiled), 'run "npx tsc -b" first').toBe(true);
    const directory = join(parent, 'killed');
    const script = `
      const { lockDataDirectory } = await import(process.argv[1]);
      await lockDataDirectory(process.argv[2], process.argv[3]);
      process.stdout.write('locked');
      setInterval(() => {}, 1000);`;
    const child = spawn(
      process.execPath,
      ['--input-type=module', '--eval', script, compiled.href, directory, platform],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const exited = once(child, 'exit');
    try {
      expect(String((await once(child.stdout, 'data'))[0])).toBe('locked');
      await expect(lockDataDirectory(directory, platform)).rejects.toThrow(DataDirectoryInUseError);
    } finally {
      child.kill('SIGKILL');
    }
    expect(await exited).toEqual([null, 'SIGKILL']);
    const lock = await lockDataDirectory(directory, platform);
    await lock.release();
  });
});

test('a failure to bind for another reason is not mistaken for a held lock', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tollward-lock-'));
  vi.stubEnv('TMPDIR', join(directory, 'missing'));
  const failed = await lockDataDirectory(join(directory, 'data'), 'darwin').catch((error: unknown) => error);
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
  expect(failed).toBeInstanceOf(Error);
  expect(failed).not.toBeInstanceOf(DataDirectoryInUseError);
});
