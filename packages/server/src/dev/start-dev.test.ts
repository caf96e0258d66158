import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadSettings, SettingsError } from '../platform/config/load-settings.js';
import { startDev } from './start-dev.js';

async function refuse(given: Readonly<Record<string, string>>) {
  const parent = await mkdtemp(join(tmpdir(), 'start-dev-'));
  onTestFinished(() => rm(parent, { recursive: true }));
  const variables = { TOLLWARD_DATA_DIR: join(parent, 'data'), ...given };
  const loaded = loadSettings({ flags: {}, variables, workingDirectory: parent });
  const fault: unknown = await startDev(loaded).then(
    () => 'it started',
    (error: unknown) => error,
  );
  return { fault, made: await readdir(parent) };
}

test.each([
  [
    'a policy of the sandbox that can not be used',
    { TOLLWARD_SANDBOX_POLICY: 'version: 7' },
    'TOLLWARD_SANDBOX_POLICY:1:10: ',
  ],
  ['one of production', { TOLLWARD_PRODUCTION_POLICY: 'routes: 1' }, 'TOLLWARD_PRODUCTION_POLICY:1:9: '],
  [
    'an upstream with a query',
    { TOLLWARD_SANDBOX_UPSTREAM: 'http://money.internal?a=b' },
    'TOLLWARD_SANDBOX_UPSTREAM must end before',
  ],
  ['one environment alone', { TOLLWARD_ENVIRONMENT: 'sandbox' }, 'TOLLWARD_ENVIRONMENT is for "tollward serve"'],
])('%s is refused before anything is made', async (_, given, problem) => {
  const { fault, made } = await refuse(given);
  expect(fault).toBeInstanceOf(SettingsError);
  expect(fault).toMatchObject({ problems: expect.arrayContaining([expect.stringContaining(problem)]) });
  expect(made).toEqual([]);
});
