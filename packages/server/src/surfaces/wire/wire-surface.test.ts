import { describe, expect, test, vi } from 'vitest';
import { someTime } from '../../testing/facts.js';
import { held, startSurface } from '../../testing/wire-surface.js';

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
          status: 401,
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
