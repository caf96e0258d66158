import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LoadedSettings } from '../platform/config/load-settings.js';
import { DataDirectoryInUseError } from '../platform/database/database-errors.js';
import { PortInUseError } from '../platform/listeners/listen.js';
import { runCli } from '../testing/cli.js';

let workingDirectory: string;

beforeEach(async () => {
  workingDirectory = await mkdtemp(join(tmpdir(), 'cli-'));
});
afterEach(() => rm(workingDirectory, { recursive: true }));

describe('the command line', () => {
  it('shows version and help on standard output, with exit code 0', async () => {
    expect(await runCli(['--version'])).toEqual({ exitCode: 0, out: '1.2.3\n', error: '' });
    const help = await runCli(['--help']);
    expect(help).toMatchObject({ exitCode: 0, error: '' });
    expect(help.out).toContain('Exit codes:');
  });

  it.each([
    ['an unknown command', ['nonsense']],
    ['an unknown option', ['clients', 'list', '--nonsense']],
    ['a noun without its verb', ['clients']],
    ['a missing argument', ['explain']],
    ['a missing option', ['clients', 'create', '--name', 'x']],
    ['an environment that does not exist', ['clients', 'list', '--environment', 'staging']],
  ])('ends with 2 for %s and prints nothing on standard output', async (_case, words) => {
    const { exitCode, out, error } = await runCli(words);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(error).not.toBe('');
  });

  it.each([
    ['an unknown command', ['nonsense'], /unknown command 'nonsense'/],
    ['an unknown option', ['clients', 'list', '--nonsense'], /unknown option '--nonsense'/],
    ['a noun without its verb', ['clients'], /not complete/],
    ['a missing argument', ['explain'], /missing required argument/],
    ['a missing option', ['secrets', 'pause', 'sec_1'], /--for <duration>/],
    ['a value that can not be used', ['clients', 'update', 'cli_1', '--rate', 'fast'], /such as 10\/300/],
  ])('with --json it says in JSON, and in nothing else, that it met %s', async (_case, words, message) => {
    for (const run of [await runCli([...words, '--json']), await runCli(['--json', ...words])]) {
      expect({ exitCode: run.exitCode, out: run.out }).toEqual({ exitCode: 2, out: '' });
      expect(JSON.parse(run.error)).toEqual({ error: { exitCode: 2, message: expect.stringMatching(message) } });
    }
  });

  it('shows help and version as text even with --json', async () => {
    expect(await runCli(['--json', '--version'])).toEqual({ exitCode: 0, out: '1.2.3\n', error: '' });
    expect(await runCli(['clients', '--help', '--json'])).toMatchObject({ exitCode: 0, error: '' });
  });

  it.each([
    ['42501', 'permission denied for table clients', 'A role for nodes'],
    ['3F000', 'no schema has been selected to create in', 'search_path'],
    ['42P01', 'relation "clients" does not exist', 'migrate up'],
  ])('says what to do when the database refuses with %s', async (code, message, remedy) => {
    const startServe = () => Promise.reject(Object.assign(new Error(message), { code }));
    const { exitCode, error } = await runCli(['serve'], { workingDirectory, startServe });
    expect(exitCode).toBe(1);
    expect(error).toContain(message);
    expect(error).toContain(remedy);
    expect(error).not.toContain('should not happen');
  });

  it('does not repeat a private key that stands in the wrong place', async () => {
    const key = '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\n-----END PRIVATE KEY-----\n';
    for (const words of [[key], ['certs', 'inspect', key], ['clients', 'list', '--environment', key]]) {
      for (const more of [[], ['--json']]) {
        const { exitCode, out, error } = await runCli([...words, ...more]);
        expect(exitCode).toBe(2);
        expect(out + error).not.toContain('MIGHAgEAMBMG');
      }
    }
  });

  it('does not repeat a secret that stands in the wrong place', async () => {
    const { exitCode, error } = await runCli(['tlw_sbx_cs_abcdefghijklmnop']);
    expect(exitCode).toBe(2);
    expect(error).not.toContain('abcdefghijklmnop');
  });

  it('refuses a token as an argument and says why', async () => {
    const { exitCode, error } = await runCli(['token', 'inspect', 'tlw_sbx_at_abcdefghijklmnop']);
    expect(exitCode).toBe(2);
    expect(error).toMatch(/command line/);
    expect(error).not.toContain('abcdefghijklmnop');
  });

  it.each([
    ['nothing', undefined],
    ['a JSON answer without a token', '{"error":"invalid_client"}'],
    ['half of a JSON answer', '{"access_token":"tlw_sbx_at_'],
  ])('finds no token to inspect in %s', async (_case, input) => {
    const readInput = () => (input === undefined ? undefined : Promise.resolve(input));
    expect(await runCli(['token', 'inspect'], { readInput, workingDirectory })).toMatchObject({ exitCode: 2, out: '' });
  });

  it.each([
    [['clients', 'list']],
    [['clients', 'show', 'cli_1']],
    [['clients', 'revoke', 'cli_1']],
    [['clients', 'update', 'cli_1', '--mtls', 'on']],
    [['secrets', 'rotate', 'cli_1', '--out', 'new.env']],
    [['secrets', 'list', 'cli_1']],
    [['secrets', 'end', 'sec_1']],
    [['secrets', 'revoke', 'sec_1']],
    [['secrets', 'pause', 'sec_1', '--for', '1m']],
    [['secrets', 'resume', 'sec_1']],
    [['certs', 'list']],
    [['certs', 'inspect', `crt_${'0'.repeat(32)}`]],
    [['certs', 'platform', '--environment', 'sandbox', '--out', 'root.pem']],
    [['certs', 'revoke', 'crt_1']],
    [['certs', 'pause', 'crt_1', '--for', '1m']],
    [['certs', 'resume', 'crt_1']],
    [['explain', '0123456789abcdef0123456789abcdef']],
    [['clients', 'create', '--environment', 'sandbox', '--organisation', 'X', '--name', 'Y', '--out', 'made']],
  ])('ends with 1 and says how to start the server when none is running: %j', async (words) => {
    const { exitCode, out, error } = await runCli(words, { workingDirectory });
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' });
    expect(error).toContain('tollward dev');
    expect(await readdir(workingDirectory)).toEqual([]);
  });

  it('takes a killed server for no server', async () => {
    const socket = join(workingDirectory, 'gone.sock');
    const file = { socket, pid: 1, startedAt: '2026-03-01T12:00:00.000Z' };
    await writeFile(join(workingDirectory, 'management.json'), JSON.stringify(file));
    const { exitCode, error } = await runCli(['clients', 'list', '--data-dir', workingDirectory]);
    expect(exitCode).toBe(1);
    expect(error).toContain('tollward dev');
  });
});

describe('dev', () => {
  async function startedWith(words: readonly string[], variables = {}): Promise<LoadedSettings | undefined> {
    let started: LoadedSettings | undefined;
    const startDev = async (loaded: LoadedSettings) => {
      started = loaded;
    };
    expect((await runCli(['dev', ...words], { startDev, variables, workingDirectory })).exitCode).toBe(0);
    return started;
  }

  it('starts with the settings of its options, which win over the variables', async () => {
    const words = ['--data-dir', 'data', '--port-base', '9000', '--host', '::1', '--log-level', 'warn'];
    const started = await startedWith(words, { TOLLWARD_PORT_BASE: '1', TOLLWARD_DATA_DIR: 'other' });
    expect(started?.settings).toMatchObject({ portBase: 9000, host: '::1', logLevel: 'warn' });
    expect(started?.settings.dataDir).toBe(join(workingDirectory, 'data'));
  });

  it('takes --data-dir before and after its own name', async () => {
    const dataDir = join(workingDirectory, 'data');
    let started: LoadedSettings | undefined;
    const startDev = async (loaded: LoadedSettings) => {
      started = loaded;
    };
    await runCli(['--data-dir', 'data', 'dev'], { startDev, workingDirectory });
    expect(started?.settings.dataDir).toBe(dataDir);
    expect((await startedWith(['--data-dir', 'data']))?.settings.dataDir).toBe(dataDir);
  });

  it('ends with 2 for settings that can not be used, and does not start', async () => {
    const { exitCode, error } = await runCli(['dev', '--log-level', 'loud'], {
      workingDirectory,
      startDev: () => Promise.reject(new Error('started')),
    });
    expect(exitCode).toBe(2);
    expect(error).toContain('TOLLWARD_LOG_LEVEL');
  });

  it.each([
    [new PortInUseError(8443), 2, /8443.*--port-base/],
    [new DataDirectoryInUseError('/data'), 1, /in use/],
    [Object.assign(new Error('ENOSPC: no space left on device, write'), { syscall: 'write' }), 1, /no space left/],
  ])('answers an expected failure with its sentence and no stack trace: %s', async (fault, exitCode, sentence) => {
    const run = await runCli(['dev'], { workingDirectory, startDev: () => Promise.reject(fault) });
    expect(run.exitCode).toBe(exitCode);
    expect(run.error).toMatch(sentence);
    expect(run.error).not.toContain('    at ');
  });

  it('shows where an unexpected fault comes from, without a secret in it', async () => {
    const startDev = () => Promise.reject(new Error('lost tlw_sbx_cs_abcdefghijklmnop'));
    const { exitCode, error } = await runCli(['dev'], { workingDirectory, startDev });
    expect(exitCode).toBe(1);
    expect(error).toContain('    at ');
    expect(error).not.toContain('abcdefghijklmnop');
  });
});

describe('config', () => {
  it('prints every value with its source, and no secret', async () => {
    const variables = { TOLLWARD_MASTER_KEY: 'very-secret', TOLLWARD_PORT_BASE: '9000' };
    const text = await runCli(['config', 'print'], { variables, workingDirectory });
    expect(text.exitCode).toBe(0);
    expect(text.out).toMatch(/^portBase +9000 +environment +TOLLWARD_PORT_BASE$/m);
    expect(text.out).toMatch(/^masterKey +\[secret\] +environment +TOLLWARD_MASTER_KEY$/m);
    const json = await runCli(['config', 'print', '--json'], { variables, workingDirectory });
    const { settings } = JSON.parse(json.out) as { settings: { name: string }[] };
    expect(settings.find(({ name }) => name === 'portBase')).toMatchObject({ value: '9000', source: 'environment' });
    expect(text.out + json.out).not.toContain('very-secret');
  });

  it('checks: 0 for settings that can be used, 2 with every problem for others', async () => {
    expect((await runCli(['config', 'check'], { workingDirectory })).exitCode).toBe(0);
    const foreign = {
      TOLLWARD_SANDBOX_PARTNER_CA_CERTIFICATE: 'no certificate',
      TOLLWARD_SANDBOX_PARTNER_CA_KEY: 'no key',
    };
    const ofAuthority = await runCli(['config', 'check'], { variables: foreign, workingDirectory });
    expect(ofAuthority).toMatchObject({ exitCode: 2, out: '' });
    expect(ofAuthority.error).toMatch(/^The partner CA of sandbox can not be used: ./);
    const variables = { TOLLWARD_PORT_BASE: 'x', TOLLWARD_PORT_BAES: '1' };
    const { exitCode, error } = await runCli(['config', 'check'], { variables, workingDirectory });
    expect(exitCode).toBe(2);
    expect(error).toContain('TOLLWARD_PORT_BASE');
    expect(error).toContain('TOLLWARD_PORT_BAES');
  });
});

describe('doctor', () => {
  it('says which settings can not be used, and ends with 1', async () => {
    const variables = { TOLLWARD_NONSENSE: '1' };
    const { exitCode, out } = await runCli(['doctor'], { variables, workingDirectory });
    expect(exitCode).toBe(1);
    expect(out).toMatch(/^fail +settings .*TOLLWARD_NONSENSE/m);
  });

  it('ends with 0 when nothing fails', async () => {
    const variables = { TOLLWARD_PORT_BASE: '0' };
    const { exitCode, out } = await runCli(['doctor', '--json'], { variables, workingDirectory });
    const { checks } = JSON.parse(out) as { checks: { result: string }[] };
    expect(checks.map(({ result }) => result)).not.toContain('fail');
    expect(exitCode).toBe(0);
    // There is no data directory, which is a warning.
    expect(checks.filter(({ result }) => result === 'warn')).toHaveLength(1);
    const text = await runCli(['doctor'], { variables, workingDirectory });
    expect(text.out).toMatch(/\n\nNothing is wrong yet; one check warns\.\n$/);
  });
});
