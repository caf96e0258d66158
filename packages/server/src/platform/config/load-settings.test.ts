import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadSettings, SettingsError, type SettingsInput } from './load-settings.js';
import { settingNames, variableName } from './settings.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tollward-settings-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

function load({ flags = {}, variables = {} }: Partial<SettingsInput> = {}) {
  return loadSettings({ flags: { dataDir: directory, ...flags }, variables, workingDirectory: directory });
}

function problemsOf(input: Partial<SettingsInput>): readonly string[] {
  try {
    load(input);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('the order of the sources', () => {
  test('is command line, environment or file, config.json, default', () => {
    expect(load()).toMatchObject({ settings: { host: '127.0.0.1' }, sources: { host: 'default' } });

    write('config.json', '{"host": "from-config"}');
    expect(load()).toMatchObject({ settings: { host: 'from-config' }, sources: { host: 'config.json' } });

    const file = write('host', 'from-file\n');
    const variables = { TOLLWARD_HOST_FILE: file };
    expect(load({ variables })).toMatchObject({ settings: { host: 'from-file' }, sources: { host: 'file' } });
    expect(load({ variables }).files).toMatchObject({ host: file });
    expect(load({ flags: { host: 'from-flag' }, variables }).files.host).toBeUndefined();

    const environment = { TOLLWARD_HOST: 'from-environment' };
    expect(load({ variables: environment })).toMatchObject({
      settings: { host: 'from-environment' },
      sources: { host: 'environment' },
    });

    for (const below of [variables, environment]) {
      expect(load({ flags: { host: 'from-flag' }, variables: below })).toMatchObject({
        settings: { host: 'from-flag' },
        sources: { host: 'command line' },
      });
    }
  });

  test('holds for the data directory, which decides where config.json is read', () => {
    write('config.json', '{"host": "found"}');
    const input = { variables: { TOLLWARD_DATA_DIR: directory }, workingDirectory: '/' };
    expect(loadSettings({ flags: {}, ...input }).settings).toMatchObject({ dataDir: directory, host: 'found' });
    const elsewhere = join(directory, 'elsewhere');
    expect(loadSettings({ flags: { dataDir: elsewhere }, ...input }).settings).toMatchObject({
      dataDir: elsewhere,
      host: '127.0.0.1',
    });
  });

  test('a relative data directory is taken from the working directory', () => {
    const at = (flags: { dataDir?: string }) =>
      loadSettings({ flags, variables: {}, workingDirectory: directory }).settings.dataDir;
    expect(at({ dataDir: 'mine' })).toBe(join(directory, 'mine'));
    expect(at({})).toBe(join(directory, '.tollward'));
  });

  test('numbers are numbers, wherever they come from', () => {
    write('config.json', '{"clientRequestsPerMinute": 5}');
    const { settings } = load({ flags: { portBase: '9000' }, variables: { TOLLWARD_CLIENT_REQUESTS_PER_SECOND: '7' } });
    expect(settings).toMatchObject({ portBase: 9_000, clientRequestsPerSecond: 7, clientRequestsPerMinute: 5 });
  });
});

describe('settings that can not be used', () => {
  test('an unknown name is one, in the environment and in config.json', () => {
    write('config.json', '{"hots": "a", "__proto__": {"host": "b"}}');
    const problems = problemsOf({ variables: { TOLLWARD_HOTS: 'a', TOLLWARD_TEST_DATABASE_URL: 'b', HOTS: 'c' } });
    expect(problems).toEqual([
      expect.stringContaining('TOLLWARD_HOTS'),
      expect.stringContaining('"hots"'),
      expect.stringContaining('"__proto__"'),
    ]);
  });

  test('a name and its file are one when both are set', () => {
    const file = write('key', 'a');
    const problems = problemsOf({ variables: { TOLLWARD_MASTER_KEY: 'b', TOLLWARD_MASTER_KEY_FILE: file } });
    expect(problems).toEqual(['TOLLWARD_MASTER_KEY and TOLLWARD_MASTER_KEY_FILE are both set; set one.']);
  });

  test('a file that can not be read is one, and the reason is told', () => {
    const problems = problemsOf({ variables: { TOLLWARD_MASTER_KEY_FILE: join(directory, 'absent') } });
    expect(problems).toEqual([expect.stringMatching(/TOLLWARD_MASTER_KEY_FILE .*ENOENT/)]);
  });

  test.each([
    ['not JSON', '{"host": '],
    ['an array', '["host"]'],
    ['a text', '"host"'],
    ['null', 'null'],
    ['the data directory itself', '{"dataDir": "/elsewhere"}'],
  ])('a config.json that holds %s is one', (_case, text) => {
    write('config.json', text);
    expect(problemsOf({})).toEqual([expect.stringContaining('config.json')]);
  });

  test.each([
    ['portBase', '60001'],
    ['portBase', '-1'],
    ['portBase', '8440.5'],
    ['portBase', 'many'],
    ['logLevel', 'loud'],
    ['host', ''],
    ['databaseUrl', 'mysql://localhost'],
    ['clientRequestsPerSecond', '0'],
  ] as const)('%s of "%s" is one, told with its variable and source', (name, value) => {
    expect(problemsOf({ flags: { [name]: value } })).toEqual([
      expect.stringContaining(`${variableName(name)} (command line)`),
    ]);
  });

  test.each([
    ['sandboxPartnerCaCertificate', 'sandboxPartnerCaKey'],
    ['sandboxPartnerCaKey', 'sandboxPartnerCaCertificate'],
    ['productionPartnerCaCertificate', 'productionPartnerCaKey'],
    ['productionPartnerCaKey', 'productionPartnerCaCertificate'],
  ] as const)('%s without its other half is one', (set, missing) => {
    expect(problemsOf({ variables: { [variableName(set)]: 'a' } })).toEqual([
      `${variableName(missing)} (default): must be set, because ${variableName(set)} is`,
    ]);
    expect(problemsOf({ variables: { [variableName(set)]: 'a', [variableName(missing)]: 'b' } })).toEqual([]);
  });

  test('all of them are told at once', () => {
    write('config.json', '{"hots": 1}');
    expect(problemsOf({ flags: { portBase: 'x' }, variables: { TOLLWARD_HOTS: 'a' } })).toHaveLength(3);
  });

  test('no value of a secret is told with them', () => {
    const secret = 'hunter2-hunter2';
    write('config.json', `{"masterKey": {"value": "${secret}"}, "databaseUrl": ["${secret}"]}`);
    const broken = write('broken', secret);
    for (const variables of [
      { TOLLWARD_DATABASE_URL: secret },
      { TOLLWARD_DATABASE_URL_FILE: broken },
      { TOLLWARD_MASTER_KEY: secret, TOLLWARD_MASTER_KEY_FILE: broken },
      {},
    ]) {
      const problems = problemsOf({ variables });
      expect(problems.length).toBeGreaterThan(0);
      expect(problems.join('\n')).not.toContain(secret);
    }
    write('config.json', `{"masterKey": "${secret}`);
    expect(problemsOf({}).join('\n')).not.toContain(secret);
  });
});

test('every setting has a variable of its own', () => {
  const variables = settingNames.map(variableName);
  expect(new Set(variables).size).toBe(settingNames.length);
  expect(variables).toContain('TOLLWARD_CLIENT_REQUESTS_PER_SECOND');
  expect(variables.every((variable) => /^TOLLWARD(_[A-Z]+)+$/.test(variable))).toBe(true);
});
