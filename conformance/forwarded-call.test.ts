// What a partner is told at a forwarded route, what the operator finds of it, and what the upstream never sees.

import { randomUUID } from 'node:crypto';
import {
  aClient,
  aToken,
  type Call,
  type CallAnswer,
  call,
  explain,
  requestToken,
  startTestServer,
  type TestClient,
  type TestServer,
} from '@tollward/server/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MoneyUpstream, startMoneyUpstream } from './support/money-upstream.js';

let upstream: MoneyUpstream;
let server: TestServer;
let member: TestClient;
let plain: TestClient;
const tokens = new Map<TestClient, string>();
beforeAll(async () => {
  upstream = await startMoneyUpstream();
  server = await startTestServer({ upstreamUrl: () => upstream.url });
  member = await aClient(server, { policy: { embeddedModel: true } });
  plain = await aClient(server);
  for (const client of [member, plain]) tokens.set(client, await aToken(server, client));
  upstream.profiles.set('1', { country: 'EE', clientId: member.clientId });
  upstream.profiles.set('2', { country: 'US', clientId: plain.clientId });
});
afterAll(async () => {
  await server.stop();
  await upstream.close();
});

const tokenOf = (client: TestClient): string => tokens.get(client) ?? '';

interface Sent extends CallAnswer {
  /** All that came of it; undefined: nothing did. */
  readonly arrived: string | undefined;
}

async function send(client: TestClient, path: string, changes: Partial<Call> = {}): Promise<Sent> {
  const id = randomUUID();
  const { headers = { authorization: `Bearer ${tokenOf(client)}` }, ...more } = changes;
  const answer = await call(server, {
    path,
    identity: client.identity,
    ...more,
    headers: { ...headers, 'x-external-correlation-id': id },
  });
  return { ...answer, arrived: upstream.arrived.get(id) };
}

const statement = '/v1/profiles/1/balance-statements/1/statement.json';

describe('a refusal of a forwarded call is explained under its trace id:', () => {
  const cases: readonly (readonly [
    name: string,
    send: () => Promise<Sent>,
    code: string,
    step: string,
    seen: RegExp,
  ])[] = [
    [
      'a kind of token that the route does not take',
      () => send(member, '/v1/simulation/verify-profile', { method: 'POST' }),
      'token_kind_not_allowed',
      'policy',
      /client-credentials token/,
    ],
    ['the embedded model', () => send(plain, '/v2/profiles'), 'embedded_model_off', 'policy', /embedded model/],
    ['an empty profile', () => send(member, '/v1/transfers?profile='), 'profile_missing', 'policy', /an empty profile/],
    [
      'a profile in another spelling',
      () => send(member, '/v1/transfers?profile=%31'),
      'profile_malformed',
      'policy',
      /profile=%31/,
    ],
    [
      'two profiles',
      () => send(member, '/v1/transfers?profile=1&profile=2'),
      'parameter_repeated',
      'policy',
      /2 that read as profile/,
    ],
    [
      'a profile of another client',
      () => send(member, '/v2/profiles/2'),
      'profile_not_accessible',
      'policy',
      /profile 2, made by client cli_/,
    ],
    [
      'a profile that does not exist',
      () => send(member, '/v2/profiles/3'),
      'profile_not_accessible',
      'policy',
      /profile 3, which the upstream does not know/,
    ],
    ['strong authentication', () => send(member, statement), 'sca_not_available', 'sca', /profile 1 of EE/],
    [
      'a body that is too large',
      () => send(member, '/v1/transfers', { method: 'POST', body: 'x'.repeat(2_000_000) }),
      'request_body_too_large',
      'forward',
      /2000000 bytes/,
    ],
  ];
  for (const [name, knock, code, step, seen] of cases) {
    test(`[REF-01] [REF-03] [REF-05] ${name}`, async () => {
      const answer = await knock();
      expect(answer.headers['x-refusal-code']).toBe(code);
      expect(answer.arrived).toBeUndefined();
      const explained = await explain(server, answer);
      expect(explained).toMatchObject({ code, status: answer.status, seen: expect.stringMatching(seen) });
      expect(explained?.clientId).toMatch(/^cli_/);
      const steps = explained?.steps.map(({ name: each, outcome }) => `${each} ${outcome}`) ?? [];
      const failed = steps.indexOf(`${step} failed`);
      expect(failed).toBeGreaterThan(0);
      expect(steps.slice(0, failed).every((each) => each.endsWith(' passed'))).toBe(true);
      expect(steps.slice(failed + 1).every((each) => each.endsWith(' not run'))).toBe(true);
    });
  }
});

describe('the answer to a call for', () => {
  test('[BEAR-08] a profile of somebody else is 403 in the shape of the contract, and the same for one that does not exist', async () => {
    const answers = [await send(member, '/v2/profiles/2'), await send(member, '/v2/profiles/3')];
    const bodies = answers.map(({ status, json: body }) => [status, { ...body, timestamp: '', path: '' }]);
    const expected = { timestamp: '', status: 403, error: 'unauthorized', message: 'Unauthorized', path: '' };
    expect(bodies).toEqual([
      [403, expected],
      [403, expected],
    ]);
    const [foreign, absent] = answers.map(({ headers }) => Object.keys(headers).sort());
    expect(foreign).toEqual(absent);
  });

  test('[BEAR-10] a route that takes another kind of token is 403', async () => {
    const answer = await send(member, '/v1/simulation/verify-profile', { method: 'POST' });
    expect([answer.status, answer.json['status']]).toEqual([403, 403]);
  });

  test('[BEAR-12] what needs strong authentication is a refusal, and begins no challenge', async () => {
    const answer = await send(member, statement);
    expect(answer.status).toBe(403);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('x-2fa'))).toEqual([]);
  });

  test('[BEAR-11] [FAPI-12] somebody with a bad token has the challenge of RFC 6750 and no secret', async () => {
    const token = tokenOf(member);
    const answer = await send(member, '/v2/profiles', { headers: { authorization: `Bearer ${token}x` } });
    expect(answer.headers['www-authenticate']).toMatch(
      /^Bearer realm="tollward", error="invalid_token", error_description="[^"\\]+"$/,
    );
    expect(answer.headers['www-authenticate'] + answer.text).not.toContain(token);
  });
});

describe('an upstream', () => {
  test('[FAPI-16] sees nothing of the token, the secret or the certificate of a caller', async () => {
    const { arrived = '' } = await send(member, '/v1/transfers', { method: 'POST', body: '{}' });
    expect(arrived).toMatch(/^POST\n\/v1\/transfers\n/);
    const certificate = member.identity?.cert.split('\n').slice(1, 3) ?? [];
    expect(certificate).toHaveLength(2);
    for (const own of [tokenOf(member), 'Bearer', member.secret, member.identity?.thumbprint ?? '', ...certificate]) {
      expect(own.length).toBeGreaterThan(5);
      expect(arrived.toLowerCase()).not.toContain(own.toLowerCase());
    }
  });

  test('[FAPI-09] gets no call whose token is in the query or in a form', async () => {
    const token = tokenOf(member);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const inForm = { method: 'POST', body: `access_token=${token}`, headers: form };
    const sent = [
      await send(member, `/v2/profiles?access_token=${token}`, { headers: {} }),
      await send(member, `/v2/profiles?access_token=${token}`),
      await send(member, `/v1/currencies?%61ccess_token=${token}`, { headers: {} }),
      await send(member, '/v1/transfers', inForm),
    ];
    expect(sent.map(({ status, headers }) => `${status} ${String(headers['x-refusal-code'])}`)).toEqual([
      '401 token_missing',
      '400 token_in_query',
      '400 token_in_query',
      '401 token_missing',
    ]);
    expect(sent.map(({ arrived }) => arrived)).toEqual(sent.map(() => undefined));
  });

  test('[FAPI-17] gets no call of somebody whose certificate is only in headers', async () => {
    const { cert = '', thumbprint = '' } = member.identity ?? {};
    const pem = encodeURIComponent(cert);
    const der = cert.replaceAll(/-----.*?-----|\n/g, '');
    const forged: Readonly<Record<string, string>> = {
      'client-cert': `:${der.slice(0, 1_000)}:`,
      'x-client-cert': pem,
      'x-ssl-client-cert': pem,
      'x-forwarded-client-cert': `Hash=${thumbprint};Cert="${pem}"`,
      'x-tollward-client': member.clientId,
      'tollward-assertion': 'e30.e30.e30',
    };
    for (const [name, value] of Object.entries(forged)) {
      const headers = { authorization: `Bearer ${tokenOf(member)}`, [name]: value };
      const answer = await send(member, '/v2/profiles', { identity: null, headers });
      expect([name, answer.headers['x-refusal-code'], answer.arrived]).toEqual([
        name,
        'certificate_missing',
        undefined,
      ]);
    }
  });

  test('[FAPI-10] gets no call with a token that its client has revoked', async () => {
    const token = await aToken(server, member);
    const headers = { authorization: `Bearer ${token}` };
    expect((await send(member, '/v2/profiles', { headers })).status).toBe(200);
    await requestToken(server, member, { path: '/oauth/revoke', body: `token=${token}` });
    const answer = await send(member, '/v2/profiles', { headers });
    expect([answer.headers['x-refusal-code'], answer.arrived]).toEqual(['token_revoked', undefined]);
  });
});
