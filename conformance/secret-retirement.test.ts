// How a client secret ends, and how it is found out who still uses it.

import {
  aClient,
  askManagement,
  aToken,
  basic,
  callPlayground,
  describeClient,
  endSecretOf,
  explain,
  identityOf,
  pauseSecretOf,
  requestToken,
  revokeSecretOf,
  rotate,
  secretIdOf,
  type TestClient,
} from '@tollward/server/testing';
import { Agent, request } from 'undici';
import { describe, expect, test } from 'vitest';
import { exchange, openConnection } from './support/connection.js';
import { outcomeOf, outcomeWith } from './support/outcome.js';
import { startSharedServer } from './support/shared-server.js';

const hourMs = 3_600_000;
const { server, start } = await startSharedServer();

const playground = async (client: TestClient, token: string) => outcomeOf(await callPlayground(server, client, token));
const stateOf = async (client: TestClient) => {
  const id = await secretIdOf(server, client);
  return (await describeClient(server, client)).secrets.find((secret) => secret.id === id);
};

describe('a revocation', () => {
  test('[SEC-10] ends a secret and its tokens at once, and those of no other secret', async () => {
    const client = await aClient(server);
    const rotated = await rotate(server, client);
    const tokens = [await aToken(server, client), await aToken(server, rotated)] as const;
    // What a cache may know by now.
    expect([await playground(client, tokens[0]), await playground(client, tokens[1])]).toEqual([200, 200]);
    await revokeSecretOf(server, client);
    expect([await outcomeWith(server, client), await outcomeWith(server, rotated)]).toEqual(['secret_revoked', 200]);
    expect([await playground(client, tokens[0]), await playground(client, tokens[1])]).toEqual(['token_revoked', 200]);
  });

  test('[SEC-10] of the only secret leaves the client without one, until a rotation gives it the next', async () => {
    const client = await aClient(server);
    await revokeSecretOf(server, client);
    expect(await outcomeWith(server, client)).toBe('secret_revoked');
    expect(await outcomeWith(server, await rotate(server, client))).toBe(200);
    expect(await outcomeWith(server, client)).toBe('secret_revoked');
  });

  const ends = [
    ['revoked', 'secret_revoked', 'token_revoked', revokeSecretOf],
    ['ended', 'secret_replaced', 200, endSecretOf],
    ['paused', 'secret_paused', 'secret_paused', (on, client) => pauseSecretOf(on, client, 60)],
  ] as const satisfies readonly (readonly [
    string,
    string,
    string | number,
    (on: typeof server, client: TestClient) => Promise<unknown>,
  ])[];
  for (const [what, code, tokenCode, end] of ends) {
    test(`[SEC-11] a secret that was ${what} is refused with the next request of a connection that used it before`, async () => {
      const client = await aClient(server);
      await rotate(server, client);
      const { cert, key } = identityOf(client);
      const dispatcher = new Agent({ connections: 1, connect: { ca: server.caOf('sandbox'), cert, key } });
      const knock = async (path: string, more: { readonly authorization: string; readonly body?: string }) => {
        const { authorization, body = null } = more;
        const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' };
        const url = new URL(path, server.urlOf('sandbox', 'api-mtls'));
        const answer = await request(url, { dispatcher, method: body === null ? 'GET' : 'POST', headers, body });
        const text = await answer.body.text();
        return { text, outcome: answer.statusCode === 200 ? 200 : String(answer.headers['x-refusal-code']) };
      };
      const authorization = basic(client.clientId, client.secret);
      const askToken = () => knock('/oauth/token', { authorization, body: 'grant_type=client_credentials' });
      const useToken = (token: string) => knock('/v1/authenticated/playground', { authorization: `Bearer ${token}` });

      const { access_token: token }: { access_token: string } = JSON.parse((await askToken()).text);
      expect([(await askToken()).outcome, (await useToken(token)).outcome]).toEqual([200, 200]);
      await end(server, client);
      expect([(await askToken()).outcome, (await useToken(token)).outcome]).toEqual([code, tokenCode]);
      await dispatcher.close();
    });
  }

  test('[SEC-12] is told to nobody who has not proved a secret of the client', async () => {
    const client = await aClient(server);
    await rotate(server, client);
    await revokeSecretOf(server, client);
    const guesses = [`${client.secret.slice(0, -1)}~`, (await aClient(server)).secret, 'guess'];
    for (const guess of guesses) {
      const answer = await requestToken(server, client, { headers: { authorization: basic(client.clientId, guess) } });
      expect(answer.text).toBe('{"error":"invalid_client","error_description":"Client authentication failed"}');
      expect(outcomeOf(answer)).toBe('client_authentication_failed');
    }
  });
});

describe('a token request whose body comes late', () => {
  const body = 'grant_type=client_credentials';
  const meanwhiles = [
    ['was revoked', 'secret_revoked', revokeSecretOf],
    ['was ended', 'secret_replaced', endSecretOf],
    ['was paused', 'secret_paused', (_server, client) => pauseSecretOf(server, client, 60)],
    ['came to the end of its overlap', 'secret_replaced', async () => (server.time.now = start + hourMs)],
    ['is still in force', undefined, async () => (server.time.now = start + hourMs - 1)],
  ] as const satisfies readonly (readonly [
    string,
    string | undefined,
    (on: typeof server, client: TestClient) => Promise<unknown>,
  ])[];
  for (const [what, code, happen] of meanwhiles) {
    test(`[SEC-11] is judged when the body is there: by a secret that ${what} meanwhile`, async () => {
      const client = await aClient(server);
      await rotate(server, client, { overlapSeconds: 3_600 });
      await aToken(server, client);
      const socket = await openConnection(server, { identity: identityOf(client) });
      const head = [
        'POST /oauth/token HTTP/1.1',
        'Host: localhost',
        `Authorization: ${basic(client.clientId, client.secret)}`,
        'Content-Type: application/x-www-form-urlencoded',
        `Content-Length: ${body.length}`,
        'Expect: 100-continue',
      ];
      // The server asks for the body, so it has read the head.
      const continued = new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(String(bytes))));
      socket.write(`${head.join('\r\n')}\r\n\r\n`);
      expect(await continued).toMatch(/^HTTP\/1\.1 100 /);
      socket.write(body.slice(0, 10));
      await happen(server, client);
      const { status, headers } = await exchange(socket, body.slice(10));
      expect([status, headers.get('x-refusal-code')]).toEqual([code === undefined ? 200 : 401, code]);
      socket.destroy();
    });
  }
});

describe('who uses a secret', () => {
  test('[SEC-13] is known: when, from where, over which certificate, and until when its tokens last', async () => {
    const client = await aClient(server);
    const rotated = await rotate(server, client);
    expect(await stateOf(client)).toMatchObject({ lastUsedAt: null, uses: [] });
    server.time.now = start + 1_000;
    await aToken(server, client);
    await aToken(server, client);
    const { certificateId } = identityOf(client);
    expect(await stateOf(client)).toMatchObject({
      lastUsedAt: new Date(start + 1_000),
      tokensUntil: new Date(start + 1_000 + 12 * hourMs),
      uses: [{ address: '127.0.0.1', certificateId, uses: 2, refused: 0 }],
    });
    expect(await stateOf(rotated)).toMatchObject({ lastUsedAt: null, uses: [] });
  });

  test('[SEC-14] is found out by a pause: it and its tokens are refused for a while, and work again afterwards', async () => {
    const client = await aClient(server);
    const rotated = await rotate(server, client);
    const token = await aToken(server, client);
    const otherToken = await aToken(server, rotated);
    await pauseSecretOf(server, client, 60);
    const refused = await requestToken(server, client);
    expect(outcomeOf(refused)).toBe('secret_paused');
    expect(refused.json['error_description']).toContain(new Date(start + 60_000).toISOString());
    expect(await playground(client, token)).toBe('secret_paused');
    expect([await outcomeWith(server, rotated), await playground(rotated, otherToken)]).toEqual([200, 200]);
    const { certificateId } = identityOf(client);
    expect(await stateOf(client)).toMatchObject({ uses: [{ address: '127.0.0.1', certificateId, refused: 2 }] });

    server.time.now = start + 60_000;
    expect([await outcomeWith(server, client), await playground(client, token)]).toEqual([200, 200]);
    await pauseSecretOf(server, client, 60);
    expect(await outcomeWith(server, client)).toBe('secret_paused');
    await pauseSecretOf(server, client, 0);
    expect([await outcomeWith(server, client), await playground(client, token)]).toEqual([200, 200]);
  });

  test('[SEC-15] decides whether it is retired, when that is asked for only if nobody would notice', async () => {
    const client = await aClient(server);
    const rotated = await rotate(server, client, { overlapSeconds: 7 * 86_400 });
    await aToken(server, client);
    const retire = async (what: string, quietSeconds: number) => {
      const path = `/secrets/${await secretIdOf(server, client)}/${what}`;
      return (await askManagement(server, { method: 'POST', path, body: { quietSeconds } })).status;
    };
    server.time.now = start + hourMs;
    expect([await retire('end', 3_601), await retire('revocation', 3_601)]).toEqual([409, 409]);
    expect(await outcomeWith(server, client)).toBe(200);
    server.time.now = start + 2 * hourMs;
    // Its last token lives for eleven hours more, which matters to a revocation only.
    expect([await retire('revocation', 3_600), await retire('end', 3_600)]).toEqual([409, 200]);
    expect([await outcomeWith(server, client), await outcomeWith(server, rotated)]).toEqual(['secret_replaced', 200]);
    server.time.now = start + 13 * hourMs;
    expect(await retire('revocation', 3_600)).toBe(200);
    expect(await outcomeWith(server, client)).toBe('secret_revoked');
  });

  test('[SEC-16] is explained with each refusal, to the client that holds it', async () => {
    const client = await aClient(server);
    await rotate(server, client, { overlapSeconds: 0 });
    const explained = await explain(server, await requestToken(server, client));
    expect(explained).toMatchObject({ code: 'secret_replaced', clientId: client.clientId, clientNamed: null });
    expect(explained?.seen).toContain(await secretIdOf(server, client));
  });
});
