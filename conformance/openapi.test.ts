// The description that partners make clients from, held against what the server really does.

import { environments } from '@tollward/protocol';
import {
  aClient,
  aToken,
  basic,
  type Call,
  call,
  endClient,
  identityOf,
  pauseCertificateOf,
  requestToken,
  revokeSecretOf,
  startTestServer,
  type TestClient,
} from '@tollward/server/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { callDescribed, fetchDescription } from './support/description.js';

const server = await startTestServer();
const start = server.time.now;
afterAll(() => server.stop());

const descriptions = {
  sandbox: await fetchDescription(server, 'sandbox'),
  production: await fetchDescription(server, 'production'),
};

async function outcomeOf({ environment = 'sandbox', ...rest }: Call) {
  const { status, code, problems } = await callDescribed(server, descriptions[environment], { environment, ...rest });
  return { status, code, problems };
}

const form = 'application/x-www-form-urlencoded';

function formCall(client: TestClient, path: string, body: string, headers: Record<string, string> = {}): Call {
  const authorization = basic(client.clientId, client.secret);
  const { environment, identity } = client;
  return {
    environment,
    identity,
    method: 'POST',
    path,
    body,
    headers: { authorization, 'content-type': form, ...headers },
  };
}

describe('the description that is served', () => {
  test('[OAS-05] is for anybody, on both listeners, with the addresses of its environment', async () => {
    for (const environment of environments) {
      const answers = [];
      for (const listener of ['api', 'api-mtls'] as const) {
        const { status, headers, text } = await call(server, { environment, listener, path: '/openapi.json' });
        expect([status, headers['content-type']]).toEqual([200, 'application/json']);
        answers.push(text);
      }
      expect(answers[0]).toBe(answers[1]);
      const { servers } = JSON.parse(answers[0] ?? '') as { servers: { url: string }[] };
      expect(servers.map(({ url }) => url)).toEqual([
        server.urlOf(environment, 'api'),
        server.urlOf(environment, 'api-mtls'),
      ]);
    }
  });

  test('[OAS-05] is not sent again to who has it', async () => {
    const first = await call(server, { path: '/openapi.json' });
    const { etag = '' } = first.headers;
    const again = await call(server, { path: '/openapi.json', headers: { 'if-none-match': etag } });
    expect([again.status, again.text, again.headers.etag]).toEqual([304, '', etag]);
    const head = await call(server, { path: '/openapi.json', method: 'HEAD' });
    expect([head.status, head.headers['content-length']]).toEqual([200, String(Buffer.byteLength(first.text))]);
  });

  test('[OAS-04] has every call that the server takes, and no other', () => {
    for (const environment of environments) {
      expect([...descriptions[environment].calls].sort()).toEqual([...server.routesOf(environment)].sort());
    }
  });
});

describe('what is answered here', () => {
  test('[OAS-06] the endpoints for clients and for anybody answer as described', async () => {
    const client = await aClient(server);
    const token = await aToken(server, client);
    const { identity } = client;
    const calls: Call[] = [
      formCall(client, '/oauth/token', 'grant_type=client_credentials'),
      formCall(client, '/2026Q3/oauth/token', 'grant_type=client_credentials'),
      formCall(client, '/oauth/introspect', `token=${token}`),
      formCall(client, '/oauth/introspect', 'token=x'),
      formCall(client, '/oauth/introspect', `token=${token}`, { accept: 'application/token-introspection+jwt' }),
      { path: '/v1/authenticated/playground', identity, headers: { authorization: `Bearer ${token}` } },
      { path: '/2026Q3/authenticated/playground', identity, headers: { authorization: `Bearer ${token}` } },
      formCall(client, '/oauth/revoke', `token=${token}`),
      { path: '/.well-known/oauth-authorization-server' },
      { path: '/.well-known/jwks.json' },
      { path: '/openapi.json' },
    ];
    for (const one of calls) expect(await outcomeOf(one)).toEqual({ status: 200, code: undefined, problems: [] });
  });

  test('[OAS-07] refusals of clients and tokens are those that are described', async () => {
    const [client, other, revoked, ended, paused] = await Promise.all(Array.from({ length: 5 }, () => aClient(server)));
    if (!client || !other || !revoked || !ended || !paused) throw new Error('no clients');
    const token = await aToken(server, client);
    const tokens = { ended: await aToken(server, ended), paused: await aToken(server, paused) };
    await revokeSecretOf(server, revoked);
    await endClient(server, ended);
    await pauseCertificateOf(server, identityOf(paused), 60);
    const production = await aToken(server, await aClient(server, { environment: 'production' }));
    const bearer = (value: string, changes: Partial<Call> = {}): Call => ({
      path: '/v1/authenticated/playground',
      identity: client.identity,
      headers: { authorization: `Bearer ${value}` },
      ...changes,
    });
    const grant = 'grant_type=client_credentials';
    const refused: [string, Call][] = [
      ['client_authentication_failed', { ...formCall({ ...client, secret: 'wrong' }, '/oauth/token', grant) }],
      ['secret_revoked', formCall(revoked, '/oauth/token', grant)],
      ['client_revoked', formCall(ended, '/oauth/token', grant)],
      ['certificate_paused', formCall(paused, '/oauth/token', grant)],
      ['certificate_missing', { ...formCall(client, '/oauth/token', grant), identity: null }],
      ['certificate_not_registered', { ...formCall(client, '/oauth/token', grant), identity: other.identity }],
      ['mtls_required', { ...formCall(client, '/oauth/token', grant), listener: 'api', identity: null }],
      ['grant_type_missing', formCall(client, '/oauth/token', 'x=y')],
      ['grant_type_unsupported', formCall(client, '/2026Q3/oauth/token', 'grant_type=password')],
      ['parameter_repeated', formCall(client, '/oauth/token', `${grant}&${grant}`)],
      ['parameter_in_query', formCall(client, `/oauth/token?${grant}`, grant)],
      ['parameter_missing', formCall(client, '/oauth/revoke', '')],
      ['client_id_mismatch', formCall(client, '/oauth/introspect', `token=x&client_id=${other.clientId}`)],
      ['body_not_form', formCall(client, '/oauth/token', '{}', { 'content-type': 'application/json' })],
      ['body_too_large', formCall(client, '/oauth/token', `${grant}&x=${'x'.repeat(9_000)}`)],
      ['token_missing', bearer(token, { headers: {} })],
      ['token_malformed', bearer('x')],
      ['token_other_environment', bearer(production)],
      ['token_in_query', bearer(token, { path: '/v1/authenticated/playground?access_token=x' })],
      ['token_bound_elsewhere', bearer(token, { identity: other.identity })],
      ['certificate_missing', bearer(token, { identity: null })],
      ['mtls_required', bearer(token, { listener: 'api', identity: null })],
      ['token_revoked', bearer(tokens.ended, { identity: ended.identity })],
      ['certificate_paused', bearer(tokens.paused, { identity: paused.identity })],
    ];
    for (const [code, one] of refused) expect(await outcomeOf(one)).toMatchObject({ code, problems: [] });
    server.time.now = start + 13 * 3_600_000;
    expect(await outcomeOf(bearer(token))).toMatchObject({ code: 'token_expired', problems: [] });
    server.time.now = start;
    expect((await requestToken(server, client)).status).toBe(200);
  });
});
