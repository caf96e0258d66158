import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createLog } from '../../platform/observability/log.js';
import { createHexIds, createRandomPool } from '../../platform/random.js';
import { createRateLimiter, type RateLimits } from '../../platform/rate-limiter.js';
import type { Refusal, RefusedRequest } from '../../refusals/index.js';
import { someTime } from '../../testing/facts.js';
import type { Route } from './exchange.js';
import { createWireSurface } from './wire-surface.js';

const secretFault = 'password=hunter2 at 10.0.0.7';

class Away extends Error {}

/** Lets the requests go on that wait in their route. */
const held: (() => void)[] = [];

const routes = new Map<string, Route>([
  ['/good', { method: 'GET', handle: async () => ({ status: 200, body: '{"good":true}', clientId: 'cli_1' }) }],
  ['/open', { method: 'GET', takesHead: true, handle: () => ({ status: 200, body: '{"open":true}' }) }],
  ['/unread', { method: 'POST', handle: async () => ({ status: 200, body: '{}' }) }],
  [
    '/held',
    {
      method: 'POST',
      handle: async () => {
        await new Promise<void>((resolve) => held.push(resolve));
        return { refusal: 'malformed_request', step: 'body', expected: 'the whole body', seen: 'less' };
      },
    },
  ],
  [
    '/held-wrong',
    {
      method: 'GET',
      handle: async () => {
        await new Promise<void>((resolve) => held.push(resolve));
        return { refusal: 'token_malformed', step: 'token', expected: 'a token', seen: 'none' };
      },
    },
  ],
  [
    '/held-good',
    {
      method: 'GET',
      handle: async () => {
        await new Promise<void>((resolve) => held.push(resolve));
        return { status: 200, body: '{"good":true}', clientId: 'cli_1' };
      },
    },
  ],
  ['/broken', { method: 'GET', handle: () => Promise.reject(new Error(secretFault)) }],
  ['/away', { method: 'GET', handle: () => Promise.reject(new Away(secretFault)) }],
  [
    '/wrong-token',
    {
      method: 'GET',
      handle: async () => ({ refusal: 'token_malformed', step: 'token', expected: 'a token', seen: 'none' }),
    },
  ],
  [
    '/wrong-certificate',
    {
      method: 'GET',
      handle: async () => ({
        refusal: 'certificate_missing',
        step: 'binding',
        expected: 'one',
        seen: 'none',
        clientId: 'cli_1',
      }),
    },
  ],
]);

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface Limits {
  readonly requests?: RateLimits;
  readonly failures?: RateLimits;
  readonly handshakes?: RateLimits;
}

/** The surface on a plain HTTP server: real sockets and Node's real parser, no certificates. */
async function startSurface(limits: Limits = {}) {
  const state = { draining: false };
  const lines: string[] = [];
  const recorded: { readonly request: RefusedRequest; readonly refusal: Refusal }[] = [];
  const metrics: unknown[][] = [];
  const unlimited = { perSecond: 1_000_000, perMinute: 1_000_000 };
  const surface = createWireSurface({
    environment: 'sandbox',
    listener: 'api',
    mtlsUrl: () => 'https://mtls.example',
    routes,
    addressLimits: { requests: unlimited, failures: unlimited, handshakes: unlimited, ...limits },
    addressRates: {
      requests: createRateLimiter(),
      failures: createRateLimiter(),
      handshakes: createRateLimiter(),
    },
    clock: () => someTime,
    monotonic: () => 0,
    newTraceId: createHexIds(createRandomPool()),
    log: createLog('info', { write: (line) => void lines.push(line) }),
    metrics: {
      request: (...values) => metrics.push(['request', ...values]),
      refused: (code) => metrics.push(['refused', code]),
    },
    refusals: {
      record: (request, refusal) => recorded.push({ request, refusal }),
      flush: async () => undefined,
    },
    isDraining: () => state.draining,
    isTransient: (error) => error instanceof Away,
  });
  const server = createServer({ requireHostHeader: false });
  let endedConnections = 0;
  server.on('connection', (socket) => {
    surface.onConnection(socket as TLSSocket);
    socket.once('close', () => {
      endedConnections += 1;
    });
  });
  server.on('connect', (_request, socket) => surface.onBadRequest('malformed', socket as TLSSocket, 'CONNECT'));
  server.on('request', surface.onRequest);
  server.on('clientError', (error, socket) => surface.onBadRequest('malformed', socket as TLSSocket, error.message));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const send = (path: string, options: { method?: string; headers?: Record<string, string>; body?: string } = {}) =>
    new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
      const { method = 'GET', headers = {}, body } = options;
      const outgoing = httpRequest({ port, host: '127.0.0.1', path, method, headers, agent: false }, (incoming) => {
        let text = '';
        incoming.setEncoding('utf8');
        incoming.on('data', (chunk: string) => {
          text += chunk;
        });
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }));
        incoming.on('error', reject);
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  /** Sends bytes and resolves to all that came back when the server closed the connection. */
  const sendRaw = (bytes: string, andThen: 'wait' | 'end' = 'wait') =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => (andThen === 'end' ? socket.end(bytes) : socket.write(bytes)));
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
      });
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
    });
  /** Sends bytes, reads to the end of the answers, and leaves its own side of the connection open for good. */
  const sendAndStay = (bytes: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.write(bytes));
      closers.push(async () => void socket.destroy());
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
      });
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
  const ended = () => endedConnections;
  return { send, sendRaw, sendAndStay, ended, state, lines, recorded, metrics, surface };
}

describe('an answer of the wire surface', () => {
  test('carries its length and a trace id of ours, and the correlation id of the caller', async () => {
    const { send, lines, metrics, recorded } = await startSurface();
    const answer = await send('/good', { headers: { 'x-external-correlation-id': 'order 7', 'x-trace-id': 'theirs' } });
    expect(answer).toMatchObject({ status: 200, text: '{"good":true}' });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': '13',
      'x-trace-id': expect.stringMatching(/^[0-9a-f]{32}$/),
      'x-external-correlation-id': 'order 7',
    });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      traceId: answer.headers['x-trace-id'],
      correlationId: 'order 7',
      path: '/good',
      status: 200,
      clientId: 'cli_1',
      address: '127.0.0.1',
    });
    expect(metrics).toEqual([['request', 'sandbox api', '/good', 200, 0]]);
    expect(recorded).toEqual([]);
  });

  test('that refuses is recorded, counted and logged under the same trace id', async () => {
    const { send, lines, metrics, recorded } = await startSurface();
    const { status, headers } = await send('/wrong-certificate');
    expect([status, headers['x-refusal-code']]).toEqual([401, 'certificate_missing']);
    expect(recorded).toEqual([
      {
        request: {
          traceId: headers['x-trace-id'],
          occurredAt: someTime,
          environment: 'sandbox',
          listener: 'api',
          method: 'GET',
          path: '/wrong-certificate',
          correlationId: undefined,
          address: '127.0.0.1',
        },
        refusal: expect.objectContaining({ refusal: 'certificate_missing' }),
      },
    ]);
    expect(metrics).toContainEqual(['refused', 'certificate_missing']);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      traceId: headers['x-trace-id'],
      refusal: 'certificate_missing',
    });
  });
});

describe('a fault behind a route', () => {
  test.each([
    ['/broken', 500, 'internal_error', undefined],
    ['/away', 503, 'temporarily_unavailable', '2'],
  ])('of %s is answered %i with a trace id and nothing of the error', async (path, status, code, retryAfter) => {
    const { send, lines, recorded } = await startSurface();
    const answer = await send(path);
    expect(answer.status).toBe(status);
    expect(answer.headers['x-refusal-code']).toBe(code);
    expect(answer.headers['retry-after']).toBe(retryAfter);
    expect(answer.text + JSON.stringify(answer.headers)).not.toContain('hunter2');
    expect(JSON.stringify(recorded), 'not in what explain shows either').not.toContain('hunter2');
    const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(logged[0], 'the operator finds it by the trace id').toMatchObject({
      msg: 'request failed',
      traceId: answer.headers['x-trace-id'],
    });
  });

  test('is logged with its stack each time, but with one line and no stack where the database is away', async () => {
    const { send, lines } = await startSurface();
    for (const path of ['/broken', '/broken', '/away', '/away']) await send(path);
    const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const faults = logged.filter(({ msg }) => msg === 'request failed');
    expect(faults.map(({ level, error }) => [level, error !== undefined])).toEqual([
      ['error', true],
      ['error', true],
      ['warn', false],
    ]);
  });
});

describe('the edge', () => {
  test('answers an unknown path and a wrong method', async () => {
    const { send } = await startSurface();
    expect(await send('/nowhere')).toMatchObject({ status: 404, headers: { 'x-refusal-code': 'route_unknown' } });
    expect(await send('/good', { method: 'DELETE' })).toMatchObject({ status: 405, headers: { allow: 'GET' } });
    expect(await send('/open', { method: 'POST' })).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  });

  test('answers HEAD as GET without the body where a route takes it, and reads on after it', async () => {
    const { send, sendRaw } = await startSurface();
    const { 'x-trace-id': _, date: __, ...ofGet } = (await send('/open')).headers;
    const { status, headers, text } = await send('/open', { method: 'HEAD' });
    expect([status, text]).toEqual([200, '']);
    expect(headers).toMatchObject({ ...ofGet, 'content-length': '13' });
    expect(await send('/good', { method: 'HEAD' })).toMatchObject({ status: 405, headers: { allow: 'GET' } });
    const both = await sendRaw('HEAD /open HTTP/1.1\r\nHost: a\r\n\r\nGET /open HTTP/1.1\r\n\r\n');
    expect(both.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
  });

  test('keeps secrets and queries of unknown paths out of logs and records', async () => {
    const { send, lines, recorded } = await startSurface();
    const secret = `tlw_sbx_cs_${'q'.repeat(49)}`;
    await send(`/x/${secret}?token=hidden`);
    await send(`/x/${'y'.repeat(5_000)}`);
    const kept = lines.join('') + JSON.stringify(recorded);
    expect(kept).toContain('/x/tlw_sbx_cs_***');
    expect(kept).not.toContain('qqqqqq');
    expect(kept).not.toContain('hidden');
    expect(kept).not.toContain('y'.repeat(300));
  });

  test.each([
    ['an escaped mark', '/x/tlw%5Fsbx_cs_'],
    ['an escaped letter', '/x/%74lw_sbx_cs_'],
    ['an escaped escape', '/x/%2574lw_sbx_cs_'],
    ['escaped digits of an escape', '/x/%25%37%34lw_sbx_cs_'],
  ])('keeps a secret with %s out of logs, records and answers', async (_case, path) => {
    const { send, lines, recorded } = await startSurface();
    const { text } = await send(`${path}${'q'.repeat(49)}`);
    const kept = lines.join('') + JSON.stringify(recorded) + text;
    expect(kept).toContain('/x/');
    expect(kept).not.toContain('qqqq');
  });

  test('refuses an ambiguous request and closes its connection', async () => {
    const { sendRaw, recorded } = await startSurface();
    const head = 'GET /good HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n';
    const text = await sendRaw(head + head);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('x-refusal-code: ambiguous_request');
    expect(text.match(/HTTP\/1\.1/g), 'what follows is not answered').toHaveLength(1);
    expect(recorded[0]?.refusal).toMatchObject({ refusal: 'ambiguous_request', seen: 'the header Host twice' });
  });

  test('answers what Node can not read with a trace id, and closes', async () => {
    const { sendRaw, recorded, lines } = await startSurface();
    const text = await sendRaw('NOT HTTP\r\n\r\n');
    const traceId = /x-trace-id: ([0-9a-f]{32})\r\n/.exec(text)?.[1];
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('connection: close');
    const body = text.slice(text.indexOf('\r\n\r\n') + 4);
    expect(Buffer.byteLength(body)).toBe(Number(/content-length: (\d+)/.exec(text)?.[1]));
    expect(recorded).toMatchObject([{ request: { traceId }, refusal: { refusal: 'malformed_request' } }]);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ traceId, status: 400 });
  });

  test.each([
    ['ends in the middle', 'Content-Length: 100\r\n\r\ngrant_type=', 'end'],
    ['is not what its framing says', 'Transfer-Encoding: chunked\r\n\r\nzz\r\n', 'wait'],
  ] as const)('answers, logs, counts and records once a request whose body %s', async (_case, rest, andThen) => {
    const { sendRaw, recorded, lines, metrics } = await startSurface();
    const text = await sendRaw(
      `POST /held?q=1 HTTP/1.1\r\nHost: a\r\nX-External-Correlation-Id: order 7\r\n${rest}`,
      andThen,
    );
    // The route hears of the end of its request later, and then gives an outcome too.
    for (const release of held.splice(0)) release();
    await new Promise(setImmediate);
    const traceId = /x-trace-id: ([0-9a-f]{32})\r\n/.exec(text)?.[1];
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('connection: close');
    expect(text).toContain('x-external-correlation-id: order 7');
    expect(text.match(/HTTP\/1\.1 \d+/g)).toHaveLength(1);
    const facts = { traceId, method: 'POST', path: '/held', correlationId: 'order 7' };
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([{ ...facts, status: 400 }]);
    expect(recorded).toMatchObject([{ request: facts, refusal: { refusal: 'malformed_request' } }]);
    expect(metrics).toEqual([
      ['request', 'sandbox api', '/held', 400, 0],
      ['refused', 'malformed_request'],
    ]);
  });

  test('does not take a body that nobody read for the next request', async () => {
    const { sendRaw } = await startSurface();
    const smuggled = 'GET /good HTTP/1.1\r\nHost: a\r\n\r\n';
    const text = await sendRaw(
      `POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: ${smuggled.length + 10}\r\n\r\n${smuggled}`,
    );
    expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(1);
    expect(text).toContain('connection: close');
  });

  test('keeps a connection open after a request it has read to the end', async () => {
    const { sendRaw } = await startSurface();
    const text = await sendRaw('GET /good HTTP/1.1\r\nHost: a\r\n\r\nGET /good HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n');
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
  });

  test('closes connections after their answer while the server drains', async () => {
    const { sendRaw, state } = await startSurface();
    state.draining = true;
    const text = await sendRaw('GET /good HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text).toContain('connection: close');
  });

  test.each([
    ['is not HTTP', 'NOT HTTP\r\n\r\n', 400],
    ['asks for a tunnel', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['is ambiguous', 'GET /good HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
    ['leaves a body unread', 'POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n', 200],
    ['has a broken body', 'POST /held HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400],
  ])('lets go of the connection after a request that %s, although the peer does not', async (_case, bytes, status) => {
    const { sendAndStay, ended } = await startSurface();
    expect(await sendAndStay(bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    await vi.waitFor(() => expect(ended()).toBe(1));
  });

  test('lets go of a connection whose next request can not be read while an answer is still due', async () => {
    const { sendAndStay, ended } = await startSurface();
    const answered = sendAndStay('GET /held-wrong HTTP/1.1\r\nHost: a\r\n\r\nNOT HTTP\r\n\r\n');
    expect(await answered).toBe('');
    await vi.waitFor(() => expect(ended()).toBe(1));
    for (const release of held.splice(0)) release();
  });

  test('destroys a request whose connection it never saw begin', async () => {
    const { surface } = await startSurface();
    const destroyed: string[] = [];
    const socket = { destroy: () => destroyed.push('destroyed') };
    surface.onRequest({ socket } as never, {} as never);
    expect(destroyed).toEqual(['destroyed']);
  });
});

describe('the limits of an address', () => {
  const one = { perSecond: 1, perMinute: 100 };

  test('refuse requests beyond their number', async () => {
    const { send } = await startSurface({ requests: one });
    expect((await send('/good')).status).toBe(200);
    const refused = await send('/good');
    expect(refused.status).toBe(429);
    expect(refused.headers).toMatchObject({
      'x-refusal-code': 'address_rate_limited',
      'x-rate-limited-by': 'tollward-address',
    });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  });

  test('count failed authentications, and nothing else, against an allowance of their own', async () => {
    const { send } = await startSurface({ failures: one });
    for (const path of ['/wrong-certificate', '/nowhere', '/broken', '/good']) await send(path);
    expect((await send('/wrong-token')).status).toBe(401);
    const limited = await send('/good');
    expect([limited.status, limited.headers['x-refusal-code']]).toEqual([429, 'address_failures_limited']);
  });

  test('count a failure from the arrival of its request on in the minute, however many others are still open', async () => {
    const { send } = await startSurface({ failures: { perSecond: 100, perMinute: 2 } });
    const wrong = () => send('/held-wrong', { headers: { authorization: 'Bearer wrong' } });
    const open = [wrong(), wrong()];
    await vi.waitFor(() => expect(held).toHaveLength(2));
    const limited = await wrong();
    expect([limited.status, limited.headers['x-refusal-code']]).toEqual([429, 'address_failures_limited']);
    for (const release of held.splice(0)) release();
    expect((await Promise.all(open)).map(({ status }) => status)).toEqual([401, 401]);
    expect((await send('/good')).status, 'they have come to be failures').toBe(429);
  });

  test('hold a place for credentials that came along before with what is open to anybody', async () => {
    const { send, sendAndStay } = await startSurface({ failures: { perSecond: 100, perMinute: 1 } });
    const guess = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer guessed\r\n\r\n`;
    void sendAndStay(guess('/open') + guess('/held-wrong')).catch(() => undefined);
    await vi.waitFor(() => expect(held).toHaveLength(1));
    const next = await send('/wrong-token', { headers: { authorization: 'Bearer another' } });
    expect(next.headers['x-refusal-code']).toBe('address_failures_limited');
    for (const release of held.splice(0)) release();
  });

  test('let more good requests be open at the same time than may fail in a second', async () => {
    const { send } = await startSurface({ failures: { perSecond: 100, perMinute: 1_000 } });
    const headers = { authorization: 'Bearer right' };
    const open = Array.from({ length: 120 }, () => send('/held-good', { headers }));
    await vi.waitFor(() => expect(held).toHaveLength(120));
    const next = send('/held-good', { headers });
    await vi.waitFor(() => expect(held).toHaveLength(121));
    for (const release of held.splice(0)) release();
    const statuses = (await Promise.all([...open, next])).map(({ status }) => status);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  });

  test('give back the place of a request with credentials that did not fail', async () => {
    const { send } = await startSurface({ failures: one, requests: { perSecond: 8, perMinute: 100 } });
    const headers = { authorization: 'Bearer right' };
    const paths = ['/good', '/nowhere', '/wrong-certificate', '/broken', '/good', '/good', '/away', '/good'];
    const statuses: number[] = [];
    for (const path of paths) statuses.push((await send(path, { headers })).status);
    expect(statuses).toEqual([200, 404, 401, 500, 200, 200, 503, 200]);
    const refused = (await send('/good', { headers })).headers['x-refusal-code'];
    expect(refused, 'nor does one that its requests are too many for').toBe('address_rate_limited');
    expect((await send('/good', { headers })).headers['x-refusal-code']).toBe('address_rate_limited');
  });

  test('end the connection of what they refuse', async () => {
    const { sendRaw } = await startSurface({ requests: one });
    const text = await sendRaw('GET /good HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3));
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 429']);
    expect(text).toContain('connection: close');
  });

  test('write a few lines a second at most, and count every refusal', async () => {
    const { send, lines, metrics } = await startSurface({ requests: one });
    for (let number = 0; number < 20; number += 1) await send('/good');
    const logged = lines.filter((line) => line.includes('address_rate_limited'));
    expect(logged).toHaveLength(5);
    expect(metrics.filter(([kind]) => kind === 'refused')).toHaveLength(19);
    expect(metrics.filter(([kind]) => kind === 'request')).toHaveLength(20);
  });

  test('drop what can not be read beyond their number, and count it', async () => {
    const { sendRaw, metrics, recorded, lines } = await startSurface({ requests: one });
    expect(await sendRaw('NOT HTTP\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await sendRaw('NOT HTTP\r\n\r\n').catch(() => '')).toBe('');
    expect(metrics.filter(([kind]) => kind === 'refused')).toEqual([
      ['refused', 'malformed_request'],
      ['refused', 'address_rate_limited'],
    ]);
    expect([recorded.length, lines.length]).toEqual([1, 1]);
  });

  test('refuse handshakes beyond their number', async () => {
    const { surface } = await startSurface({ handshakes: one });
    const socket = { remoteAddress: '192.0.2.9' };
    expect(surface.admit(socket as never)).toBe(true);
    expect(surface.admit(socket as never)).toBe(false);
    expect(surface.admit({ remoteAddress: '192.0.2.10' } as never)).toBe(true);
  });
});
