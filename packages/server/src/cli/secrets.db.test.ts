import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isRefusal } from '../refusals/index.js';
import { openTestCommands, type TestCommands } from '../testing/cli.js';
import { parseEnvFile } from './env-file.js';

let commands: TestCommands;

beforeAll(async () => {
  commands = await openTestCommands();
});
afterAll(() => commands.close());

interface ShownSecret {
  readonly id: string;
  readonly state: string;
  readonly usableUntil: string | null;
  readonly pausedUntil: string | null;
}

interface Rotated {
  readonly id: string;
  readonly secret: string;
  readonly ending: readonly { readonly id: string; readonly usableUntil: string }[];
  readonly ended: readonly { readonly id: string }[];
}

const rotate = (clientId: string, ...more: string[]) =>
  commands.runJson<Rotated>(['secrets', 'rotate', clientId, ...more]);

async function secretsOf(clientId: string): Promise<readonly ShownSecret[]> {
  return (await commands.runJson<{ secrets: ShownSecret[] }>(['secrets', 'list', clientId])).secrets;
}

/** A client that needs no certificate, so that its secret alone decides. */
async function aClient() {
  const client = await commands.createClient('--mtls', 'off');
  const [secret] = await secretsOf(client.id);
  return { ...client, secretId: secret?.id ?? '' };
}

async function getsToken(clientId: string, secret: string): Promise<boolean> {
  return !isRefusal(await commands.management.requestToken(clientId, secret));
}

const nobody = '0'.repeat(32);

describe('secrets rotate', () => {
  it('prints the new secret once, and the old one gets tokens for another 24 hours', async () => {
    const { id, secret, secretId } = await aClient();
    const { exitCode, out } = await commands.run(['secrets', 'rotate', id]);
    expect(exitCode).toBe(0);
    const printed = /^Secret +(tlw_sbx_cs_\w+)$/m.exec(out)?.[1] ?? '';
    expect(out).toMatch(/shown this once/);
    expect(out.replaceAll(/\s+/g, ' ')).toContain(
      `Ending ${secretId}, ends in ${secret.slice(-4)}, gets tokens until ${new Date(commands.management.time.now + 86_400_000).toISOString()}`,
    );
    expect([await getsToken(id, printed), await getsToken(id, secret)]).toEqual([true, true]);
    expect((await commands.run(['clients', 'show', id, '--json'])).out).not.toContain(printed);
  });

  it.each([['now'], ['0'], ['0s']])('ends the old secret at once with --overlap %s', async (overlap) => {
    const { id, secret, secretId } = await aClient();
    const rotated = await rotate(id, '--overlap', overlap);
    expect(rotated).toMatchObject({ ending: [], ended: [{ id: secretId }] });
    expect([await getsToken(id, rotated.secret), await getsToken(id, secret)]).toEqual([true, false]);
  });

  it('takes the overlap that was asked for', async () => {
    const { id } = await aClient();
    const { ending } = await rotate(id, '--overlap', '7d');
    const sevenDays = new Date(commands.management.time.now + 7 * 86_400_000).toISOString();
    expect(ending).toMatchObject([{ usableUntil: sevenDays }]);
  });

  it('refuses an overlap over 7 days, and rotates nothing', async () => {
    const { id } = await aClient();
    const { exitCode, error } = await commands.run(['secrets', 'rotate', id, '--overlap', '8d']);
    expect(exitCode).toBe(2);
    expect(error).toContain('between 0s and 7d');
    expect(await secretsOf(id)).toHaveLength(1);
  });

  it('ends with 5 while a rotation is open, unless it is forced', async () => {
    const { id, secretId } = await aClient();
    commands.management.time.now += 1_000;
    await rotate(id);
    const again = await commands.run(['secrets', 'rotate', id, '--json']);
    expect(again).toMatchObject({ exitCode: 5, out: '' });
    expect(JSON.parse(again.error)).toMatchObject({ error: { exitCode: 5, code: 'rotation_open' } });
    expect((await rotate(id, '--force')).ended).toMatchObject([{ id: secretId }]);
  });

  it('writes an env file for its owner only, and then prints no secret', async () => {
    const { id } = await aClient();
    const { exitCode, out } = await commands.run(['secrets', 'rotate', id, '--out', 'rotated.env', '--json']);
    const file = join(commands.workingDirectory, 'rotated.env');
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ clientId: id, file });
    expect(out).not.toContain('tlw_');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const parsed = parseEnvFile(await readFile(file, 'utf8'));
    const values = parsed.ok ? parsed.values : new Map<string, string>();
    expect([...values.keys()]).toEqual(['CLIENT_ID', 'CLIENT_SECRET']);
    expect(await getsToken(id, values.get('CLIENT_SECRET') ?? '')).toBe(true);
  });

  it('rotates nothing when the file is there already', async () => {
    const { id } = await aClient();
    await writeFile(join(commands.workingDirectory, 'kept.env'), 'kept');
    const { exitCode, error } = await commands.run(['secrets', 'rotate', id, '--out', 'kept.env']);
    expect(exitCode).toBe(5);
    expect(error).toContain('No secret was made.');
    expect(await readFile(join(commands.workingDirectory, 'kept.env'), 'utf8')).toBe('kept');
    expect(await secretsOf(id)).toHaveLength(1);
  });

  it('rotates nothing when the file can not be written', async () => {
    const { id } = await aClient();
    const { exitCode, error } = await commands.run(['secrets', 'rotate', id, '--out', 'missing/new.env']);
    expect(exitCode).toBe(1);
    expect(error).toMatch(/can not be written \(ENOENT\)\. No secret was made\./);
    expect(await secretsOf(id)).toHaveLength(1);
  });

  it('leaves no file behind when the server refuses', async () => {
    const { id } = await aClient();
    await rotate(id);
    await mkdir(join(commands.workingDirectory, 'refused'));
    expect((await commands.run(['secrets', 'rotate', id, '--out', 'refused/new.env'])).exitCode).toBe(5);
    expect(await readdir(join(commands.workingDirectory, 'refused'))).toEqual([]);
  });

  it('ends with 5 for a revoked client and with 4 for one that nobody has', async () => {
    const { id } = await aClient();
    await commands.run(['clients', 'revoke', id]);
    expect((await commands.run(['secrets', 'rotate', id])).exitCode).toBe(5);
    expect((await commands.run(['secrets', 'rotate', `cli_${nobody}`])).exitCode).toBe(4);
  });
});

describe('secrets list', () => {
  it('shows what tells secrets apart, and no value', async () => {
    const { id, secret, secretId } = await aClient();
    const rotated = await rotate(id);
    const { exitCode, out } = await commands.run(['secrets', 'list', id]);
    expect(exitCode).toBe(0);
    expect(out).toMatch(new RegExp(`^${secretId} +${secret.slice(-4)} .* never +ending, gets tokens until `, 'm'));
    expect(out).toMatch(new RegExp(`^${rotated.id} +${rotated.secret.slice(-4)} .* never +in force$`, 'm'));
    expect(out).not.toContain('tlw_');
  });

  it('ends with 4 for a client that nobody has', async () => {
    expect((await commands.run(['secrets', 'list', `cli_${nobody}`])).exitCode).toBe(4);
  });
});

describe('secrets end and revoke', () => {
  it('end gives no more tokens, and a second time is no failure', async () => {
    const { id, secret, secretId } = await aClient();
    const first = await commands.run(['secrets', 'end', secretId]);
    expect(first).toMatchObject({ exitCode: 0, out: expect.stringContaining('gets no more tokens') });
    expect(await getsToken(id, secret)).toBe(false);
    const second = await commands.run(['secrets', 'end', secretId]);
    expect(second).toMatchObject({ exitCode: 0, out: expect.stringContaining('ended before') });
    expect(await secretsOf(id)).toMatchObject([{ state: 'replaced' }]);
  });

  it('revoke is for good, and a second time is no failure', async () => {
    const { id, secret, secretId } = await aClient();
    const first = await commands.run(['secrets', 'revoke', secretId]);
    expect(first).toMatchObject({ exitCode: 0, out: expect.stringMatching(/is revoked.*\n.*has no live secret now/) });
    expect(await getsToken(id, secret)).toBe(false);
    const second = await commands.runJson(['secrets', 'revoke', secretId]);
    expect(second).toMatchObject({ id: secretId, alreadyRevoked: true });
    expect(await secretsOf(id)).toMatchObject([{ state: 'revoked' }]);
  });

  it.each(['end', 'revoke'])('%s ends with 5 and changes nothing while it is used', async (verb) => {
    const { id, secret, secretId } = await aClient();
    await getsToken(id, secret);
    const { exitCode, out, error } = await commands.run(['secrets', verb, secretId, '--safe-after', '1h']);
    expect({ exitCode, out }).toEqual({ exitCode: 5, out: '' });
    expect(error).toMatch(/Nothing was changed: .*127\.0\.0\.1/);
    expect(await getsToken(id, secret)).toBe(true);
  });

  it.each(['end', 'revoke'])('%s with --safe-after retires what nobody uses', async (verb) => {
    const { id, secretId } = await aClient();
    const words = ['secrets', verb, secretId, '--safe-after', '1h'];
    expect((await commands.run(words)).exitCode, 'nobody used it yet').toBe(5);
    commands.management.time.now += 3_600_000;
    expect((await commands.run(words)).exitCode).toBe(0);
    expect((await secretsOf(id))[0]?.state).toBe(verb === 'end' ? 'replaced' : 'revoked');
  });

  it.each(['end', 'revoke', 'resume'])(
    '%s ends with 4 for a secret that nobody has, and with 2 for what is no id',
    async (verb) => {
      expect((await commands.run(['secrets', verb, `sec_${nobody}`])).exitCode).toBe(4);
      expect((await commands.run(['secrets', verb, '../status'])).exitCode).toBe(2);
    },
  );
});

describe('secrets pause and resume', () => {
  it('refuse the secret for so long, show who noticed, and end early on request', async () => {
    const { id, secret, secretId } = await aClient();
    const pausedUntil = new Date(commands.management.time.now + 300_000).toISOString();
    const paused = await commands.run(['secrets', 'pause', secretId, '--for', '5m']);
    expect(paused).toMatchObject({ exitCode: 0, out: expect.stringContaining(pausedUntil) });
    expect(await getsToken(id, secret)).toBe(false);
    expect((await commands.run(['clients', 'show', id])).out).toContain('Refused once, last just now from 127.0.0.1.');

    const resumed = await commands.runJson(['secrets', 'resume', secretId]);
    expect(resumed).toEqual({ id: secretId, pausedUntil: null });
    expect(await getsToken(id, secret)).toBe(true);
  });

  it('want a duration of at most an hour', async () => {
    const { secretId } = await aClient();
    for (const more of [[], ['--for', '2h'], ['--for', '0s'], ['--for', 'ever']]) {
      expect((await commands.run(['secrets', 'pause', secretId, ...more])).exitCode).toBe(2);
    }
    expect((await commands.run(['secrets', 'pause', `sec_${nobody}`, '--for', '1m'])).exitCode).toBe(4);
  });
});

describe('a secret', () => {
  it('is never a word of the command line and never on standard error', async () => {
    const { id, secret, folder } = await aClient();
    const rotated = await rotate(id);
    await commands.run(['secrets', 'rotate', id]);
    await commands.run(['secrets', 'rotate', id, '--force', '--out', 'seen.env']);
    // A secret where the id of the client belongs is the mistake to expect.
    const misplaced = await commands.run(['secrets', 'rotate', secret]);
    expect(misplaced.exitCode).toBe(2);
    const files = [join(commands.workingDirectory, 'seen.env'), join(folder, 'client.env')];
    const written = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    const secrets = [rotated.secret, ...written.map((text) => /CLIENT_SECRET=(\w+)/.exec(text)?.[1] ?? '')];
    expect(secrets.map((value) => value.slice(0, 11))).toEqual(Array(3).fill('tlw_sbx_cs_'));
    const seen = commands.seen.filter((text) => text !== secret).join('\n');
    for (const value of secrets) expect(seen).not.toContain(value);
  });
});
