import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import type { Environment } from '@tollward/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SettingsError } from '../../platform/config/load-settings.js';
import { createLog } from '../../platform/observability/log.js';
import { openPolicies, type PoliciesOptions } from './open-policies.js';
import { findPolicyProblems } from './read-policy.js';

const oneRoute = (path: string, upstream = '{ url: http://money.internal }') =>
  `\n\nversion: 1\nupstreams:\n  money: ${upstream}\nroutes:\n  GET ${path}: { summary: x, tokens: [user], upstream: money }\n`;

const certificate = `${rootCertificates[0]}\n`;
const { privateKey } = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

let folder: string;
let file: string;
let logged: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'policy-'));
  file = join(folder, 'policy.yaml');
  logged = '';
});
afterEach(() => rm(folder, { recursive: true }));

function options(changes: Partial<PoliciesOptions> = {}): PoliciesOptions {
  const log = createLog('info', {
    write: (line) => {
      logged += line;
    },
  });
  const environments: readonly Environment[] = ['sandbox'];
  return { settings: {}, files: {}, environments, log, ...changes };
}

/** As the settings are when the file of the sandbox is named. */
function fromFile(): PoliciesOptions {
  return options({ settings: { sandboxPolicy: 'as it was read by the settings' }, files: { sandboxPolicy: file } });
}

function pathsOf(policies: Awaited<ReturnType<typeof openPolicies>>): readonly string[] {
  return policies.of('sandbox').policy.routes.map(({ path }) => path);
}

describe('the policies in force', () => {
  test('are those that come with the program when the settings name none', async () => {
    const policies = await openPolicies(options({ environments: ['sandbox', 'production'] }));
    expect(policies.of('sandbox').routes.find('GET', '/v1/rates')).toMatchObject({ upstreamPath: '/v1/rates' });
    expect(policies.of('production').routes.find('POST', '/v1/simulation/balance/topup')).toBeUndefined();
    expect(logged).toMatch(/"environment":"production","file":".*policy\/default\.yaml","routes":31/);
  });

  test('can be written into the settings', async () => {
    const policies = await openPolicies(options({ settings: { sandboxPolicy: oneRoute('/v1/a') } }));
    expect(pathsOf(policies)).toEqual(['/v1/a']);
    expect(() => policies.of('production')).toThrow('not served');
  });

  test('[POL-07] a start with problems names all of them, each with its file and line', async () => {
    await writeFile(file, oneRoute('/v1/a').replace('version: 1', 'version: 2'));
    const settings = { sandboxPolicy: 'x', productionPolicy: 'routes: {}' };
    const opening = openPolicies({ ...fromFile(), settings, environments: ['sandbox', 'production'] });
    const error = await opening.catch((thrown: unknown) => thrown);
    if (!(error instanceof SettingsError)) throw error;
    expect(error.problems).toEqual([
      `${file}:3:10: this program reads policies of version 1, and this one is 2`,
      'TOLLWARD_PRODUCTION_POLICY:1:1: "the policy" needs "version"',
    ]);
  });

  test('a file of both environments has its problems told once', async () => {
    await writeFile(file, 'version: 2\nroutes: {}\n');
    const files = { sandboxPolicy: file, productionPolicy: file };
    const settings = { sandboxPolicy: 'x', productionPolicy: 'x' };
    const opening = openPolicies(options({ settings, files, environments: ['sandbox', 'production'] }));
    await expect(opening).rejects.toMatchObject({ problems: [expect.stringContaining('version 1')] });
  });

  test('[POL-08] a reload reads the file again, and who has the policy before keeps it', async () => {
    await writeFile(file, oneRoute('/v1/a'));
    const policies = await openPolicies(fromFile());
    const before = policies.of('sandbox');
    await writeFile(file, oneRoute('/v1/b'));
    await policies.reload();
    expect(policies.of('sandbox').routes.find('GET', '/v1/b')).toMatchObject({ upstreamPath: '/v1/b' });
    expect(policies.of('sandbox').routes.find('GET', '/v1/a')).toBeUndefined();
    expect(before.routes.find('GET', '/v1/a')).toMatchObject({ upstreamPath: '/v1/a' });
  });

  for (const [name, says, spoil] of [
    ['has problems', /no key "routs"/, () => writeFile(file, 'version: 1\nrouts: {}\nupstreams: []\n')],
    ['is empty, as it is while it is written', /the file is empty/, () => writeFile(file, '')],
    ['is not UTF-8', /is not UTF-8/, () => writeFile(file, Buffer.from([0x61, 0xff]))],
    ['is too large', /more than 1 MiB/, () => writeFile(file, `#${'é'.repeat(524_288)}`)],
    ['is gone', /can not be read \(ENOENT\)/, () => rm(file)],
  ] as const) {
    test(`[POL-08] the policy before stays when the file ${name}, and the log says why`, async () => {
      await writeFile(file, oneRoute('/v1/a'));
      const policies = await openPolicies(fromFile());
      const before = policies.of('sandbox');
      logged = '';
      await spoil();
      await policies.reload();
      expect(policies.of('sandbox')).toBe(before);
      const lines = logged
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(lines.map(({ problem }) => problem).join()).toMatch(says);
      expect(lines.at(-1)).toMatchObject({ level: 'error', file, msg: 'the policy before stays in force' });
      expect(lines.slice(0, -1)).toHaveLength(Number(lines.at(-1)?.['problems']));
      for (const line of lines.slice(0, -1)) expect(line['problem']).toMatch(new RegExp(`^${file}:\\d+:\\d+: `));
    });
  }

  test('a reload takes nothing that leaves an upstream without an address where all had one', async () => {
    await writeFile(file, oneRoute('/v1/a'));
    const policies = await openPolicies(fromFile());
    await writeFile(file, oneRoute('/v1/b', '{}'));
    await policies.reload();
    expect(pathsOf(policies)).toEqual(['/v1/a']);
    expect(logged).toContain('TOLLWARD_SANDBOX_UPSTREAM must be set');
  });

  test('a reload does not ask for addresses that were never there, which dev brings', async () => {
    await writeFile(file, oneRoute('/v1/a', '{}'));
    const policies = await openPolicies(fromFile());
    await writeFile(file, oneRoute('/v1/b', '{}'));
    await policies.reload();
    expect(pathsOf(policies)).toEqual(['/v1/b']);
  });
});

describe('the file of the authorities of an upstream', () => {
  const withAuthorities = () => oneRoute('/v1/a', `{ url: https://money.internal, caFile: ${join(folder, 'ca.pem')} }`);
  const authoritiesOf = (policies: Awaited<ReturnType<typeof openPolicies>>) =>
    policies.of('sandbox').policy.upstreams.get('money')?.ca;

  for (const [name, contents, says] of [
    ['is not there', undefined, 'can not be read (ENOENT)'],
    ['is empty', '', 'holds no certificate in PEM form'],
    ['is no PEM', 'MIIB', 'holds no certificate in PEM form'],
    ['is cut off', `${certificate}-----BEGIN CERTIFICATE-----\nMIIB\n`, 'holds a certificate that is cut off'],
    ['is spoilt', certificate.replace('MII', 'AAA'), 'holds something else than certificates in PEM form, in block 1'],
    ['holds a key', `${certificate}${privateKey}`, 'holds something else than certificates in PEM form, in block 2'],
    ['is not UTF-8', Buffer.from([0x61, 0xff]), 'is not UTF-8'],
  ] as const) {
    test(`[POL-04] is a problem at its place in the policy when it ${name}`, async () => {
      if (contents !== undefined) await writeFile(join(folder, 'ca.pem'), contents);
      await writeFile(file, withAuthorities());
      const opening = openPolicies(fromFile());
      const problem = `${file}:5:49: the file ${join(folder, 'ca.pem')} ${says}`;
      await expect(opening).rejects.toMatchObject({ problems: [problem] });
    });
  }

  test('[POL-08] is read again at a reload, and the authorities before stay when it can not be used', async () => {
    await writeFile(join(folder, 'ca.pem'), certificate);
    await writeFile(file, withAuthorities());
    const policies = await openPolicies(fromFile());
    expect(authoritiesOf(policies)).toBe(certificate);
    await writeFile(join(folder, 'ca.pem'), `${certificate}${certificate}`);
    await policies.reload();
    expect(authoritiesOf(policies)).toBe(`${certificate}${certificate}`);
    await rm(join(folder, 'ca.pem'));
    await policies.reload();
    expect(authoritiesOf(policies)).toBe(`${certificate}${certificate}`);
    expect(logged).toContain('can not be read (ENOENT)');
  });
});

describe('what serve insists on', () => {
  const problemsOf = (changes: Partial<PoliciesOptions>) => findPolicyProblems(options(changes));

  test('[POL-07] is an address for each upstream that the policy gives none', async () => {
    const [problem, ...more] = await problemsOf({});
    expect(problem).toMatch(/^TOLLWARD_SANDBOX_UPSTREAM must be set: the upstream "money" .* has no url\.$/);
    expect(more).toEqual([]);
    expect(await problemsOf({ settings: { sandboxUpstream: 'http://money.internal' } })).toEqual([]);
    expect(await problemsOf({ settings: { sandboxPolicy: oneRoute('/v1/a') } })).toEqual([]);
    expect(await problemsOf({ settings: { productionUpstream: 'http://money.internal' } })).toHaveLength(1);
  });

  test('is an address without password and query, which is not repeated', async () => {
    for (const sandboxUpstream of ['https://me:hidden-word@money.internal', 'https://money.internal/?hidden-word']) {
      const problems = await problemsOf({ settings: { sandboxUpstream } });
      expect(problems).toEqual([expect.stringMatching(/^TOLLWARD_SANDBOX_UPSTREAM must /)]);
      expect(problems.join()).not.toContain('hidden-word');
    }
  });
});
