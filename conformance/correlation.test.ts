import {
  aClient,
  aToken,
  call,
  callPlayground,
  requestToken,
  startTestServer,
  type TestClient,
} from '@tollward/server/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const server = await startTestServer();
let client: TestClient;
let token: string;
beforeAll(async () => {
  client = await aClient(server);
  token = await aToken(server, client);
});
afterAll(() => server.stop());

const header = 'x-external-correlation-id';

describe('the correlation id', () => {
  test.each([
    ['[COR-01] a UUID', '7f0c8b52-3b9f-4b62-9a52-0d4f1d1c7a10'],
    ['[COR-01] one character', 'x'],
    ['[COR-02] 36 characters that are no UUID', 'order 4711, try #2 (retry) ........!'],
  ])('%s is echoed as it came', async (_name, id) => {
    expect((await callPlayground(server, client, token, { headers: { [header]: id } })).headers[header]).toBe(id);
    expect((await requestToken(server, client, { headers: { [header]: id } })).headers[header]).toBe(id);
  });

  test('[COR-03] of 37 characters is dropped, and the request is answered all the same', async () => {
    const answer = await callPlayground(server, client, token, { headers: { [header]: 'x'.repeat(37) } });
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty(header);
  });

  test('[COR-04] does not come back when none was sent', async () => {
    expect((await callPlayground(server, client, token)).headers).not.toHaveProperty(header);
  });

  test('[COR-08] comes back with a refusal too', async () => {
    const headers = { [header]: 'abc' };
    expect((await callPlayground(server, client, 'x', { headers })).headers[header]).toBe('abc');
    expect((await requestToken(server, client, { headers, body: '' })).headers[header]).toBe('abc');
    expect((await call(server, { path: '/nothing', headers })).headers[header]).toBe('abc');
  });

  test('[COR-03] that is empty or not printable is dropped', async () => {
    for (const id of ['', 'caf\u00e9', 'a\tb']) {
      const answer = await callPlayground(server, client, token, { headers: { [header]: id } });
      expect(answer.status).toBe(200);
      expect(answer.headers).not.toHaveProperty(header);
    }
  });
});

test('[COR-06] every answer has a trace id of 32 hex characters, and each its own', async () => {
  const answers = [
    await requestToken(server, client),
    await requestToken(server, client, { body: '' }),
    await requestToken(server, client, { headers: { authorization: 'x' } }),
    await callPlayground(server, client, token),
    await callPlayground(server, client, 'x'),
    await call(server, { path: '/nothing' }),
    await call(server, { path: '/oauth/token' }),
    await call(server, { path: '/v1//x' }),
  ];
  const ids = answers.map(({ headers }) => String(headers['x-trace-id']));
  expect(ids.filter((id) => !/^[0-9a-f]{32}$/.test(id))).toEqual([]);
  expect(new Set(ids).size).toBe(answers.length);
});

describe('versions', () => {
  test.each(['/oauth/token', '/2026Q3/oauth/token'])('[VER-01] a token is given at %s', async (path) => {
    expect((await requestToken(server, client, { path })).json['token_type']).toBe('bearer');
  });

  test.each(['/v1/authenticated/playground', '/2026Q3/authenticated/playground'])(
    '[VER-03] the playground is at %s',
    async (path) => {
      expect((await callPlayground(server, client, token, { path })).json['authenticated']).toBe(true);
    },
  );

  test.each([
    '/2026Q9/oauth/token',
    '/2019Q1/oauth/token',
    '/2026q3/oauth/token',
    '/v1/oauth/token',
    '/2026Q3/v1/authenticated/playground',
    '/2025Q3/authenticated/playground',
    '/oauth/token/',
  ])('[VER-02] there is nothing at %s', async (path) => {
    const answer = await call(server, { path, method: 'POST', identity: client.identity });
    expect([answer.status, answer.headers['x-refusal-code']]).toEqual([404, 'route_unknown']);
  });

  test('[ERR-10] what is not found has the shape of the platform outside of /oauth', async () => {
    const { json } = await call(server, { path: '/v1/nothing' });
    expect(json).toEqual({
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/),
      status: 404,
      error: 'Not Found',
      message: expect.any(String),
      path: '/v1/nothing',
    });
  });
});
