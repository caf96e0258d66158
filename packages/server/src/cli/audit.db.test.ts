import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openTestChain } from '../audit/chain-for-tests.js';
import { openTestCommands, runCli, type TestCommands } from '../testing/cli.js';
import { aClient, openDatabaseIn, startTestServer } from '../testing/index.js';

interface Checkpoint {
  readonly checkpoint: string;
  readonly keyId: string;
  readonly publicKey: string;
}

async function* inOnePiece(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

describe('audit, with a running server', () => {
  let commands: TestCommands;
  let clientId: string;

  beforeAll(async () => {
    commands = await openTestCommands();
    clientId = (await commands.createClient('--mtls', 'off')).id;
    commands.management.time.now += 1;
    await commands.run(['clients', 'revoke', clientId]);
  }, 60_000);
  afterAll(() => commands.close());

  const exported = async (): Promise<string> => (await commands.run(['audit', 'export'])).out;
  const verify = (text: string, ...words: string[]) =>
    commands.run(['audit', 'verify', '-', ...words], { streamInput: () => inOnePiece(text) });

  it('[AUD-11] lists what was done, the newest first, and of one subject when asked', async () => {
    const { out } = await commands.run(['audit', 'list', '--subject', clientId]);
    const [header, ...rows] = out.trimEnd().split('\n');
    expect(header).toMatch(/^WHEN +ENTRY +ENVIRONMENT +WHO +WHAT +SUBJECT +DETAILS$/);
    expect(rows.map((row) => /client\.\w+/.exec(row)?.[0])).toEqual(['client.revoked', 'client.created']);
    const { entries } = await commands.runJson<{ entries: { subject: string }[] }>(['audit', 'list', '--limit', '1']);
    expect(entries).toMatchObject([{ subject: clientId, action: 'client.revoked', actor: 'operator' }]);
  });

  it('[AUD-07] exports a chain that is whole by itself, with everything done until now', async () => {
    const text = await exported();
    expect(text).toContain(`"action":"client.revoked","subject":"${clientId}"`);
    const run = await verify(text);
    expect(run).toMatchObject({ exitCode: 0, error: '' });
    expect(run.out).toMatch(/^Verdict +whole/);
    expect(run.out).toContain('taken from the chain itself');
  });

  it('[AUD-07] verifies an export without a server and without a database', async () => {
    const text = await exported();
    const nowhere = await runCli(['audit', 'verify', '-'], { streamInput: () => inOnePiece(text) });
    expect(nowhere).toMatchObject({ exitCode: 0, error: '' });
  });

  it('[AUD-08] ends with 1 and says what is wrong with an export that was changed', async () => {
    const run = await verify((await exported()).replace('client.revoked', 'client.praised'), '--json');
    expect(run.exitCode).toBe(1);
    const { whole, problems } = JSON.parse(run.out);
    expect(whole).toBe(false);
    expect(problems.map(({ kind }: { kind: string }) => kind)).toEqual(['entry_columns', 'file_damaged']);
    expect((await verify(await exported().then((text) => text.slice(0, -300)))).out).toMatch(/cut off/);
  });

  it('[AUD-08] holds a chain against a key and a checkpoint that were noted before', async () => {
    const noted = await commands.runJson<Checkpoint>(['audit', 'checkpoint']);
    const good = ['--key', noted.keyId, '--checkpoint', noted.checkpoint];
    await commands.run([
      'clients',
      'create',
      '--environment',
      'sandbox',
      '--organisation',
      'Test Bank',
      '--name',
      'later',
    ]);
    expect(await verify(await exported(), ...good)).toMatchObject({ exitCode: 0 });
    expect(await commands.run(['audit', 'verify', ...good])).toMatchObject({ exitCode: 0 });
    const other = 'ab'.repeat(32);
    expect(await verify(await exported(), '--key', other)).toMatchObject({ exitCode: 1 });
    expect(await commands.run(['audit', 'verify', '--checkpoint', `1:${other}`])).toMatchObject({ exitCode: 1 });
  });

  it('takes the key as a PEM file, the public one only', async () => {
    const { publicKey } = await commands.runJson<Checkpoint>(['audit', 'checkpoint']);
    const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' });
    const file = join(commands.workingDirectory, 'audit.pem');
    await writeFile(file, key.export({ type: 'spki', format: 'pem' }));
    expect(await verify(await exported(), '--key', 'audit.pem')).toMatchObject({ exitCode: 0 });
    const { privateKey } = generateKeyPairSync('ed25519');
    await writeFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    for (const wrong of ['audit.pem', 'missing.pem', 'abc']) {
      expect(await verify(await exported(), '--key', wrong)).toMatchObject({ exitCode: 2, out: '' });
    }
    expect(await verify('', '--checkpoint', '12')).toMatchObject({ exitCode: 2, out: '' });
  });

  it('writes a new file for its owner only, and overwrites none', async () => {
    const run = await commands.run(['audit', 'export', '--out', 'chain.jsonl']);
    expect(run).toMatchObject({ exitCode: 0, error: '' });
    const path = join(commands.workingDirectory, 'chain.jsonl');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await commands.run(['audit', 'verify', 'chain.jsonl'])).toMatchObject({ exitCode: 0 });
    expect(await commands.run(['audit', 'export', '--out', 'chain.jsonl'])).toMatchObject({ exitCode: 5 });
    expect((await readFile(path, 'utf8')).split('\n').length).toBeGreaterThan(5);
  });

  it('says which file is not there', async () => {
    expect(await commands.run(['audit', 'verify', 'missing.jsonl'])).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('missing.jsonl'),
    });
  });

  it('[AUD-06] finds in the database of a running server what was changed behind its back', async () => {
    const { database } = commands.management;
    const row = (subject: string) =>
      database.transaction((tx) =>
        tx.updateTable('audit_entries').set({ subject }).where('action', '=', 'client.revoked').execute(),
      );
    await row('cli_somebody_else');
    const run = await commands.run(['audit', 'verify']);
    expect(run.exitCode).toBe(1);
    expect(run.out).toMatch(/Verdict +NOT WHOLE\nProblem +Entry \d+ /);
    await row(clientId);
    expect(await commands.run(['audit', 'verify'])).toMatchObject({ exitCode: 0 });
  });
});

describe('audit, without a running server', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'audit-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const run = (...words: string[]) => runCli(['--data-dir', 'data', 'audit', ...words], { workingDirectory: folder });

  it('[AUD-11] says so when there is no database either', async () => {
    for (const words of [['list'], ['export'], ['verify'], ['checkpoint']]) {
      expect(await run(...words)).toMatchObject({ exitCode: 1, out: '', error: expect.stringMatching(/database/) });
    }
  });

  it('[AUD-11] reads the database itself, and says what that can not prove', async () => {
    const directory = join(folder, 'data', 'database');
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const database = await openDatabaseIn(directory);
    const node = await openTestChain(database);
    await node.append('cli_1');
    await node.turn();
    await database.close();
    expect(await run('list')).toMatchObject({ exitCode: 0, error: '', out: expect.stringContaining('thing.done') });
    const verified = await run('verify');
    expect(verified).toMatchObject({ exitCode: 0, error: '' });
    expect(verified.out).toContain('No running server was asked');
    expect((await run('checkpoint')).out).toMatch(/^Checkpoint +1:[0-9a-f]{64}\n/);
    expect(await run('export', '--out', 'offline.jsonl')).toMatchObject({ exitCode: 0 });
    expect(await run('verify', 'offline.jsonl')).toMatchObject({ exitCode: 0 });
  }, 60_000);
});

describe('audit, of a whole server', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'audit-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('[AUD-03] is linked and signed to its end when the server has stopped, and its figures are among the metrics', async () => {
    const directory = join(folder, 'data', 'database');
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const server = await startTestServer({ database: await openDatabaseIn(directory) });
    await vi.waitFor(() => expect(server.logLines.join('')).toContain('"msg":"audit checkpoint"'), { timeout: 10_000 });
    const client = await aClient(server);
    const metrics = await (await fetch(`${server.operationsUrl}/metrics`)).text();
    expect(metrics).toMatch(/^audit_chain_broken 0$/m);
    expect(metrics).toMatch(new RegExp(`^audit_checkpoint_timestamp_seconds ${server.time.now / 1_000}$`, 'm'));
    expect(metrics).toMatch(/^audit_unlinked_entries \d+$/m);
    expect(metrics).toMatch(/^audit_chain_lag_seconds \d/m);
    await server.stop();
    const { out } = await runCli(['--data-dir', 'data', 'audit', 'verify', '--json'], { workingDirectory: folder });
    const { whole, entries, newest } = JSON.parse(out);
    expect(whole).toBe(true);
    expect(newest.position).toBe(entries);
    const list = ['--data-dir', 'data', 'audit', 'list', '--subject', client.clientId];
    expect((await runCli(list, { workingDirectory: folder })).out).toContain('client.created');
  }, 60_000);
});

it('a file of random bytes is no export', async () => {
  const random = runCli(['audit', 'verify', '-'], {
    streamInput: () => inOnePiece(randomBytes(1_000).toString('latin1')),
  });
  expect(await random).toMatchObject({ exitCode: 1 });
});
