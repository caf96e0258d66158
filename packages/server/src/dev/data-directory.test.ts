import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SettingsError } from '../platform/config/load-settings.js';
import { MasterKeyError } from '../platform/keys/master-key.js';
import { loadOrCreateMasterKey, prepareDataDirectory } from './data-directory.js';

let parent: string;
let dataDir: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'data-directory-'));
  dataDir = join(parent, 'data');
});
afterEach(() => rm(parent, { recursive: true }));

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
const somebodyElse = 4_294_967_000;

describe('the data directory', () => {
  test('is made for its owner only, and closed when it was open and empty', async () => {
    await prepareDataDirectory(dataDir);
    expect(await modeOf(dataDir)).toBe(0o700);
    await chmod(dataDir, 0o777);
    await prepareDataDirectory(dataDir);
    expect(await modeOf(dataDir)).toBe(0o700);
  });

  test('is taken with what is in it when it was closed to others', async () => {
    await prepareDataDirectory(dataDir);
    await writeFile(join(dataDir, 'config.json'), '{}');
    await expect(prepareDataDirectory(dataDir)).resolves.toBeUndefined();
  });

  test.each([0o777, 0o755, 0o710])('is refused with what is in it when it was open to others (%o)', async (mode) => {
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'master.key'), 'planted');
    await chmod(dataDir, mode);
    for (const attempt of ['the first', 'and any later one']) {
      const refused = prepareDataDirectory(dataDir);
      await expect(refused, attempt).rejects.toThrow(SettingsError);
      await expect(refused).rejects.toThrow(`chmod 0700 '${dataDir}'`);
      expect(await modeOf(dataDir)).toBe(mode);
    }
  });

  test('is refused when it belongs to another user', async () => {
    await mkdir(dataDir, { mode: 0o700 });
    const refused = prepareDataDirectory(dataDir, somebodyElse);
    await expect(refused).rejects.toThrow(SettingsError);
    await expect(refused).rejects.toThrow(`${dataDir} belongs to another user`);
  });
});

describe('the master key', () => {
  beforeEach(() => mkdir(dataDir, { mode: 0o700 }));

  test('is made once, for its owner only, and read again', async () => {
    const made = await loadOrCreateMasterKey(dataDir, undefined);
    expect(Buffer.from(made.reveal(), 'base64')).toHaveLength(32);
    expect(await modeOf(join(dataDir, 'master.key'))).toBe(0o600);
    expect((await loadOrCreateMasterKey(dataDir, undefined)).reveal()).toBe(made.reveal());
    expect(await readdir(dataDir)).toEqual(['master.key']);
  });

  test('of the settings goes before the one in the directory, and leaves no file', async () => {
    expect((await loadOrCreateMasterKey(dataDir, 'configured')).reveal()).toBe('configured');
    expect(await readdir(dataDir)).toEqual([]);
  });

  test.each([0o644, 0o640, 0o602])('is refused when it is open to others (%o), and not repeated', async (mode) => {
    const file = join(dataDir, 'master.key');
    await writeFile(file, 'planted-key');
    await chmod(file, mode);
    const refused = await loadOrCreateMasterKey(dataDir, undefined).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(MasterKeyError);
    expect(String(refused)).toContain(`chmod 0600 '${file}'`);
    expect(String(refused)).not.toContain('planted-key');
    expect(await readFile(file, 'utf8')).toBe('planted-key');
  });

  test('is refused when it belongs to another user', async () => {
    const file = join(dataDir, 'master.key');
    await writeFile(file, 'planted-key', { mode: 0o600 });
    const refused = loadOrCreateMasterKey(dataDir, undefined, somebodyElse);
    await expect(refused).rejects.toThrow(MasterKeyError);
    await expect(refused).rejects.toThrow(`${file} belongs to another user`);
  });
});
