import {
  aClient,
  aToken,
  basic,
  type CallAnswer,
  call,
  callPlayground,
  changePolicy,
  endCertificate,
  endClient,
  explain,
  identityOf,
  pauseCertificateOf,
  pauseSecretOf,
  requestToken,
  requireMtls,
  revokeSecretOf,
  rotate,
  startTestServer,
  type TestClient,
} from '@tollward/server/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refusedWith } from './support/connection.js';

const server = await startTestServer();
let client: TestClient;
let other: TestClient;
let ended: TestClient;
let endedToken: string;
let revoked: TestClient;
let revokedToken: string;
let token: string;
let foreign: TestClient;
let replaced: Changed;
let withoutSecret: Changed;
let pausedSecret: Changed;
let pausedCertificate: Changed;
let elsewhere: Changed;
let unbound: Changed;

/** A client with a token from before it was changed. */
interface Changed {
  readonly client: TestClient;
  readonly token: string;
}

async function changed(change: (client: TestClient) => Promise<unknown>, mtlsRequired = true): Promise<Changed> {
  const client = await aClient(server, { mtlsRequired });
  const token = await aToken(server, client, mtlsRequired ? {} : { identity: null });
  await change(client);
  return { client, token };
}

beforeAll(async () => {
  client = await aClient(server);
  token = await aToken(server, client);
  other = await aClient(server);
  ended = await aClient(server);
  endedToken = await aToken(server, ended);
  await endCertificate(server, identityOf(ended));
  revoked = await aClient(server);
  revokedToken = await aToken(server, revoked);
  await endClient(server, revoked);
  foreign = await aClient(server, { environment: 'production' });
  replaced = await changed((of) => rotate(server, of, { overlapSeconds: 0 }));
  withoutSecret = await changed((of) => revokeSecretOf(server, of));
  pausedSecret = await changed((of) => pauseSecretOf(server, of, 3_600));
  pausedCertificate = await changed((of) => pauseCertificateOf(server, identityOf(of), 3_600));
  elsewhere = await changed((of) => changePolicy(server, of, { allowedAddresses: ['203.0.113.0/24'] }));
  unbound = await changed((of) => requireMtls(server, of), false);
});
afterAll(() => server.stop());

const use = (of: Changed) => callPlayground(server, of.client, of.token);
const form = (body: string) => () => requestToken(server, client, { body });
/** What is done, the code of the refusal, the step that failed, and whether the client that is shown it is known. */
const cases: readonly (readonly [string, () => Promise<CallAnswer>, string, string, 'owned' | 'named' | 'nobody'])[] = [
  ['an unknown path', () => call(server, { path: '/nothing' }), 'route_unknown', 'edge', 'nobody'],
  ['a wrong method', () => call(server, { path: '/oauth/token' }), 'method_not_allowed', 'edge', 'nobody'],
  ['an unclear path', () => call(server, { path: '/v1//x' }), 'ambiguous_request', 'edge', 'nobody'],
  ['a query', () => requestToken(server, client, { path: '/oauth/token?a=b' }), 'parameter_in_query', 'body', 'nobody'],
  ['a large body', form('a'.repeat(9_000)), 'body_too_large', 'body', 'nobody'],
  ['a body that is no form', form('{ }'), 'body_not_form', 'body', 'nobody'],
  ['a repeated parameter', form('a=1&a=2'), 'parameter_repeated', 'body', 'nobody'],
  [
    'a wrong secret',
    () => requestToken(server, client, { headers: { authorization: basic(client.clientId, 'wrong') } }),
    'client_authentication_failed',
    'client',
    'named',
  ],
  [
    'no authentication',
    () => requestToken(server, client, { headers: { authorization: '' } }),
    'client_authentication_failed',
    'client',
    'nobody',
  ],
  ['a secret in the body too', form('client_secret=x'), 'client_authentication_repeated', 'client', 'nobody'],
  ['another client id in the body', form('client_id=x'), 'client_id_mismatch', 'client', 'owned'],
  ['a revoked client', () => requestToken(server, revoked), 'client_revoked', 'client', 'owned'],
  ['the plain host', () => requestToken(server, client, { listener: 'api' }), 'mtls_required', 'peer', 'owned'],
  ['no certificate', () => requestToken(server, client, { identity: null }), 'certificate_missing', 'peer', 'owned'],
  [
    'a foreign certificate',
    () => requestToken(server, client, { identity: other.identity }),
    'certificate_not_registered',
    'peer',
    'owned',
  ],
  ['a revoked certificate', () => requestToken(server, ended), 'certificate_revoked', 'peer', 'owned'],
  [
    'a secret of the other environment',
    () => requestToken(server, client, { headers: { authorization: basic(client.clientId, foreign.secret) } }),
    'secret_other_environment',
    'client',
    'named',
  ],
  ['a replaced secret', () => requestToken(server, replaced.client), 'secret_replaced', 'client', 'owned'],
  ['a revoked secret', () => requestToken(server, withoutSecret.client), 'secret_revoked', 'client', 'owned'],
  ['a paused secret', () => requestToken(server, pausedSecret.client), 'secret_paused', 'client', 'owned'],
  ['a paused certificate', () => requestToken(server, pausedCertificate.client), 'certificate_paused', 'peer', 'owned'],
  ['an address off the list', () => requestToken(server, elsewhere.client), 'address_not_allowed', 'peer', 'owned'],
  ['no grant type', form('scope=x'), 'grant_type_missing', 'grant', 'owned'],
  ['an unknown grant type', form('grant_type=password'), 'grant_type_unsupported', 'grant', 'owned'],
  [
    'no token to revoke',
    () => requestToken(server, client, { path: '/oauth/revoke', body: 'scope=x' }),
    'parameter_missing',
    'answer',
    'owned',
  ],
  [
    'a call without a token',
    () => call(server, { path: '/v1/authenticated/playground' }),
    'token_missing',
    'token',
    'nobody',
  ],
  ['a call with no token of ours', () => callPlayground(server, client, 'x'), 'token_malformed', 'token', 'nobody'],
  [
    'a call with a token in its query too',
    () => callPlayground(server, client, token, { path: '/v1/authenticated/playground?access_token=x' }),
    'token_in_query',
    'token',
    'owned',
  ],
  [
    'a call with a token of a revoked client',
    () => callPlayground(server, revoked, revokedToken),
    'token_revoked',
    'standing',
    'owned',
  ],
  [
    'a call with a token of a revoked certificate',
    () => callPlayground(server, ended, endedToken),
    'certificate_revoked',
    'standing',
    'owned',
  ],
  ['a call with a token of a revoked secret', () => use(withoutSecret), 'token_revoked', 'standing', 'owned'],
  ['a call with a token of a paused secret', () => use(pausedSecret), 'secret_paused', 'standing', 'owned'],
  ['a call with a paused certificate', () => use(pausedCertificate), 'certificate_paused', 'binding', 'owned'],
  ['a call from an address off the list', () => use(elsewhere), 'address_not_allowed', 'binding', 'owned'],
  ['a call with an unbound token', () => use(unbound), 'token_not_bound', 'binding', 'owned'],
  [
    'a call with a token of the other environment',
    async () => callPlayground(server, client, await aToken(server, foreign)),
    'token_other_environment',
    'token',
    'nobody',
  ],
  [
    'a call with the certificate of somebody else',
    () => callPlayground(server, client, token, { identity: other.identity }),
    'token_bound_elsewhere',
    'binding',
    'owned',
  ],
  [
    'a call at the plain host',
    () => callPlayground(server, client, token, { listener: 'api' }),
    'mtls_required',
    'binding',
    'owned',
  ],
];

describe('a refusal is explained under its trace id', () => {
  test.each(cases)('[REF-01] [REF-05] %s', async (_name, send, code, step, owner) => {
    const answer = await send();
    expect(answer.headers['x-refusal-code']).toBe(code);
    const explained = await explain(server, answer);
    expect(explained).toMatchObject({ code, status: answer.status, environment: 'sandbox', address: '127.0.0.1' });
    expect(explained?.steps.find(({ outcome }) => outcome === 'failed')?.name).toBe(step);
    for (const text of [explained?.expected, explained?.seen, explained?.remedy]) expect(text).toMatch(/\S{3}/);
    expect(explained?.clientId === null).toBe(owner !== 'owned');
    expect(explained?.clientNamed === null).toBe(owner !== 'named');
  });

  test('[REF-01] of bytes that are no request too', async () => {
    const answer = await refusedWith(server, 'garbage\r\n\r\n');
    const traceId = answer.headers.get('x-trace-id') ?? '';
    const explained = await explain(server, { status: 400, headers: { 'x-trace-id': traceId }, text: '', json: {} });
    expect(explained?.code).toBe('malformed_request');
  });

  test('[REF-02] with the correlation id of its caller', async () => {
    const answer = await callPlayground(server, client, 'x', { headers: { 'x-external-correlation-id': 'mine' } });
    expect((await explain(server, answer))?.correlationId).toBe('mine');
  });

  test('[REF-01] and an answer that is no refusal is not there', async () => {
    expect(await explain(server, await callPlayground(server, client, token))).toBeUndefined();
  });

  test('[REF-03] with the steps before it passed and those after it not run', async () => {
    const explained = await explain(server, await requestToken(server, client, { identity: null }));
    expect(explained?.steps.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
      'edge passed',
      'body passed',
      'client passed',
      'peer failed',
      'rate not run',
      'grant not run',
    ]);
  });
});

test('[REF-04] of many alike some are kept, the rest is counted and told with the next', async () => {
  const noisy = await aClient(server);
  const send = (): Promise<CallAnswer> => requestToken(server, noisy, { body: 'grant_type=nonsense' });
  const answers: CallAnswer[] = [];
  for (let turn = 0; turn < 30; turn += 1) answers.push(await send());
  const kept = await Promise.all(answers.map((answer) => explain(server, answer)));
  const suppressed = kept.filter((explained) => explained === undefined).length;
  expect(suppressed).toBeGreaterThan(0);
  expect(kept[0]).toBeDefined();
  expect(await server.core.metrics.render()).toContain(`refusals_dropped_total{reason="sampled"} ${suppressed}`);
  server.time.now += 60_000;
  expect((await explain(server, await send()))?.suppressedBefore).toBe(suppressed);
});
