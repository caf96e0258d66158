import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { refusalCodes } from '@tollward/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parsePolicy } from '../gateway/index.js';
import { forwardedCallSteps } from '../refusals/refusal.js';
import { runCli } from '../testing/cli.js';
import { explainSteps } from './policy-steps.js';

const text = `version: 1
countries: { near: [EE, LV], far: [US] }
rates: { slow: { perSecond: 3, perMinute: 40 } }
upstreams: { money: }
profiles: { upstream: money, path: '/internal/{profileId}' }
defaults: { upstream: money }
routes:
  PUT /v1/a/{id}:
    summary: Everything at once
    tokens: [embedded, personal]
    profile: query.profile
    sca: { level: low, countries: near }
    personalCountries: far
    rate: slow
    maximumBodyBytes: 5
  GET /v2/c:
    summary: For no profile, too
    tokens: [embedded]
    profile: { query: [profileId, profile], optional: true }
  GET /v2/b:
    summary: For everybody
    tokens: [client_credentials]
    anonymous: true
    environments: [sandbox]
`;

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'policy-'));
  file = join(folder, 'policy.yaml');
  await writeFile(file, text);
});
afterEach(() => rm(folder, { recursive: true }));

/** With the file as the policy of both environments. */
function run(...words: readonly string[]) {
  const variables = { TOLLWARD_SANDBOX_POLICY_FILE: file, TOLLWARD_PRODUCTION_POLICY_FILE: file };
  return runCli(words, { variables, workingDirectory: folder });
}

describe('policy check', () => {
  test('says that the policies of the settings can be used, and what serve would still ask for', async () => {
    const { exitCode, out } = await run('policy', 'check');
    expect(exitCode).toBe(0);
    expect(out).toContain(`The policy of sandbox can be used: 3 routes, ${file}.`);
    expect(out).toContain(`The policy of production can be used: 2 routes, ${file}.`);
    expect(out).toContain('For "tollward serve": TOLLWARD_PRODUCTION_UPSTREAM must be set');
  });

  test('[POL-04] tells everything that is wrong with a file, each once, and ends with 2', async () => {
    const other = join(folder, 'other.yaml');
    await writeFile(other, text.replace('version: 1', 'version: 7').replace('[EE, LV]', '[ee]'));
    const { exitCode, out, error } = await run('policy', 'check', other);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(error.trim().split('\n')).toEqual([
      'The policy can not be used:',
      `${other}:1:10: this program reads policies of version 1, and this one is 7`,
      expect.stringMatching(`^${other}:2:21: "ee" `),
    ]);
    const json = await run('policy', 'check', other, '--environment', 'sandbox', '--json');
    const problems = [expect.stringContaining(`${other}:1:10: `), expect.stringContaining(`${other}:2:21: `)];
    expect(JSON.parse(json.error)).toMatchObject({ error: { exitCode: 2, problems } });
  });

  test('[POL-04] tells that the authorities of an upstream can not be read, with their place', async () => {
    await writeFile(
      file,
      text.replace('money: }', 'money: { url: https://money.internal, caFile: /nowhere/ca.pem } }'),
    );
    const { exitCode, error } = await run('policy', 'check', file);
    expect(exitCode).toBe(2);
    expect(error.trim().split('\n').slice(1)).toEqual([
      `${file}:4:60: the file /nowhere/ca.pem can not be read (ENOENT)`,
    ]);
  });

  test('tells that there is no such file', async () => {
    const { exitCode, error } = await run('policy', 'check', join(folder, 'none.yaml'));
    expect(exitCode).toBe(2);
    expect(error).toContain('none.yaml:1:1: the file can not be read (ENOENT)');
  });

  test('the settings can not be used when their policy can not', async () => {
    expect(await run('config', 'check')).toMatchObject({ exitCode: 0 });
    await writeFile(file, 'version: 7\nroutes: {}\n');
    const { exitCode, error } = await run('config', 'check');
    expect({ exitCode, error }).toEqual({ exitCode: 2, error: expect.stringContaining(`${file}:1:10: `) });
  });
});

describe('policy explain', () => {
  test('[POL-09] tells what is asked of a call and what the upstream gets, by legacy and by calendar path', async () => {
    const { exitCode, out } = await run('policy', 'explain', 'put', '/2026Q3/a/77?profile=5');
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^\{id\} +77$/m);
    // Broken into lines where the terminal ends.
    const whole = out.replaceAll(/\s+/g, ' ');
    for (const fact of [
      'Call PUT /2026Q3/a/77 in sandbox',
      'Route PUT /v1/a/{id}: Everything at once',
      'Forwarded as PUT /v1/a/77 to the upstream money',
      'policy The token is a client-credentials token of a client with the embedded model',
      'The profile in the query, profile=,',
      'profiles of US only',
      'profiles of EE, LV',
      'at most 3 a second and 40 a minute',
      'at most 5 bytes',
    ]) {
      expect(whole).toContain(fact);
    }
    const legacy = await run('policy', 'explain', 'PUT', '/v1/a/77');
    expect(legacy.out).toContain('PUT /v1/a/77 to the upstream money');
  });

  test('takes a path as documents write it, and gives JSON to programs', async () => {
    const { out } = await run('policy', 'explain', 'PUT', '/v1/a/{id}', '--environment', 'production', '--json');
    expect(JSON.parse(out)).toMatchObject({
      environment: 'production',
      policy: file,
      route: { method: 'PUT', path: '/v1/a/{id}', calendarPath: '/2026Q3/a/{id}' },
      parameters: {},
      upstream: { name: 'money', path: '/v1/a/{id}' },
      steps: forwardedCallSteps.map((step) => ({ step })),
    });
    expect(out).toContain('unsafeNoSca');
  });

  test('[POL-09] names the closest routes when there is none, and ends with 4', async () => {
    const { exitCode, error } = await run('policy', 'explain', 'GET', '/v2/bb');
    expect(exitCode).toBe(4);
    expect(error).toMatch(/no route for \/v2\/bb: refused as route_unknown[\s\S]*closest are:\n {2}GET \/v2\/b\n/);
    const production = await run('policy', 'explain', 'GET', '/v2/b', '--environment', 'production');
    expect(production).toMatchObject({ exitCode: 4, error: expect.stringContaining('route_unknown') });
  });

  test('tells that a call is answered by Tollward itself', async () => {
    for (const [path, place] of [
      ['/oauth/token', 'below /oauth/'],
      ['/2026Q3/authenticated/playground', '/2026Q3/authenticated/playground'],
    ] as const) {
      const { exitCode, out } = await run('policy', 'explain', 'GET', path);
      expect({ exitCode, out }).toEqual({ exitCode: 0, out: expect.stringContaining(`itself answers ${place}. `) });
    }
  });

  test('names the methods of a path that takes others', async () => {
    const { exitCode, error } = await run('policy', 'explain', 'DELETE', '/v2/b');
    expect(exitCode).toBe(4);
    expect(error).toContain('/v2/b takes GET, HEAD in sandbox, not DELETE: refused as method_not_allowed.');
  });

  test('has the problems of a policy that can not be used instead', async () => {
    await writeFile(file, 'version: 1\n');
    const { exitCode, error } = await run('policy', 'explain', 'GET', '/v2/b');
    expect({ exitCode, error }).toEqual({ exitCode: 2, error: expect.stringContaining('needs "routes"') });
  });
});

describe('the steps of a call', () => {
  const decision = parsePolicy(text, 'policy.yaml', 'sandbox');
  if (!decision.ok) throw new Error(decision.problems.join('\n'));
  const [full, optional, open] = decision.policy.routes;
  if (full === undefined || optional === undefined || open === undefined) throw new Error('the policy has no routes');
  const codesOf = (route: typeof full) => explainSteps(route, 'sandbox').flatMap(({ refusals }) => refusals);

  test('are those of the pipeline, in its order', () => {
    expect(explainSteps(full, 'sandbox').map(({ step }) => step)).toEqual([...forwardedCallSteps]);
  });

  test('name every refusal that a forwarded call can meet', () => {
    // Of token requests, of a path in the table's place, and of faults.
    const others = [
      'route_unknown',
      'method_not_allowed',
      'body_too_large',
      'body_not_form',
      'parameter_missing',
      'parameter_in_query',
      'client_authentication_failed',
      'client_authentication_repeated',
      'client_id_mismatch',
      'client_revoked',
      'secret_other_environment',
      'secret_replaced',
      'secret_revoked',
      'grant_type_missing',
      'grant_type_unsupported',
      'certificate_not_registered',
      'injected_fault',
      'temporarily_unavailable',
      'internal_error',
    ];
    expect([...new Set(codesOf(full))].toSorted()).toEqual(
      refusalCodes.filter((code) => !others.includes(code)).toSorted(),
    );
  });

  test('say whether a profile may be left out', () => {
    const asksOf = (route: typeof full) =>
      explainSteps(route, 'sandbox')
        .map(({ asks }) => asks)
        .join(' ');
    expect(asksOf(optional)).toContain('The profile in the query, profileId= or profile=, is one');
    expect(asksOf(optional)).toContain('A call may name none');
    expect(asksOf(full)).not.toContain('may name none');
  });

  test('say that a rate class counts no call without a token', () => {
    const shared = { name: 'slow', limits: { perSecond: 1, perMinute: 2 } };
    const rateOf = (route: typeof full) => explainSteps(route, 'sandbox').find(({ step }) => step === 'rate')?.asks;
    expect(rateOf({ ...open, rateClass: shared })).toContain('Calls without a token are not counted.');
    expect(rateOf(full)).not.toContain('without a token');
  });

  test('name only those that the route can give', () => {
    const codes = codesOf(open);
    expect(codes).toContain('token_kind_not_allowed');
    for (const code of ['embedded_model_off', 'profile_missing', 'route_rate_limited', 'sca_not_available']) {
      expect(codes).not.toContain(code);
    }
  });
});
