import {
  aClient,
  aToken,
  call,
  callPlayground,
  endClient,
  startTestServer,
  type TestClient,
} from '@tollward/server/testing';
import { Client } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const server = await startTestServer();
let client: TestClient;
let token: string;
beforeAll(async () => {
  client = await aClient(server);
  token = await aToken(server, client);
});
afterAll(() => server.stop());

const path = '/v1/authenticated/playground';

describe('a protected call', () => {
  test('[DEC-08] [HDR-01] with a token in force answers who it is', async () => {
    const answer = await callPlayground(server, client, token);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      authenticated: true,
      environment: 'sandbox',
      clientId: client.clientId,
      tokenKind: 'client_credentials',
      certificateThumbprint: client.identity?.thumbprint,
      tokenExpiresAt: new Date(server.time.now + 43_200_000).toISOString(),
    });
  });

  test.each(['bearer', 'BEARER'])('[HDR-01] takes the scheme as %s', async (scheme) => {
    const answer = await callPlayground(server, client, token, { headers: { authorization: `${scheme} ${token}` } });
    expect(answer.status).toBe(200);
  });

  test('[BEAR-01] [BEAR-11] without a token is missing_token, challenged without an error code', async () => {
    const answer = await call(server, { path, identity: client.identity });
    expect(answer.status).toBe(401);
    expect(answer.json['error']).toBe('missing_token');
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="tollward"');
  });

  test('[HDR-02] with Basic credentials is a call without a token', async () => {
    const headers = { authorization: `Basic ${Buffer.from(`${client.clientId}:${client.secret}`).toString('base64')}` };
    expect((await call(server, { path, identity: client.identity, headers })).json['error']).toBe('missing_token');
  });

  test('[FAPI-09] takes a token neither from the query nor from a form', async () => {
    const query = await call(server, { path: `${path}?access_token=${token}`, identity: client.identity });
    expect(query.json['error']).toBe('missing_token');
    const form = await call(server, {
      path,
      identity: client.identity,
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(13 + token.length) },
      body: `access_token=${token}`,
    });
    expect(form.json['error']).toBe('missing_token');
  });

  test('[BEAR-03] [BEAR-04] [BEAR-05] [BEAR-06] [BEAR-07] with any dead token has one body, and the token is not in it', async () => {
    const ended = await aClient(server);
    const endedToken = await aToken(server, ended);
    await endClient(server, ended);
    const elsewhere = await aClient(server, { environment: 'production' });
    const foreign = await aToken(server, elsewhere);
    const begun = server.time.now;
    const dead = [
      await callPlayground(server, client, 'no-token'),
      await callPlayground(server, ended, endedToken),
      await callPlayground(server, client, foreign),
    ];
    server.time.now = begun + 43_200_000;
    dead.push(await callPlayground(server, client, token));
    server.time.now = begun;
    for (const { status, text } of dead) {
      expect(status).toBe(401);
      expect(text).toBe('{"error":"invalid_token","error_description":"Invalid token"}');
    }
    expect(dead.map(({ headers }) => headers['x-refusal-code'])).toEqual([
      'token_malformed',
      'token_revoked',
      'token_other_environment',
      'token_expired',
    ]);
  });

  test('[FAPI-10] is admitted in the last millisecond of its token and refused in the next', async () => {
    const begun = server.time.now;
    server.time.now = begun + 43_199_999;
    const last = await callPlayground(server, client, token);
    server.time.now = begun + 43_200_000;
    const next = await callPlayground(server, client, token);
    server.time.now = begun;
    expect([last.status, next.status]).toEqual([200, 401]);
  });

  test('[BEAR-11] [FAPI-12] that is refused has a challenge with scheme and error, and no secret', async () => {
    const answer = await callPlayground(server, client, `${token}x`);
    expect(answer.headers['www-authenticate']).toMatch(
      /^Bearer realm="tollward", error="invalid_token", error_description="[^"\\]+"$/,
    );
    expect(answer.headers['www-authenticate']).not.toContain(token);
  });

  test('[BEAR-12] that is refused shows no challenge of strong authentication', async () => {
    const answer = await callPlayground(server, client, 'x');
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('x-2fa'))).toEqual([]);
  });

  test('[FAPI-10] has a token of one spelling only', async () => {
    const bent = [
      `${token}=`,
      `${token}A`,
      token.toUpperCase(),
      token.replace('_at_', '_AT_'),
      `"${token}"`,
      `${token},`,
    ];
    for (const text of bent) {
      const answer = await callPlayground(server, client, text);
      expect([text, answer.status]).toEqual([text, 401]);
    }
  });

  test('[FAPI-10] has no single character of its token to spare', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const connection = new Client(server.urlOf('sandbox', 'api-mtls'), {
      connect: { ca: server.caOf('sandbox'), cert: client.identity?.cert, key: client.identity?.key },
    });
    const statusOf = async (text: string): Promise<number> => {
      const { statusCode, body } = await connection.request({
        path,
        method: 'GET',
        headers: { authorization: `Bearer ${text}` },
      });
      await body.dump();
      return statusCode;
    };
    const admitted: number[] = [];
    for (let at = 0; at < token.length; at += 1) {
      const index = alphabet.indexOf(token.charAt(at));
      // The neighbour differs in the lowest bit, which the last character of base64url may not even use.
      const other = alphabet.charAt(index ^ 1);
      if ((await statusOf(token.slice(0, at) + other + token.slice(at + 1))) !== 401) admitted.push(at);
    }
    const whole = await statusOf(token);
    await connection.close();
    expect([admitted, whole]).toEqual([[], 200]);
  });
});

test('[FAPI-14] secrets have 256 random bits: no two are alike and no place in them stands still', async () => {
  const secrets: string[] = [];
  for (let count = 0; count < 150; count += 1) secrets.push((await aClient(server, { withCertificate: false })).secret);
  expect(secrets.every((secret) => /^tlw_sbx_cs_[0-9A-Za-z]{49}$/.test(secret))).toBe(true);
  expect(new Set(secrets).size).toBe(150);
  for (let place = 'tlw_sbx_cs_'.length; place < 'tlw_sbx_cs_'.length + 43; place += 1) {
    expect(new Set(secrets.map((secret) => secret.charAt(place))).size).toBeGreaterThan(20);
  }
});
