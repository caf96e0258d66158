import { gunzipSync } from 'node:zlib';
import {
  aClient,
  aToken,
  basic,
  callPlayground,
  requestToken,
  startTestServer,
  type TestClient,
} from '@tollward/server/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openConnection, parseAnswer, readUntilClosed } from './support/connection.js';

const server = await startTestServer();
let client: TestClient;
beforeAll(async () => {
  client = await aClient(server);
});
afterAll(() => server.stop());

const formType = 'application/x-www-form-urlencoded';
const grant = 'grant_type=client_credentials';

describe('the answer of the client-credentials grant', () => {
  test('[TOK-01] [TOK-07] is 200 with a JSON object', async () => {
    const answer = await requestToken(server, client);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json');
  });

  test('[TOK-33] has its members in the recorded order', async () => {
    const { text } = await requestToken(server, client);
    expect([...text.matchAll(/"(\w+)":/g)].map(([, name]) => name)).toEqual([
      'access_token',
      'token_type',
      'expires_in',
      'scope',
      'expires_at',
    ]);
  });

  test('[TOK-24] [TOK-25] [TOK-26] [TOK-28] has a token of one line, lower-case bearer, 43199 and transfers', async () => {
    const { json } = await requestToken(server, client);
    expect(json).toEqual({
      access_token: expect.stringMatching(/^[^\s,;]+$/),
      token_type: 'bearer',
      expires_in: 43_199,
      scope: 'transfers',
      expires_at: expect.any(String),
    });
  });

  test('[TOK-27] [RUN-14] [LIFE-02] says as ISO text in UTC with milliseconds that the token ends in 12 hours', async () => {
    const { json } = await requestToken(server, client);
    expect(json['expires_at']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(Date.parse(String(json['expires_at']))).toBe(server.time.now + 43_200_000);
  });

  test.each([
    ['[TOK-29] [LIFE-09]', 'refresh_token'],
    ['[TOK-30]', 'refresh_token_expires_in'],
    ['[TOK-31]', 'refresh_token_expires_at'],
    ['[TOK-32]', 'created_at'],
  ])('%s has no %s', async (_ids, member) => {
    const { status, json } = await requestToken(server, client);
    expect(status).toBe(200);
    expect(json).not.toHaveProperty(member);
  });

  test('[TOK-34] is kept by no cache', async () => {
    const { headers } = await requestToken(server, client);
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['pragma']).toBe('no-cache');
  });

  test('[ERR-09] [LIFE-01] is another token each time, and all of them work at once', async () => {
    const tokens = await Promise.all(Array.from({ length: 8 }, () => aToken(server, client)));
    expect(new Set(tokens).size).toBe(8);
    const calls = await Promise.all(tokens.map((token) => callPlayground(server, client, token)));
    expect(calls.map(({ status }) => status)).toEqual(Array(8).fill(200));
  });

  test('[RUN-04] is gzip when asked for, and only then', async () => {
    const socket = await openConnection(server, { identity: client.identity });
    const answered = readUntilClosed(socket);
    const head = [
      'POST /oauth/token HTTP/1.1',
      'Host: localhost',
      `Authorization: ${basic(client.clientId, client.secret)}`,
      `Content-Type: ${formType}`,
      `Content-Length: ${grant.length}`,
      'Accept-Encoding: gzip, deflate',
      'Connection: close',
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n${grant}`);
    const { headers, body } = parseAnswer(await answered);
    expect(headers.get('content-encoding')).toBe('gzip');
    expect(JSON.parse(gunzipSync(Buffer.from(body, 'latin1')).toString())).toMatchObject({ token_type: 'bearer' });

    for (const accept of ['identity', 'br', 'gzip;q=0']) {
      const plain = await requestToken(server, client, { headers: { 'accept-encoding': accept } });
      expect(plain.headers['content-encoding']).toBeUndefined();
      expect(plain.json['token_type']).toBe('bearer');
    }
  });
});

describe('the form', () => {
  test.each([
    ['[TOK-03]', formType],
    ['[TOK-04] [RUN-03]', `${formType};charset=UTF-8`],
    ['[TOK-04] [RUN-03]', `${formType}; charset=utf-8`],
    ['[TOK-04] [RUN-03]', `${formType}; charset=ISO-8859-1`],
    ['[TOK-04] [RUN-03]', 'Application/X-WWW-Form-Urlencoded'],
  ])('%s is accepted as %s', async (_ids, type) => {
    expect((await requestToken(server, client, { headers: { 'content-type': type } })).status).toBe(200);
  });

  const multipart = `--x\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\nclient_credentials\r\n--x--\r\n`;
  test.each([
    ['[TOK-06] JSON', 'application/json', '{"grant_type":"client_credentials"}'],
    ['[TOK-06] JSON under the name of a form', formType, '{"grant_type":\n"client_credentials"}'],
    ['[RUN-03] multipart', 'multipart/form-data; boundary=x', multipart],
    ['[RUN-03] multipart under the name of a form', formType, multipart],
    ['text', 'text/plain', grant],
    ['a type that only begins like a form', `${formType}-data`, grant],
  ])('%s is refused with 415', async (_name, type, body) => {
    const answer = await requestToken(server, client, { body, headers: { 'content-type': type } });
    expect(answer.status).toBe(415);
    expect(answer.json).toMatchObject({ error: 'invalid_request' });
    expect(answer.headers['x-refusal-code']).toBe('body_not_form');
  });

  test.each([
    ['[TOK-21] scope', `${grant}&scope=payments+admin`],
    ['[TOK-22] a field nobody knows', `${grant}&resource=urn%3Aexample&audience=x`],
    ['[TOK-22] a PKCE verifier', `${grant}&code_verifier=${'a'.repeat(43)}`],
    ['[TOK-09] [TOK-20] the client id that Basic names too', `${grant}&client_id=CLIENT`],
    ['an empty client_secret', `${grant}&client_secret=`],
  ])('%s changes nothing', async (_name, body) => {
    const answer = await requestToken(server, client, { body: body.replace('CLIENT', client.clientId) });
    expect(answer.status).toBe(200);
    expect(answer.json['scope']).toBe('transfers');
  });

  test.each([
    ['[ERR-01] [TOK-08] without grant_type', 'scope=transfers', 400, 'invalid_request', 'Missing grant type'],
    ['[ERR-01] [TOK-08] without any field', '', 400, 'invalid_request', 'Missing grant type'],
    ['[ERR-01] [EDGE-26] with an empty grant_type', 'grant_type=', 400, 'invalid_request', 'Missing grant type'],
    ['[EDGE-23] with grant_type twice', `${grant}&${grant}`, 400, 'invalid_request', undefined],
    ['[EDGE-23] with an unknown field twice', `${grant}&a=1&a=2`, 400, 'invalid_request', undefined],
    ['[EDGE-23] with one field twice, once escaped', `${grant}&grant%5Ftype=x`, 400, 'invalid_request', undefined],
    ['[TOK-20] with another client_id', `${grant}&client_id=cli_other`, 400, 'invalid_request', undefined],
    ['[TOK-23] with client_secret too', `${grant}&client_secret=x`, 400, 'invalid_request', undefined],
    ['[TOK-23] with client_assertion too', `${grant}&client_assertion=x`, 400, 'invalid_request', undefined],
    ['[FAPI-02] [BCP-03] [DEC-02] for password', 'grant_type=password', 400, 'unsupported_grant_type', undefined],
    ['[DEC-02] for implicit', 'grant_type=implicit', 400, 'unsupported_grant_type', undefined],
    ['[DEC-02] for authorization_code', 'grant_type=authorization_code', 400, 'unsupported_grant_type', undefined],
    ['[DEC-02] for refresh_token', 'grant_type=refresh_token', 400, 'unsupported_grant_type', undefined],
    ['[DEC-02] for a name of an object member', 'grant_type=__proto__', 400, 'unsupported_grant_type', undefined],
    ['[DEC-02] for other letters', 'grant_type=Client_Credentials', 400, 'unsupported_grant_type', undefined],
  ])('a request %s is refused', async (_name, body, status, error, description) => {
    const answer = await requestToken(server, client, { body });
    expect([answer.status, answer.json['error']]).toEqual([status, error]);
    expect(Object.keys(answer.json)).toEqual(['error', 'error_description']);
    if (description !== undefined) expect(answer.json['error_description']).toBe(description);
  });

  test('[ERR-08] refused once is refused again in the same words', async () => {
    const answers = [];
    for (let turn = 0; turn < 3; turn += 1) answers.push(await requestToken(server, client, { body: 'grant_type=' }));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  });

  test('[EDGE-24] in the query is refused, and the query is not repeated', async () => {
    const answer = await requestToken(server, client, {
      path: `/oauth/token?${grant}&client_secret=hunter2`,
      body: '',
    });
    expect([answer.status, answer.json['error']]).toEqual([400, 'invalid_request']);
    expect(answer.text).not.toContain('hunter2');
  });

  test.each([
    ['announced', (size: number) => ({ 'content-length': String(size) })],
    ['chunked', () => ({ 'transfer-encoding': 'chunked' })],
  ])('[EDGE-22] of more than 8 KiB is refused with 413 when %s, and of 8 KiB is read', async (_name, lengthHeader) => {
    const bodyOf = (size: number): string => `${grant}&filler=`.padEnd(size, 'x');
    const send = (size: number) => requestToken(server, client, { body: bodyOf(size), headers: lengthHeader(size) });
    expect((await send(8_192)).status).toBe(200);
    const refused = await send(8_193);
    expect([refused.status, refused.headers['x-refusal-code']]).toEqual([413, 'body_too_large']);
    expect(refused.headers['connection']).toBe('close');
  });

  test('[EDGE-29] is taken by POST only', async () => {
    const answer = await requestToken(server, client, { method: 'GET', body: '' });
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('POST');
  });
});

describe('client authentication', () => {
  const formEncoded = (text: string): string =>
    text.replaceAll(/[^A-Za-z0-9]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

  test.each([
    ['raw, as curl sends it', (text: string) => text],
    ['form-encoded, as openid-client sends it', formEncoded],
  ])('[TOK-02] [RUN-01] by Basic %s', async (_name, encode) => {
    const authorization = basic(encode(client.clientId), encode(client.secret));
    expect((await requestToken(server, client, { headers: { authorization } })).status).toBe(200);
  });

  test.each(['basic', 'BASIC'])('[TOK-02] takes the scheme as %s', async (scheme) => {
    const authorization = basic(client.clientId, client.secret).replace('Basic', scheme);
    expect((await requestToken(server, client, { headers: { authorization } })).status).toBe(200);
  });

  test.each([
    ['no colon', Buffer.from('only-an-id').toString('base64')],
    ['no base64', '***'],
    ['base64 with stray bits', 'YTpiYh=='],
    ['nothing', ''],
    ['an empty user name', Buffer.from(':secret').toString('base64')],
    ['four thousand characters', Buffer.alloc(3_000, 'a').toString('base64')],
  ])('[ERR-03] [DEC-01] fails as invalid_client with %s after Basic', async (_name, credentials) => {
    const answer = await requestToken(server, client, { headers: { authorization: `Basic ${credentials}` } });
    expect(answer.status).toBe(401);
    expect(answer.text).toBe('{"error":"invalid_client","error_description":"Client authentication failed"}');
    expect(answer.headers['www-authenticate']).toBe('Basic realm="tollward"');
  });

  test('[BCP-02] says the same of a wrong secret, an unknown client and a client of the other environment', async () => {
    const elsewhere = await aClient(server, { environment: 'production' });
    const unknown = `cli_${'7'.repeat(32)}`;
    const answerTo = async (authorization: string): Promise<string> => {
      const { status, headers, text } = await requestToken(server, client, { headers: { authorization } });
      const { 'x-trace-id': _traceId, date: _date, ...rest } = headers;
      return JSON.stringify({ status, rest, text });
    };
    const wrong = await answerTo(basic(client.clientId, `${client.secret.slice(0, -1)}#`));
    expect(await answerTo(basic(unknown, client.secret))).toBe(wrong);
    expect(await answerTo(basic('nobody', 'nothing'))).toBe(wrong);
    expect(await answerTo(basic(elsewhere.clientId, client.secret))).toBe(wrong);
    expect(wrong).toContain('"status":401');
    // A secret says by itself which environment it is of, and nothing is looked up for it.
    const foreign = await answerTo(basic(elsewhere.clientId, elsewhere.secret));
    for (const clientId of [client.clientId, unknown, 'nobody']) {
      expect(await answerTo(basic(clientId, elsewhere.secret))).toBe(foreign);
    }
  });

  test('[TOK-23] in the body is no authentication', async () => {
    const { status, headers, json } = await requestToken(server, client, {
      body: `${grant}&client_id=${client.clientId}&client_secret=${client.secret}`,
      headers: { authorization: 'Bearer x' },
    });
    expect([status, json['error']]).toEqual([400, 'invalid_request']);
    expect(headers['x-refusal-code']).toBe('client_authentication_repeated');
  });
});

test('[ERR-07] a fault is a 500 with a trace id and nothing of its cause', async () => {
  const broken = vi.spyOn(server.core.standing, 'get').mockImplementation(() => {
    throw new Error('the cause of the fault');
  });
  const answer = await requestToken(server, client);
  broken.mockRestore();
  expect([answer.status, answer.headers['x-refusal-code']]).toEqual([500, 'internal_error']);
  expect(answer.json).toEqual({ error: 'server_error', error_description: 'Something went wrong on our side.' });
  const traceId = String(answer.headers['x-trace-id']);
  expect(server.logLines.some((line) => line.includes(traceId) && line.includes('the cause of the fault'))).toBe(true);
});
