import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestCommands, type TestCommands } from '../testing/cli.js';

let commands: TestCommands;

beforeAll(async () => {
  commands = await openTestCommands();
});
afterAll(() => commands.close());

interface Shown {
  readonly name: string;
  readonly mtlsRequired: boolean;
  readonly embeddedModel: boolean;
  readonly scaOff: boolean;
  readonly allowedAddresses: readonly string[];
  readonly limits: { readonly perSecond: number; readonly perMinute: number } | null;
  readonly accessTokenLifetimeSeconds: number;
}

const show = (id: string) => commands.runJson<Shown>(['clients', 'show', id]);
const update = (id: string, ...words: string[]) => commands.run(['clients', 'update', id, ...words]);

const everySwitch = [
  '--embedded-model',
  'on',
  '--sca',
  'off',
  '--allow',
  '10.0.0.7',
  '--allow',
  '2001:db8::/32',
].concat(['--rate', '10/300', '--token-lifetime', '15m']);
const everySwitchSet = {
  embeddedModel: true,
  scaOff: true,
  allowedAddresses: ['10.0.0.7', '2001:db8::/32'],
  limits: { perSecond: 10, perMinute: 300 },
  accessTokenLifetimeSeconds: 900,
};
const asSafeAsItCanBe = { mtlsRequired: true, embeddedModel: false, scaOff: false, allowedAddresses: [], limits: null };

describe('clients create', () => {
  it('makes a client as safe as it can be when no switch is given', async () => {
    expect(await show((await commands.createClient()).id)).toMatchObject(asSafeAsItCanBe);
  });

  it('takes every switch', async () => {
    const { id } = await commands.createClient('--mtls', 'off', ...everySwitch);
    expect(await show(id)).toMatchObject({ mtlsRequired: false, ...everySwitchSet });
  });

  it('refuses to switch SCA off in production', async () => {
    const words = ['clients', 'create', '--environment', 'production', '--organisation', 'Test Bank', '--name', 'x'];
    const run = await commands.run([...words, '--sca', 'off', '--json']);
    expect(run.exitCode).toBe(2);
    expect(JSON.parse(run.error)).toMatchObject({ error: { code: 'sca_off_in_production' } });
  });
});

describe('clients update', () => {
  it('changes every switch and says what it was before', async () => {
    const { id } = await commands.createClient();
    const { exitCode, out } = await update(id, '--name', 'renamed', '--mtls', 'off', ...everySwitch);
    expect(exitCode).toBe(0);
    expect(await show(id)).toMatchObject({ name: 'renamed', mtlsRequired: false, ...everySwitchSet });
    expect(out).toMatch(/^Name +renamed \(was: client \d+\)$/m);
    expect(out).toMatch(/^Mutual TLS +off \(was: required\)$/m);
    expect(out).toMatch(/^Embedded model +on \(was: off\)$/m);
    expect(out).toMatch(/^SCA +off \(was: on\)$/m);
    expect(out).toMatch(/^Addresses +10\.0\.0\.7, 2001:db8::\/32 \(was: any\)$/m);
    expect(out).toMatch(/^Limits +10 a second, 300 a minute \(was: default\)$/m);
    expect(out).toMatch(/^Tokens +in force for 900 seconds \(was: in force for 43200 seconds\)$/m);
  });

  it('takes everything back', async () => {
    const { id } = await commands.createClient(...everySwitch);
    await update(id, '--embedded-model', 'off', '--sca', 'on', '--allow', 'any', '--rate', 'default');
    expect(await show(id)).toMatchObject(asSafeAsItCanBe);
  });

  it('leaves alone what is not named, and names only what changed', async () => {
    const { id } = await commands.createClient(...everySwitch);
    const words = ['clients', 'update', id, '--rate', '10/600', '--sca', 'off'];
    const { changes } = await commands.runJson<{ changes: unknown }>(words);
    const before = '10 a second, 300 a minute';
    expect(changes).toEqual([{ label: 'Limits', before, after: '10 a second, 600 a minute' }]);
    expect(await show(id)).toMatchObject({ ...everySwitchSet, limits: { perSecond: 10, perMinute: 600 } });
    expect((await update(id, '--sca', 'off')).out).toMatch(/^Changed +nothing/m);
  });

  it('passes on what is still missing before the client can be used', async () => {
    const { id } = await commands.createClient('--mtls', 'off');
    expect((await update(id, '--mtls', 'on')).out).toMatch(/^Note +.*no certificate/m);
    expect(await commands.runJson(['clients', 'update', id, '--mtls', 'on'])).toHaveProperty('notice');
    expect((await update(id, '--mtls', 'off')).out).not.toContain('Note');
  });

  it.each([
    ['nothing', []],
    ['a switch that is neither on nor off', ['--mtls', 'maybe']],
    ['a host name', ['--allow', 'example.com']],
    ['bits behind the prefix', ['--allow', '10.0.0.7/8']],
    ['"any" beside an address', ['--allow', 'any', '10.0.0.7']],
    ['one limit only', ['--rate', '10']],
    ['a limit of zero', ['--rate', '0/300']],
    ['a lifetime under ten seconds', ['--token-lifetime', '9s']],
    ['a lifetime over a day', ['--token-lifetime', '25h']],
  ])('ends with 2 for %s and changes nothing', async (_case, words) => {
    const { id } = await commands.createClient();
    const { exitCode, out } = await update(id, ...words);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(await show(id)).toMatchObject(asSafeAsItCanBe);
  });

  it('ends with 5 for a name that is taken and for a revoked client, with 4 for one that nobody has', async () => {
    const { name } = await commands.createClient();
    const { id } = await commands.createClient();
    expect((await update(id, '--name', name)).exitCode).toBe(5);
    await commands.run(['clients', 'revoke', id]);
    expect((await update(id, '--mtls', 'off')).exitCode).toBe(5);
    expect((await update(`cli_${'0'.repeat(32)}`, '--mtls', 'off')).exitCode).toBe(4);
  });
});

describe('clients show', () => {
  it('judges by the time that --safe-after names', async () => {
    const { id, secret } = await commands.createClient('--mtls', 'off');
    await commands.management.requestToken(id, secret);
    commands.management.time.now += 3_600_000;
    await commands.run(['secrets', 'rotate', id]);
    expect((await commands.run(['clients', 'show', id])).out).toContain(
      'Wait: last used 60 minutes ago from 127.0.0.1',
    );
    expect((await commands.run(['clients', 'show', id, '--safe-after', '1h'])).out).toContain('Safe to end');
    expect((await commands.run(['clients', 'show', id, '--safe-after', 'soon'])).exitCode).toBe(2);
  });
});

describe('clients end-tokens', () => {
  it('ends the tokens of the client and not the client, and ends with 4 for one that nobody has', async () => {
    const { id } = await commands.createClient();
    expect(await commands.run(['clients', 'end-tokens', id])).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining(`All tokens of client ${id} are ended.`),
    });
    expect(await show(id)).toMatchObject({ revokedAt: null });
    expect((await commands.run(['clients', 'end-tokens', `cli_${'0'.repeat(32)}`])).exitCode).toBe(4);
  });
});
