// What a client can do about its own tokens, and what anybody can learn of the server: over real sockets.

import { createHash, webcrypto } from 'node:crypto';
import { environments } from '@tollward/protocol';
import {
  aClient,
  addCertificate,
  aToken,
  basic,
  type Call,
  call,
  callPlayground,
  changePolicy,
  endCertificate,
  identityOf,
  requestToken,
  rotate,
  startTestServer,
  type TestClient,
} from '@tollward/server/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const server = await startTestServer();
const start = server.time.now;
let client: TestClient;
let other: TestClient;
let off: TestClient;
beforeAll(async () => {
  client = await aClient(server);
  other = await aClient(server);
  off = await aClient(server, { mtlsRequired: false });
});
beforeEach(() => {
  server.time.now = start;
});
afterAll(() => server.stop());

const hourMs = 3_600_000;
const formOf = (token: string, more: Readonly<Record<string, string>> = {}) =>
  new URLSearchParams({ token, ...more }).toString();
const revoke = (of: TestClient, token: string, changes: Partial<Call> = {}) =>
  requestToken(server, of, { path: '/oauth/revoke', body: formOf(token), ...changes });
const introspect = (of: TestClient, token: string, changes: Partial<Call> = {}) =>
  requestToken(server, of, { path: '/oauth/introspect', body: formOf(token), ...changes });
const statusOf = async (of: TestClient, token: string, changes: Partial<Call> = {}) =>
  (await callPlayground(server, of, token, changes)).status;

describe('revocation', () => {
  test('[REV-01] ends the token for the next call, on both listeners, and no other token', async () => {
    for (const changes of [{ listener: 'api' }, { listener: 'api-mtls', identity: null }] as const) {
      const [ended, kept] = [await aToken(server, off, changes), await aToken(server, off, changes)];
      expect(await statusOf(off, ended, changes)).toBe(200);
      const answer = await revoke(off, ended, changes);
      expect([answer.status, answer.text, answer.headers['content-type']]).toEqual([200, '', undefined]);
      expect(answer.headers['cache-control']).toBe('no-store');
      const refused = await callPlayground(server, off, ended, changes);
      expect([refused.status, refused.headers['x-refusal-code']]).toEqual([401, 'token_revoked']);
      expect(refused.headers['www-authenticate']).toContain('error="invalid_token"');
      expect(await statusOf(off, kept, changes)).toBe(200);
    }
  });

  test('[REV-02] answers 200 for what is no token of the client, and leaves it alone', async () => {
    const token = await aToken(server, client);
    const production = await aClient(server, { environment: 'production' });
    const elsewhere = await aToken(server, production);
    for (const text of ['garbage', `${token}x`, client.secret, elsewhere, token]) {
      const answer = await revoke(other, text);
      expect([answer.status, answer.text]).toEqual([200, '']);
    }
    expect(await statusOf(client, token)).toBe(200);
    expect(await statusOf(production, elsewhere)).toBe(200);
  });

  test('[REV-02] answers 200 for a token that is revoked or over', async () => {
    const token = await aToken(server, client);
    expect([(await revoke(client, token)).status, (await revoke(client, token)).status]).toEqual([200, 200]);
    const expired = await aToken(server, client);
    server.time.now += 13 * hourMs;
    expect((await revoke(client, expired)).status).toBe(200);
  });

  test('[REV-03] finds the token whatever token_type_hint says', async () => {
    for (const hint of ['access_token', 'refresh_token', 'something_else']) {
      const token = await aToken(server, client);
      expect((await revoke(client, token, { body: formOf(token, { token_type_hint: hint }) })).status).toBe(200);
      expect(await statusOf(client, token)).toBe(401);
    }
  });

  test('[REV-04] takes the token in the body, once, and nowhere else', async () => {
    const token = await aToken(server, client);
    const without = await revoke(client, token, { body: 'token_type_hint=access_token' });
    expect([without.status, without.json['error']]).toEqual([400, 'invalid_request']);
    expect(without.headers['x-refusal-code']).toBe('parameter_missing');
    const empty = await revoke(client, token, { body: 'token=' });
    expect(empty.headers['x-refusal-code']).toBe('parameter_missing');
    const twice = await revoke(client, token, { body: `${formOf(token)}&${formOf(token)}` });
    expect(twice.headers['x-refusal-code']).toBe('parameter_repeated');
    const query = await revoke(client, token, { path: `/oauth/revoke?${formOf(token)}`, body: '' });
    expect(query.headers['x-refusal-code']).toBe('parameter_in_query');
    expect(await statusOf(client, token)).toBe(200);
  });

  test('[REV-05] authenticates the client as the token endpoint does, and without that revokes nothing', async () => {
    const token = await aToken(server, client);
    const wrong = { headers: { authorization: basic(client.clientId, 'wrong') } };
    const answers = [
      await revoke(client, token, wrong),
      await revoke(client, token, { headers: { authorization: `Bearer ${token}` } }),
      await revoke(client, token, { identity: null }),
      await revoke(client, token, { identity: other.identity }),
      await revoke(client, token, { listener: 'api' }),
    ];
    expect(answers.map(({ status, json }) => [status, json['error']])).toEqual(
      answers.map(() => [401, 'invalid_client']),
    );
    expect(answers[0]?.headers['www-authenticate']).toMatch(/^Basic /);
    expect(await statusOf(client, token)).toBe(200);
  });

  test('[REV-05] takes any live secret and any registered certificate of the client', async () => {
    const of = await aClient(server);
    const token = await aToken(server, of);
    const second = await addCertificate(server, of);
    await rotate(server, of);
    expect((await revoke(of, token, { identity: second })).status).toBe(200);
    expect(await statusOf(of, token)).toBe(401);
  });
});

describe('introspection', () => {
  test('[INT-01] tells a client what its token in force says', async () => {
    const token = await aToken(server, client);
    const answer = await introspect(client, token);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.json).toEqual({
      active: true,
      client_id: client.clientId,
      token_type: 'Bearer',
      exp: Math.floor((start + 12 * hourMs) / 1_000),
      iat: Math.floor(start / 1_000),
      iss: server.urlOf('sandbox', 'api'),
      jti: expect.stringMatching(/^[0-9a-f]{32}$/),
      cnf: { 'x5t#S256': identityOf(client).thumbprint },
    });
    const unbound = await introspect(off, await aToken(server, off, { listener: 'api' }), { listener: 'api' });
    expect(unbound.json).toMatchObject({ active: true, client_id: off.clientId });
    expect(unbound.json).not.toHaveProperty('cnf');
  });

  test('[INT-02] says of everything else only that it is not active', async () => {
    const [foreign, revoked, kept] = [
      await aToken(server, other),
      await aToken(server, client),
      await aToken(server, client),
    ];
    await revoke(client, revoked);
    const ended = await aClient(server);
    const second = await addCertificate(server, ended);
    const endedToken = await aToken(server, ended);
    await endCertificate(server, identityOf(ended));
    const inactive = [
      await introspect(client, foreign),
      await introspect(client, revoked),
      await introspect(client, 'garbage'),
      await introspect(client, client.secret),
      await introspect(client, kept.slice(0, -1)),
      await introspect(ended, endedToken, { identity: second }),
    ];
    const expired = await aToken(server, client);
    server.time.now += 12 * hourMs;
    inactive.push(await introspect(client, expired));
    for (const { status, text } of inactive) expect([status, text]).toEqual([200, '{"active":false}']);
  });

  test('[INT-03] authenticates the client as the token endpoint does, and asks for the token', async () => {
    const token = await aToken(server, client);
    const headers = { authorization: basic(client.clientId, 'wrong') };
    const answers = [
      await introspect(client, token, { headers }),
      await introspect(client, token, { identity: null }),
      await introspect(client, token, { headers: { authorization: `Bearer ${token}` } }),
    ];
    for (const answer of answers) {
      expect([answer.status, answer.json['error']]).toEqual([401, 'invalid_client']);
      expect(answer.json).not.toHaveProperty('active');
    }
    const without = await introspect(client, token, { body: 'a=b' });
    expect([without.status, without.headers['x-refusal-code']]).toEqual([400, 'parameter_missing']);
    const query = await introspect(client, token, { path: `/oauth/introspect?${formOf(token)}`, body: '' });
    expect(query.headers['x-refusal-code']).toBe('parameter_in_query');
  });

  const jwtType = 'application/token-introspection+jwt';
  const part = (text = ''): unknown => JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));

  test('[INT-04] answers with a signed JWT when that is asked for by name', async () => {
    const token = await aToken(server, client);
    const plain = (await introspect(client, token)).json;
    const answer = await introspect(client, token, { headers: { accept: jwtType } });
    expect([answer.status, answer.headers['content-type']]).toEqual([200, jwtType]);
    expect(answer.headers['vary']).toBe('accept');
    const [header, claims, signature = ''] = answer.text.split('.');
    expect(part(claims)).toEqual({
      iss: server.urlOf('sandbox', 'api'),
      aud: client.clientId,
      iat: Math.floor(start / 1_000),
      token_introspection: plain,
    });
    const keys = (await call(server, { path: '/.well-known/jwks.json' })).json['keys'] as webcrypto.JsonWebKey[];
    const [jwk] = keys.filter((key) => 'kid' in key && key.kid === (part(header) as { kid: string }).kid);
    expect(part(header)).toEqual({ alg: 'ES256', typ: 'token-introspection+jwt', kid: expect.any(String) });
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    const key = await webcrypto.subtle.importKey('jwk', jwk ?? {}, algorithm, false, ['verify']);
    const signed = Buffer.from(`${header}.${claims}`);
    expect(await webcrypto.subtle.verify(algorithm, key, Buffer.from(signature, 'base64url'), signed)).toBe(true);

    const inactive = await introspect(client, 'garbage', { headers: { accept: `${jwtType}, application/json` } });
    expect(part(inactive.text.split('.')[1])).toMatchObject({ token_introspection: { active: false } });
  });

  test('[INT-04] answers with JSON to everybody else, and with a refusal in JSON to all', async () => {
    const token = await aToken(server, client);
    for (const accept of ['*/*', 'application/*', 'application/json', `${jwtType};q=0`]) {
      const answer = await introspect(client, token, { headers: { accept } });
      expect(answer.headers['content-type'], accept).toBe('application/json');
    }
    const refused = await introspect(client, token, { headers: { accept: jwtType, authorization: '' } });
    expect([refused.status, refused.headers['content-type']]).toEqual([401, 'application/json']);
  });
});

describe('the metadata of the authorization server', () => {
  const path = '/.well-known/oauth-authorization-server';

  test('[META-01] says what is there, from both listeners of both environments alike', async () => {
    for (const environment of environments) {
      const [api, mtls] = [server.urlOf(environment, 'api'), server.urlOf(environment, 'api-mtls')];
      const answers = [
        await call(server, { environment, listener: 'api', path }),
        await call(server, { environment, listener: 'api-mtls', path }),
      ];
      for (const { status, headers, json } of answers) {
        expect([status, headers['content-type'], headers['cache-control']]).toEqual([
          200,
          'application/json',
          'max-age=300',
        ]);
        expect(json).toEqual({
          issuer: api,
          token_endpoint: `${api}/oauth/token`,
          revocation_endpoint: `${api}/oauth/revoke`,
          introspection_endpoint: `${api}/oauth/introspect`,
          jwks_uri: `${api}/.well-known/jwks.json`,
          grant_types_supported: ['client_credentials'],
          response_types_supported: [],
          token_endpoint_auth_methods_supported: ['client_secret_basic'],
          revocation_endpoint_auth_methods_supported: ['client_secret_basic'],
          introspection_endpoint_auth_methods_supported: ['client_secret_basic'],
          introspection_signing_alg_values_supported: ['ES256'],
          tls_client_certificate_bound_access_tokens: true,
          mtls_endpoint_aliases: {
            token_endpoint: `${mtls}/oauth/token`,
            revocation_endpoint: `${mtls}/oauth/revoke`,
            introspection_endpoint: `${mtls}/oauth/introspect`,
          },
        });
      }
    }
  });

  test('[META-01] answers HEAD as GET, without the body, and nothing else', async () => {
    for (const each of [path, '/.well-known/jwks.json']) {
      const { status, headers, text } = await call(server, { method: 'HEAD', path: each });
      const { headers: ofGet, text: body } = await call(server, { path: each });
      expect([status, text]).toEqual([200, '']);
      expect(headers['content-length']).toBe(String(Buffer.byteLength(body)));
      for (const name of ['content-type', 'cache-control']) expect(headers[name]).toBe(ofGet[name]);
      const refused = await call(server, { method: 'POST', path: each });
      expect([refused.status, refused.headers['allow']]).toEqual([405, 'GET, HEAD']);
    }
  });

  test('[META-02] advertises no endpoint that does not answer', async () => {
    const { json } = await call(server, { listener: 'api', path });
    const urls = [...Object.entries(json), ...Object.entries(Object(json['mtls_endpoint_aliases']))]
      .filter(([name]) => name.endsWith('_endpoint') || name === 'jwks_uri')
      .map(([, url]) => new URL(String(url)));
    expect(urls).toHaveLength(7);
    for (const url of urls) {
      const listener = url.origin === server.urlOf('sandbox', 'api') ? 'api' : 'api-mtls';
      const method = url.pathname.startsWith('/oauth/') ? 'POST' : 'GET';
      expect(url.origin).toBe(server.urlOf('sandbox', listener));
      const { status, headers } = await call(server, { listener, method, path: url.pathname });
      expect([status, headers['x-refusal-code']], url.href).toEqual(
        method === 'POST' ? [401, 'client_authentication_failed'] : [200, undefined],
      );
    }
  });

  test('[META-03] keeps to the limits of the address, as every request does', async () => {
    const limited = await startTestServer({ settings: { addressRequestsPerSecond: 2, addressRequestsPerMinute: 2 } });
    try {
      const statuses = [];
      for (const each of [path, '/.well-known/jwks.json', path]) {
        statuses.push((await call(limited, { path: each })).status);
      }
      expect(statuses).toEqual([200, 200, 429]);
    } finally {
      await limited.stop();
    }
  });
});

describe('the public keys', () => {
  test('[JWKS-01] have no private part, a kid of their own each, and differ by environment', async () => {
    const kids: string[] = [];
    for (const environment of environments) {
      for (const listener of ['api', 'api-mtls'] as const) {
        const answer = await call(server, { environment, listener, path: '/.well-known/jwks.json' });
        expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'max-age=300']);
        const keys = answer.json['keys'] as Record<string, string>[];
        expect(keys).toHaveLength(1);
        for (const { kid = '', x = '', y = '', ...rest } of keys) {
          expect(rest).toEqual({ kty: 'EC', crv: 'P-256', use: 'sig', alg: 'ES256' });
          // RFC 7638, written out.
          const required = `{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`;
          expect(kid).toBe(createHash('sha256').update(required).digest('base64url'));
          kids.push(kid);
        }
      }
    }
    expect(new Set(kids).size).toBe(2);
  });

  test('[JWKS-02] have the next key before it signs, and the one before for what it signed', async () => {
    const kidsOf = async () =>
      ((await call(server, { path: '/.well-known/jwks.json' })).json['keys'] as { kid: string }[]).map(
        ({ kid }) => kid,
      );
    const signedBy = async () => {
      const headers = { accept: 'application/token-introspection+jwt' };
      const [header = ''] = (await introspect(client, 'x', { headers })).text.split('.');
      return (JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { kid: string }).kid;
    };
    const signing = server.core.keys.find(({ kind }) => kind === 'signing');
    const [first] = await kidsOf();
    await signing?.rotate({ environment: 'sandbox', publishSeconds: 60 }, server.time.now);
    const [, second] = await kidsOf();
    expect(await kidsOf()).toEqual([first, second]);
    expect(await signedBy()).toBe(first);
    server.time.now += 60_000;
    expect(await signedBy()).toBe(second);
    expect(await kidsOf()).toEqual([first, second]);
  });
});

test('an address that is not on the list may not revoke or introspect', async () => {
  const of = await aClient(server, { mtlsRequired: false });
  const token = await aToken(server, of);
  await changePolicy(server, of, { allowedAddresses: ['203.0.113.0/24'] });
  for (const answer of [await revoke(of, token), await introspect(of, token)]) {
    expect(answer.headers['x-refusal-code']).toBe('address_not_allowed');
  }
});
