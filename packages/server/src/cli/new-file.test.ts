import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type NewFile, openNewFile } from './new-file.js';

describe('a new file', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tollward-new-file-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const opened = async (): Promise<NewFile> => {
    const result = await openNewFile(folder, 'new', 'Nothing was made.');
    if (!result.ok) throw new Error(result.outcome.problem?.message);
    return result.file;
  };

  it('has what was written to it', async () => {
    expect(await (await opened()).write('content')).toBeUndefined();
    expect(await readFile(join(folder, 'new'), 'utf8')).toBe('content');
  });

  it('is gone when it was given up, once or twice', async () => {
    const file = await opened();
    await file.discard();
    await file.discard();
    expect(await readdir(folder)).toEqual([]);
  });

  it('is gone when it could not be written, and the reason is told', async () => {
    const file = await opened();
    await file.write('content');
    // It is closed by now, so writing fails as it does on a full disk.
    expect(await file.write('more')).toMatch(/./);
    expect(await readdir(folder)).toEqual([]);
  });

  it.each(['file', 'folder'] as const)('takes the place of no other, and says to name another %s', async (out) => {
    await writeFile(join(folder, 'new'), 'kept');
    const result = await openNewFile(folder, 'new', 'Nothing was made.', out);
    const message = expect.stringMatching(
      `exists and is not overwritten. Name another ${out} with --out. Nothing was made.`,
    );
    expect(result).toMatchObject({ ok: false, outcome: { exitCode: 5, problem: { message } } });
    expect(await readFile(join(folder, 'new'), 'utf8')).toBe('kept');
  });
});
