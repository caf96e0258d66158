import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestCommands, runCli, type TestCommands } from '../testing/cli.js';

let commands: TestCommands;

beforeAll(async () => {
  commands = await openTestCommands();
});
afterAll(() => commands.close());

interface ListedKeys {
  readonly keys: readonly {
    readonly kind: string;
    readonly environment: string;
    readonly id: string;
    readonly state: string;
  }[];
  readonly masterKeys: readonly { readonly id: string; readonly role: string; readonly values: number }[];
}

const list = () => commands.runJson<ListedKeys>(['keys', 'list']);

async function activeTokenKey(): Promise<string> {
  const { keys } = await list();
  const active = keys.find((key) => key.kind === 'token' && key.environment === 'sandbox' && key.state === 'active');
  return active?.id ?? '';
}

describe('keys list', () => {
  test('shows every key with its state and times, within 120 columns, and what the master key sealed', async () => {
    const { exitCode, out } = await commands.run(['keys', 'list']);
    expect(exitCode).toBe(0);
    const lines = out.split('\n');
    expect(lines[0]).toMatch(/^KIND +ENVIRONMENT +ID +STATE +ACTIVE FROM +REPLACED AT$/);
    expect(lines.filter((line) => /^token +sandbox +[0-9a-f]{8} +active +\S+Z +\S+Z$/.test(line))).toHaveLength(1);
    expect(lines.filter((line) => /^hmac +production +1 +active /.test(line))).toHaveLength(1);
    expect(Math.max(...lines.slice(0, 6).map((line) => line.length))).toBeLessThanOrEqual(120);
    expect(out).toMatch(/^Master key [0-9a-f]{8}, the main one, sealed \d+ values\.$/m);
  });
});

describe('keys rotate', () => {
  test('makes a next key and prints the keys of the kind; a second one while it waits is a conflict', async () => {
    const made = await commands.run(['keys', 'rotate', 'hmac', '--environment', 'sandbox', '--publish', '30s']);
    expect([made.exitCode, made.error]).toEqual([0, '']);
    const from = new Date(commands.management.time.now + 30_000).toISOString();
    expect(made.out).toMatch(new RegExp(`^hmac +sandbox +2 +next +${from} `, 'm'));
    expect(made.out).not.toMatch(/^token/m);
    const again = await commands.run(['keys', 'rotate', 'hmac', '--environment', 'sandbox']);
    expect(again.exitCode).toBe(5);
    expect(again.error).toMatch(/next HMAC key of sandbox is there already/);
  });

  test('refuses a kind, an environment and a time that there are not', async () => {
    for (const words of [
      ['keys', 'rotate', 'master'],
      ['keys', 'rotate', 'token', '--environment', 'staging'],
      ['keys', 'rotate', 'token', '--publish', '4s'],
      ['keys', 'rotate', 'token', '--publish', '31d'],
      ['keys', 'revoke', 'hmac', '1'],
    ]) {
      expect((await commands.run(words)).exitCode, words.join(' ')).toBe(2);
    }
    expect((await commands.run(['keys', 'rotate', 'partner-ca'])).exitCode, 'no such keys behind this test').toBe(4);
  });
});

describe('keys revoke token', () => {
  test('[KEY-05] kills the tokens of the key and says so; new ones are good', async () => {
    const { management } = commands;
    const client = await commands.createClient('--mtls', 'off');
    const token = await management.tokenOf(client.id, client.secret);
    expect(await management.outcomeOfCall(token)).toBe('admitted');
    const id = await activeTokenKey();
    const { exitCode, out } = await commands.run(['keys', 'revoke', 'token', id]);
    expect(exitCode).toBe(0);
    expect(out).toContain(`Token key ${id} of sandbox is revoked: every token it sealed is dead`);
    expect(await management.outcomeOfCall(token)).not.toBe('admitted');
    expect(await management.outcomeOfCall(await management.tokenOf(client.id, client.secret))).toBe('admitted');
    const again = await commands.run(['keys', 'revoke', 'token', id]);
    expect(again.exitCode).toBe(4);
    expect((await commands.run(['keys', 'revoke', 'token', 'sec_1'])).exitCode).toBe(2);
  });
});

describe('keys reseal', () => {
  test('says that nothing was left to do', async () => {
    const { exitCode, out } = await commands.run(['keys', 'reseal']);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^Sealed 0 values anew\.\nMaster key [0-9a-f]{8}, the main one, sealed \d+ values\.\n$/);
  });
});

describe('config check', () => {
  const base64 = (byte: number) => Buffer.alloc(32, byte).toString('base64');
  const check = (variables: Record<string, string>) => runCli(['config', 'check'], { variables });

  test('[KEY-11] refuses a master key that can not be read, and twice the same, and repeats neither', async () => {
    for (const [variables, text] of [
      [{ TOLLWARD_MASTER_KEY: 'short' }, 'The master key must be 32 bytes'],
      [{ TOLLWARD_MASTER_KEY: base64(1), TOLLWARD_OTHER_MASTER_KEY: 'short' }, 'The other master key must be 32 bytes'],
      [{ TOLLWARD_OTHER_MASTER_KEY: 'short' }, 'The other master key must be 32 bytes'],
      [{ TOLLWARD_MASTER_KEY: base64(1), TOLLWARD_OTHER_MASTER_KEY: base64(1) }, 'are the same one'],
    ] as const) {
      const { exitCode, error } = await check(variables);
      expect(exitCode).toBe(2);
      expect(error).toContain(text);
      for (const value of ['short', base64(1)]) expect(error).not.toContain(value);
    }
    const good = await check({ TOLLWARD_MASTER_KEY: base64(1), TOLLWARD_OTHER_MASTER_KEY: base64(2) });
    expect(good.exitCode).toBe(0);
  });
});
