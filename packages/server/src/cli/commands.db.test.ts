import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isRefusal } from '../refusals/index.js';
import { openTestCommands, type TestCommands } from '../testing/cli.js';
import type { CliContext } from './cli.js';

let commands: TestCommands;
let workingDirectory: string;

beforeAll(async () => {
  commands = await openTestCommands();
});
afterAll(() => commands.close());
beforeEach(async () => {
  workingDirectory = await mkdtemp(join(tmpdir(), 'cli-'));
});
afterEach(() => rm(workingDirectory, { recursive: true }));

function runCli(words: readonly string[], changes: Partial<CliContext> = {}) {
  return commands.run(words, { workingDirectory, ...changes });
}

function createWords(name: string, ...more: string[]): string[] {
  return ['clients', 'create', '--environment', 'sandbox', '--organisation', 'Test Bank', '--name', name, ...more];
}

const createClient = (...more: string[]) => commands.createClient(...more);

async function getToken({ id, secret }: { id: string; secret: string }): Promise<string> {
  const issued = await commands.management.requestToken(id, secret);
  if (isRefusal(issued)) throw new Error(`no token: ${issued.refusal}`);
  return issued.body.access_token;
}

async function clientCount(): Promise<number> {
  const { out } = await runCli(['clients', 'list', '--json']);
  return (JSON.parse(out) as { clients: unknown[] }).clients.length;
}

describe('clients create', () => {
  it('writes a key, its certificate and an env file that only their owner can read', async () => {
    const { folder, values, id } = await createClient();
    expect((await readdir(folder)).sort()).toEqual(['client.env', 'client.key', 'client.pem']);
    for (const file of await readdir(folder)) expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
    const certificate = new X509Certificate(await readFile(values.get('CLIENT_CERT') ?? ''));
    expect(certificate.subject).toContain(`CN=${id}`);
    expect(certificate.checkPrivateKey(createPrivateKey(await readFile(values.get('CLIENT_KEY') ?? '')))).toBe(true);
  });

  it('prints neither secret nor key', async () => {
    const { run, secret, folder } = await createClient();
    const key = (await readFile(join(folder, 'client.key'), 'utf8')).split('\n')[1] ?? '';
    expect(secret).toMatch(/^tlw_sbx_cs_/);
    expect(run.out).not.toContain(secret);
    expect(run.out).not.toContain(key);
  });

  it('makes no certificate for a client without mutual TLS, whose secret gets tokens by itself', async () => {
    const client = await createClient('--mtls', 'off');
    expect(await readdir(client.folder)).toEqual(['client.env']);
    expect([...client.values.keys()]).toEqual(['CLIENT_ID', 'CLIENT_SECRET']);
    expect(await getToken(client)).toMatch(/^tlw_sbx_at_/);
  });

  it('names the folder after the client', async () => {
    expect((await runCli(createWords('My "Ünusual" Client 1'))).exitCode).toBe(0);
    expect(await readdir(workingDirectory)).toEqual(['my-nusual-client-1']);
  });

  it.each(['client.env', 'client.pem', 'client.key'])('overwrites no %s and makes no client then', async (file) => {
    await writeFile(join(workingDirectory, file), 'kept');
    const before = await clientCount();
    const { exitCode, error } = await runCli(createWords(`over ${file}`, '--out', '.'));
    expect(exitCode).toBe(5);
    expect(error).toContain(file);
    expect(await readFile(join(workingDirectory, file), 'utf8')).toBe('kept');
    expect(await clientCount()).toBe(before);
  });

  it('ends with 5 for a name that is taken, and leaves no empty folder', async () => {
    const { name } = await createClient();
    const { exitCode, error } = await runCli(createWords(name, '--out', 'second', '--json'));
    expect(exitCode).toBe(5);
    expect(JSON.parse(error)).toMatchObject({ error: { exitCode: 5, code: 'client_name_taken' } });
    expect(await readdir(workingDirectory)).not.toContain('second');
  });

  it('leaves a folder that was there, even empty, when no client was made', async () => {
    const { name } = await createClient();
    await mkdir(join(workingDirectory, 'mine'));
    expect((await runCli(createWords(name, '--out', 'mine'))).exitCode).toBe(5);
    expect(await readdir(workingDirectory)).toContain('mine');
  });

  it('prints what it can not write rather than lose it', async () => {
    const folder = join(workingDirectory, 'full');
    // A dangling link does not exist for a reader, and can not be written either.
    await mkdir(folder);
    await symlink(join(folder, 'missing', 'file'), join(folder, 'client.pem'));
    const { exitCode, out, error } = await runCli(createWords('unwritable', '--out', folder));
    expect(exitCode).toBe(1);
    expect(out).toMatch(/^CLIENT_SECRET=tlw_sbx_cs_/m);
    expect(out).toContain('BEGIN CERTIFICATE');
    expect(out).toContain('BEGIN PRIVATE KEY');
    expect(error).toMatch(/could not be written/);
    expect(error).not.toContain('tlw_');
  });
});

describe('clients and certs', () => {
  it('are listed by environment and shown with their certificates', async () => {
    const { id } = await createClient();
    expect((await runCli(['clients', 'list'])).out).toMatch(new RegExp(`^${id} +sandbox +Test Bank .*in force$`, 'm'));
    expect((await runCli(['clients', 'list', '--environment', 'production'])).out).not.toContain(id);
    expect((await runCli(['clients', 'show', id])).out).toMatch(/^Certificate +crt_/m);
  });

  it('show the SHA-256 of a certificate in hex and in base64url', async () => {
    const { id, folder } = await createClient();
    const { raw } = new X509Certificate(await readFile(join(folder, 'client.pem')));
    const digest = (encoding: 'hex' | 'base64url') => createHash('sha256').update(raw).digest(encoding);
    const shown = (await runCli(['clients', 'show', id])).out.replaceAll(/\s+/g, ' ');
    expect(shown).toContain(`sha256 in hex ${digest('hex')}, in base64url ${digest('base64url')}`);
  });

  it('are revoked for good, and a second time is no failure', async () => {
    const { id } = await createClient();
    const show = async () =>
      JSON.parse((await runCli(['clients', 'show', id, '--json'])).out) as {
        revokedAt: string | null;
        certificates: { id: string; revokedAt: string | null }[];
      };
    const [certificate] = (await show()).certificates;

    for (const words of [
      ['certs', 'revoke', certificate?.id ?? ''],
      ['clients', 'revoke', id],
    ]) {
      expect(await runCli(words)).toMatchObject({ exitCode: 0, out: expect.stringContaining('is revoked') });
      expect(await runCli(words)).toMatchObject({ exitCode: 0, out: expect.stringContaining('was revoked before') });
    }
    const { revokedAt, certificates } = await show();
    expect([revokedAt, certificates[0]?.revokedAt]).not.toContain(null);
  });

  it.each([
    ['clients', 'show', 'cli_'],
    ['clients', 'revoke', 'cli_'],
    ['certs', 'revoke', 'crt_'],
  ])('end with 4 for an id that nobody has: %s %s', async (noun, verb, prefix) => {
    expect((await runCli([noun, verb, `${prefix}${'0'.repeat(32)}`])).exitCode).toBe(4);
  });

  it('end with 2 for what is no id', async () => {
    expect((await runCli(['clients', 'show', '../status'])).exitCode).toBe(2);
  });
});

describe('token inspect', () => {
  it('reads a token or the whole answer, from standard input or a file, and does not repeat it', async () => {
    const client = await createClient('--mtls', 'off');
    const token = await getToken(client);
    await writeFile(join(workingDirectory, 'token.json'), JSON.stringify({ access_token: token, expires_in: 1 }));
    const runs = [
      await runCli(['token', 'inspect', '--file', 'token.json']),
      await runCli(['token', 'inspect'], { readInput: () => Promise.resolve(`${token}\n`) }),
    ];
    for (const { exitCode, out } of runs) {
      expect(exitCode).toBe(0);
      expect(out).toContain(client.id);
      expect(out).toMatch(/^In force +yes$/m);
      expect(out).not.toContain(token);
    }
  });

  it('names a file that is not there, and ends with 2', async () => {
    const run = await runCli(['token', 'inspect', '--file', 'absent.json']);
    expect(run).toMatchObject({
      exitCode: 2,
      out: '',
      error: expect.stringContaining('There is no file absent.json.'),
    });
  });

  it('ends with 3 and the reason for a token that is not in force', async () => {
    const client = await createClient('--mtls', 'off');
    const token = await getToken(client);
    await runCli(['clients', 'revoke', client.id]);
    const readInput = () => Promise.resolve(token);
    const { exitCode, out } = await runCli(['token', 'inspect'], { readInput });
    expect(exitCode).toBe(3);
    expect(out).toMatch(/^In force +no: .*revoked/m);
    const garbage = await runCli(['token', 'inspect'], { readInput: () => Promise.resolve('garbage') });
    expect(garbage).toMatchObject({ exitCode: 3, out: expect.stringMatching(/^In force +no/) });
  });
});

describe('token revoke', () => {
  it('ends one token, and of a token that is over says so', async () => {
    const client = await createClient('--mtls', 'off');
    const token = await getToken(client);
    const readInput = () => Promise.resolve(token);
    const first = await runCli(['token', 'revoke'], { readInput });
    expect(first).toMatchObject({ exitCode: 0, out: expect.stringContaining(client.id) });
    expect(first.out).not.toContain(token);
    expect((await runCli(['token', 'inspect'], { readInput })).out).toMatch(
      /^In force +no: its client or an operator ended it/m,
    );
    expect(await runCli(['token', 'revoke'], { readInput })).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining('was over already'),
    });
  });

  it('takes no token from the command line, and ends with 4 for what is none', async () => {
    const asArgument = await runCli(['token', 'revoke', 'tlw_sbx_at_abc']);
    expect(asArgument).toMatchObject({ exitCode: 2, error: expect.stringContaining('list of processes') });
    const garbage = await runCli(['token', 'revoke'], { readInput: () => Promise.resolve('garbage') });
    expect(garbage).toMatchObject({ exitCode: 4, out: '' });
  });
});

describe('explain', () => {
  const traceId = 'fedcba9876543210fedcba9876543210';

  it('shows a refusal as text and as JSON', async () => {
    const request = {
      traceId,
      occurredAt: commands.management.time.now,
      environment: 'sandbox',
      listener: 'api',
      method: 'POST',
      path: '/oauth/token',
      correlationId: undefined,
      address: '127.0.0.1',
    } as const;
    const evidence = { step: 'client', expected: 'a client', seen: 'nobody' } as const;
    commands.management.refusals.record(request, { refusal: 'client_authentication_failed', ...evidence });
    const text = await runCli(['explain', traceId.toUpperCase()]);
    expect(text.exitCode).toBe(0);
    expect(text.out).toMatch(/^Refused +client_authentication_failed, answered 401/m);
    const json = await runCli(['explain', traceId, '--json']);
    expect(JSON.parse(json.out)).toMatchObject({ traceId, occurredAt: '2026-03-01T12:00:00.000Z', seen: 'nobody' });
  });

  it('ends with 4 where none is kept, and with 2 for what is no trace id', async () => {
    expect((await runCli(['explain', '0'.repeat(32)])).exitCode).toBe(4);
    expect((await runCli(['explain', 'x'])).exitCode).toBe(2);
  });
});

describe('doctor', () => {
  it('finds the running server and leaves its ports alone', async () => {
    await chmod(commands.dataDirectory, 0o700);
    const { out } = await runCli(['doctor']);
    expect(out).toMatch(/^ok +server +version 1\.2\.3, process 42/m);
    expect(out).not.toMatch(/^\w+ +port/m);
  });

  it('looks ahead for the certificates of clients', async () => {
    const { time } = commands.management;
    await createClient();
    expect((await runCli(['doctor'])).out).toMatch(/^ok +client certificates +none ends within 30 days$/m);
    const before = time.now;
    time.now += 362 * 24 * 3_600_000;
    const { out } = await runCli(['doctor']);
    time.now = before;
    expect(out).toMatch(/^fail +client certificate +crt_.*"tollward certs issue cli_\w+"$/m);
  });
});
