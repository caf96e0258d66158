import {
  aClient,
  aToken,
  basic,
  type CallAnswer,
  call,
  callPlayground,
  explain,
  requestToken,
  startTestServer,
  type TestClient,
  type TestServer,
} from '@tollward/server/testing';
import { Client } from 'undici';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { exchange, getWith, openConnection } from './support/connection.js';
import { startMoneyUpstream } from './support/money-upstream.js';

const minuteMs = 60_000;

/** A server that stands at the start of a minute, so that no test runs across the edge of one. */
async function serverWith(options: Parameters<typeof startTestServer>[0]): Promise<TestServer> {
  const server = await startTestServer(options);
  onTestFinished(() => server.stop());
  server.time.now = Math.ceil(server.time.now / minuteMs) * minuteMs;
  return server;
}

/** Protected calls on one connection, one after the other; their statuses. */
async function callsOf(server: TestServer, client: TestClient, token: string, count: number): Promise<number[]> {
  const connection = new Client(server.urlOf('sandbox', 'api-mtls'), {
    connect: { ca: server.caOf('sandbox'), cert: client.identity?.cert, key: client.identity?.key },
  });
  const statuses: number[] = [];
  for (let call = 0; call < count; call += 1) {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await connection.request({ method: 'GET', path: '/v1/authenticated/playground', headers });
    await answer.body.dump();
    statuses.push(answer.statusCode);
  }
  await connection.close();
  return statuses;
}

function expectTooMany(answer: CallAnswer, limiter: string): void {
  expect(answer.status).toBe(429);
  expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  expect(answer.headers['x-rate-limited-by']).toBe(limiter);
  expect(answer.headers['x-trace-id']).toMatch(/^[0-9a-f]{32}$/);
  expect(answer.headers['x-external-correlation-id']).toBe('abc');
  expect(answer.json).toEqual({ error: 'rate_limit_exceeded', error_description: expect.any(String) });
}
const correlated = { headers: { 'x-external-correlation-id': 'abc' } };

describe('the limits of a client', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ defaultLimits: true });
  });
  afterAll(() => server.stop());
  // What the tests before used up is free again, and no test runs across the edge of a minute.
  beforeEach(() => {
    server.time.now = Math.ceil(server.time.now / minuteMs + 2) * minuteMs;
  });

  /** A client and its token. */
  const withToken = async (limits?: { readonly perSecond: number; readonly perMinute: number }) => {
    const client = await aClient(server, limits ? { policy: { limits } } : {});
    return { client, token: await aToken(server, client) };
  };
  const plenty = 1_000;

  test('[RATE-01] are 100 requests in a second by default', async () => {
    const { client, token } = await withToken();
    server.time.now += 5_000;
    const statuses = await callsOf(server, client, token, 101);
    expect(statuses.indexOf(429)).toBe(100);
  });

  test('[RATE-02] are 1,000 requests in a minute by default', async () => {
    const { client, token } = await withToken();
    server.time.now += minuteMs * 5;
    for (let batch = 0; batch < 10; batch += 1) {
      expect((await callsOf(server, client, token, 100)).filter((status) => status !== 200)).toEqual([]);
      server.time.now += 3_000;
    }
    expect(await callsOf(server, client, token, 1)).toEqual([429]);
  });

  test('[RATE-03] [RATE-04] [RATE-05] [RATE-06] [ERR-06] [DEC-06] broken are a 429 with its headers', async () => {
    const { client, token } = await withToken({ perSecond: 2, perMinute: plenty });
    await callPlayground(server, client, token);
    expectTooMany(await callPlayground(server, client, token, correlated), 'tollward-client');
    expectTooMany(await requestToken(server, client, correlated), 'tollward-client');
  });

  test('[RATE-04] are free again after as many seconds as Retry-After says, and not one earlier', async () => {
    const { client, token } = await withToken({ perSecond: plenty, perMinute: 3 });
    server.time.now += 7_000;
    await callPlayground(server, client, token);
    await callPlayground(server, client, token);
    const refused = await callPlayground(server, client, token);
    const seconds = Number(refused.headers['retry-after']);
    server.time.now += (seconds - 1) * 1_000 - 1;
    expect((await callPlayground(server, client, token)).status).toBe(429);
    server.time.now += 1_001;
    expect((await callPlayground(server, client, token)).status).toBe(200);
  });

  test('[RATE-12] [DEC-07] count its token requests and its calls together', async () => {
    const { client, token } = await withToken({ perSecond: plenty, perMinute: 4 });
    const statuses = [
      (await callPlayground(server, client, token)).status,
      (await requestToken(server, client)).status,
      (await callPlayground(server, client, token)).status,
      (await requestToken(server, client)).status,
    ];
    expect(statuses).toEqual([200, 200, 200, 429]);
  });

  test('[RATE-08] are its own: another client is served meanwhile', async () => {
    const { client: busy } = await withToken({ perSecond: plenty, perMinute: 1 });
    expect((await requestToken(server, busy)).status).toBe(429);
    expect((await requestToken(server, await aClient(server))).status).toBe(200);
  });

  test('[RATE-08] are not used up by somebody who only names it', async () => {
    const client = await aClient(server, { policy: { limits: { perSecond: plenty, perMinute: 2 } } });
    const wrong = { headers: { authorization: basic(client.clientId, 'wrong') } };
    for (let turn = 0; turn < 3; turn += 1) expect((await requestToken(server, client, wrong)).status).toBe(401);
    const token = await aToken(server, client);
    for (let turn = 0; turn < 3; turn += 1) {
      expect((await callPlayground(server, client, token, { identity: null })).status).toBe(401);
    }
    expect((await callPlayground(server, client, token)).status).toBe(200);
  });

  test('[RATE-07] stand in no header of an answer within them', async () => {
    const { client, token } = await withToken();
    const { headers } = await callPlayground(server, client, token);
    expect(Object.keys(headers).filter((name) => /rate|retry|quota|limit/.test(name))).toEqual([]);
  });
});

describe('the limits of an address', () => {
  test('[RATE-09] [RATE-05] hold before anything of the request is believed', async () => {
    const server = await serverWith({ settings: { addressRequestsPerSecond: 3 } });
    const client = await aClient(server);
    const token = await aToken(server, client);
    await call(server, { path: '/nothing' });
    await callPlayground(server, client, 'x');
    expectTooMany(await callPlayground(server, client, token, correlated), 'tollward-address');
    expectTooMany(await requestToken(server, client, correlated), 'tollward-address');
    expectTooMany(await call(server, { path: '/nothing', ...correlated }), 'tollward-address');
    server.time.now += 2_000;
    expect((await callPlayground(server, client, token)).status).toBe(200);
  });

  test('[RATE-10] stop an address that keeps failing to authenticate, the right secret included', async () => {
    const server = await serverWith({ settings: { addressFailuresPerMinute: 3 } });
    const client = await aClient(server);
    const token = await aToken(server, client);
    const wrong = { headers: { authorization: basic(client.clientId, 'wrong') } };
    await requestToken(server, client, wrong);
    await requestToken(server, client, wrong);
    expect((await callPlayground(server, client, 'no token')).status).toBe(401);
    const refused = await requestToken(server, client, correlated);
    expectTooMany(refused, 'tollward-address');
    expect((await explain(server, refused))?.code).toBe('address_failures_limited');
    expect((await callPlayground(server, client, token)).status).toBe(429);
    server.time.now += 2 * minuteMs;
    expect((await requestToken(server, client)).status).toBe(200);
  });

  test('[RATE-11] stop a connection before its handshake', async () => {
    const server = await serverWith({ settings: { addressHandshakesPerSecond: 2 } });
    const first = await openConnection(server, {});
    const second = await openConnection(server, { listener: 'api' });
    await expect(openConnection(server, {})).rejects.toThrow();
    server.time.now += 2_000;
    const later = await openConnection(server, {});
    for (const socket of [first, second, later]) {
      // An answer proves that the server's side of the handshake is complete too.
      await exchange(socket, getWith('x'));
      socket.destroy();
    }
    const counted = async () => {
      const lines = (await server.core.metrics.render()).split('\n');
      return lines.filter((line) => line.startsWith('tls_handshakes_total')).sort();
    };
    const labels = (listener: string, outcome: string) => `{listener="sandbox ${listener}",outcome="${outcome}"}`;
    expect(await counted(), 'a refused one has not failed as well').toEqual([
      `tls_handshakes_total${labels('api', 'completed')} 1`,
      `tls_handshakes_total${labels('api-mtls', 'completed')} 2`,
      `tls_handshakes_total${labels('api-mtls', 'refused')} 1`,
    ]);
  });
});

describe('the limits of a rate class', () => {
  const policy = `
version: 1
upstreams: { money: {} }
rates:
  reports: { perSecond: 2, perMinute: 3 }
defaults: { upstream: money, tokens: [client_credentials] }
routes:
  GET /v1/reports/{reportId}: { summary: Read a report, rate: reports }
  GET /v1/reports/{reportId}/lines: { summary: Read its lines, rate: reports }
  GET /v1/things: { summary: List things }
`;

  test('[RATE-15] count the routes of it together, for each client, beside the limits of the client', async () => {
    const upstream = await startMoneyUpstream();
    onTestFinished(() => upstream.close());
    const server = await serverWith({ policy, upstreamUrl: () => upstream.url });
    const [busy, quiet] = [await aClient(server), await aClient(server)];
    const tokens = new Map([busy, quiet].map((client) => [client, '']));
    for (const client of tokens.keys()) tokens.set(client, await aToken(server, client));
    const get = (client: TestClient, path: string) =>
      callPlayground(server, client, tokens.get(client) ?? '', { path, ...correlated });
    expect((await get(busy, '/v1/reports/1')).status).toBe(200);
    expect((await get(busy, '/2026Q3/reports/1/lines')).status).toBe(200);
    const refused = await get(busy, '/v1/reports/2');
    expectTooMany(refused, 'tollward-route');
    expect((await explain(server, refused))?.code).toBe('route_rate_limited');
    expect((await get(busy, '/v1/things')).status, 'a route that is not of it').toBe(200);
    expect((await get(quiet, '/v1/reports/1')).status, 'another client').toBe(200);

    const wait = ({ headers }: CallAnswer): void => {
      server.time.now += Number(headers['retry-after']) * 1_000;
    };
    wait(refused);
    expect((await get(busy, '/v1/reports/1')).status, 'the third in a minute').toBe(200);
    const next = await get(busy, '/v1/reports/1');
    expectTooMany(next, 'tollward-route');
    wait(next);
    expect((await get(busy, '/v1/reports/1')).status, 'after the minute').toBe(200);
  });
});

test('a header that was accepted on a connection is no guess there: requests in flight with it hold no place among the failures', async () => {
  const server = await serverWith({ settings: { addressFailuresPerMinute: 1 } });
  const client = await aClient(server);
  const head = (length: number) =>
    [
      'POST /oauth/token HTTP/1.1',
      'Host: localhost',
      `Authorization: ${basic(client.clientId, client.secret)}`,
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${length}`,
    ].join('\r\n');
  const body = 'grant_type=client_credentials';
  const place = { identity: client.identity };
  const [known, unknown] = [await openConnection(server, place), await openConnection(server, place)];
  onTestFinished(() => {
    known.destroy();
    unknown.destroy();
  });
  expect(await exchange(known, `${head(body.length)}\r\n\r\n${body}`)).toMatchObject({ status: 200 });

  /** Begins a request whose body is still to come; resolves when the server has read its head. */
  const begin = (socket: typeof known): Promise<unknown> => {
    const continued = new Promise((resolve) => socket.once('data', resolve));
    socket.write(`${head(body.length)}\r\nExpect: 100-continue\r\n\r\n`);
    return continued;
  };
  await begin(known);
  expect((await requestToken(server, client)).status, 'beside one that is no guess').toBe(200);
  expect(await exchange(known, body)).toMatchObject({ status: 200 });
  await begin(unknown);
  expect((await requestToken(server, client)).status, 'beside one that may be').toBe(429);
});
