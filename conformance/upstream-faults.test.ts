// An upstream that is slow, dead, or talks nonsense: callers get an answer that says so, and nothing of the inside.

import { explain } from '@tollward/server/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { type CallerAnswer, type Gateway, startGateway } from './support/gateway.js';

const gateway = await startGateway({ upstream: '{ answerSeconds: 1, idleSeconds: 1, connectSeconds: 1 }' });
const { server, upstream, send, bytesOf, client } = gateway;

// Refusals are kept by the minute, some of each.
beforeEach(() => {
  server.time.now += 60_000;
});

async function expectRefusal({ server }: Gateway, answer: CallerAnswer, status: number, code: string): Promise<void> {
  expect([answer.status, answer.header('x-refusal-code')]).toEqual([status, code]);
  const traceId = answer.header('x-trace-id') ?? '';
  expect(traceId).toMatch(/^[0-9a-f]{32}$/);
  const whole = JSON.stringify(answer);
  expect(whole).not.toMatch(/127\.0\.0\.1|ECONN|undici|UND_ERR|HPE_|money|inside/i);
  const explained = await explain(server, { headers: { 'x-trace-id': traceId } } as never);
  expect(explained).toMatchObject({ code, status, clientId: client.clientId });
  expect(explained?.steps.at(-1)).toEqual({ name: 'forward', outcome: 'failed' });
}

/** The request lines of the log under this trace id. */
function loggedUnder(traceId: string): readonly object[] {
  const lines = server.logLines.map((text) => JSON.parse(text) as object);
  return lines.filter((line) => 'status' in line && 'traceId' in line && line.traceId === traceId);
}

describe('an answer that can not be used', () => {
  const long = 'x'.repeat(17 * 1_024);
  const answers: readonly (readonly [name: string, bytes: string])[] = [
    ['garbage', 'inside garbage\r\n\r\n'],
    ['a TLS record', '\x16\x03\x01\x00\x05hello'],
    ['another protocol', 'SSH-2.0-inside\r\n'],
    ['a version nobody knows', 'HTTP/3.7 200 OK\r\n\r\n'],
    ['a status that is no number', 'HTTP/1.1 abc OK\r\n\r\n'],
    ['a status below 100', 'HTTP/1.1 042 OK\r\nContent-Length: 0\r\n\r\n'],
    ['a status above 599', 'HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n'],
    ['a header without a colon', 'HTTP/1.1 200 OK\r\ninside\r\n\r\n'],
    ['a header with a control byte', 'HTTP/1.1 200 OK\r\nX-A: a\x01b\r\n\r\n'],
    ['a header name with a space', 'HTTP/1.1 200 OK\r\nX A: b\r\n\r\n'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\n\r\n'],
    ['a header of 17 KiB', `HTTP/1.1 200 OK\r\nX-A: ${long}\r\n\r\n`],
    ['17 KiB of headers', `HTTP/1.1 200 OK\r\n${'X-A: inside\r\n'.repeat(2_500)}\r\n`],
    ['two lengths that differ', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a length below nothing', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n'],
    ['an upgrade nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
    ['a 100 that nobody asked for, and no more', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ];
  for (const [name, bytes] of answers) {
    test(`[GW-17] ${name}: the caller gets 502`, async () => {
      const { caller, connection } = await send('POST /v1/things', 'Content-Length: 2', '', '{}');
      connection.write(bytes);
      connection.end();
      await expectRefusal(gateway, await caller.answer(), 502, 'upstream_failed');
      expect(upstream.count, 'is not asked twice').toBe(1);
    });
  }

  test('[GW-17] chunks that are none: the connection is cut', async () => {
    const { caller, connection } = await send('GET /v1/things');
    connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    await caller.until(/abc/);
    connection.write('inside\r\n');
    const text = await caller.closed;
    expect(text).toMatch(/abc\r\n$/);
    expect(text).not.toContain('0\r\n\r\n');
  });
});

describe('a connection that ends', () => {
  const ends = ['end', 'reset'] as const;
  for (const end of ends) {
    test(`[GW-18] by ${end} without an answer: 502, and nothing is sent again`, async () => {
      const { caller, connection } = await send('POST /v1/things', 'Content-Length: 2', '', '{}');
      await connection.until(/\{\}$/);
      connection[end]();
      await expectRefusal(gateway, await caller.answer(), 502, 'upstream_failed');
      expect(upstream.count).toBe(1);
    });

    test(`[GW-18] by ${end} on its first request: 502, and not even GET is sent again`, async () => {
      const { caller, connection } = await send('GET /v1/things');
      connection[end]();
      await expectRefusal(gateway, await caller.answer(), 502, 'upstream_failed');
      expect(upstream.count).toBe(1);
    });

    test(`[GW-18] by ${end} within the head: 502`, async () => {
      const { caller, connection } = await send('GET /v1/things');
      connection.write('HTTP/1.1 200 OK\r\nContent-Le');
      connection[end]();
      await expectRefusal(gateway, await caller.answer(), 502, 'upstream_failed');
      expect(upstream.count).toBe(1);
    });

    for (const [kind, head] of [
      ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'],
      ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
    ] as const) {
      test(`[GW-19] by ${end} within an answer ${kind}: ours is cut, so that nobody takes it for a whole one`, async () => {
        const { caller, connection } = await send('GET /v1/things');
        connection.write(head);
        await caller.until(/abc/);
        connection[end]();
        const text = await caller.closed;
        expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
        expect(text).toMatch(/abc(\r\n)?$/);
        const traceId = /x-trace-id: (\S+)/.exec(text)?.[1] ?? '';
        expect(await explain(server, { headers: { 'x-trace-id': traceId } } as never)).toMatchObject({
          code: 'upstream_failed',
          status: 200,
        });
        expect(loggedUnder(traceId)).toMatchObject([{ status: 200, refusal: 'upstream_failed' }]);
      });
    }
  }

  /** A caller and a connection on which one request was answered and the next one has just come. */
  async function sendTwice(requestLine: string, ...lines: readonly string[]) {
    const { caller, connection } = await send('GET /v1/things');
    connection.answer(200, 'first');
    await caller.answer();
    caller.write(bytesOf(requestLine, ...lines));
    await connection.until(/HTTP\/1\.1\r\n.* HTTP\/1\.1\r\n.*\r\n\r\n(\{\})?$/s);
    return { caller, connection };
  }

  for (const method of ['GET', 'HEAD']) {
    for (const end of ends) {
      test(`[GW-20] by ${end} after it was kept: ${method} is sent once more, and only once`, async () => {
        const { caller, connection } = await sendTwice(`${method} /v1/things`);
        connection[end]();
        const second = await upstream.next();
        await second.until(/\r\n\r\n/);
        second.answer(200, '');
        expect((await caller.answer()).status).toBe(200);
        expect(upstream.count).toBe(2);
        await upstream.endConnections();

        const { caller: other, connection: kept } = await sendTwice(`${method} /v1/things`);
        kept[end]();
        const last = await upstream.next();
        await last.until(/\r\n\r\n/);
        last[end]();
        await other.until(/HTTP\/1\.1 502 .*\r\n\r\n/s);
        expect(other.received()).toContain('x-refusal-code: upstream_failed');
        expect(upstream.count).toBe(2);
      });
    }
  }

  test('[GW-20] by reset after it was kept, and another one as well: GET is not sent a third time', async () => {
    const [first, second] = [await send('GET /v1/things/1'), await send('GET /v1/things/2')];
    for (const { caller, connection } of [first, second]) {
      connection.answer(200, '');
      await caller.answer();
    }
    first.caller.write(bytesOf('GET /v1/things/3'));
    const asked = [first, second].map(({ connection }) => connection.until(/things\/3 /).then(() => connection));
    const kept = await Promise.any(asked);
    kept.reset();
    const other = kept === first.connection ? second.connection : first.connection;
    await other.until(/things\/3 /);
    other.reset();
    await expectRefusal(gateway, await first.caller.answer(), 502, 'upstream_failed');
    expect(upstream.count).toBe(2);
  });

  for (const [name, line, ...rest] of [
    ['POST', 'POST /v1/things', 'Content-Length: 2', '', '{}'],
    ['PUT without a body', 'PUT /v1/things/7'],
    ['DELETE', 'DELETE /v1/things/7'],
  ] as const) {
    test(`[GW-20] after it was kept: ${name} is never sent twice`, async () => {
      const { caller, connection } = await sendTwice(line, ...rest);
      connection.reset();
      await expectRefusal(gateway, await caller.answer(), 502, 'upstream_failed');
      expect(upstream.count).toBe(1);
    });
  }

  test('[GW-20] after it was kept, and the answer had begun: GET is not sent again', async () => {
    const { caller, connection } = await sendTwice('GET /v1/things');
    connection.write('H');
    connection.end();
    await expectRefusal(gateway, await caller.answer(), 502, 'upstream_failed');
    expect(upstream.count).toBe(1);
  });
});

describe('time', () => {
  test('[GW-21] without an answer: 504', async () => {
    const { caller, connection } = await send('POST /v1/things', 'Content-Length: 2', '', '{}');
    await expectRefusal(gateway, await caller.answer(), 504, 'upstream_timeout');
    await connection.closed;
    expect(upstream.count).toBe(1);
  });

  test('[GW-21] with half a head: 504', async () => {
    const { caller, connection } = await send('GET /v1/things');
    connection.write('HTTP/1.1 200 OK\r\nX-A: b\r\n');
    await expectRefusal(gateway, await caller.answer(), 504, 'upstream_timeout');
  });

  test('[GW-21] with half an answer: ours is cut', async () => {
    const { caller, connection } = await send('GET /v1/things');
    connection.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc');
    expect(await caller.closed).toMatch(/abc$/);
    await connection.closed;
  });

  test('[GW-21] an answer that goes on, however slowly, is not cut', async () => {
    const { caller, connection } = await send('GET /v1/things');
    connection.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n');
    for (const byte of 'abcde') {
      await new Promise((resolve) => setTimeout(resolve, 400));
      connection.write(byte);
    }
    expect((await caller.answer()).body).toBe('abcde');
  });
});

describe('an answer that is longer than it announced', () => {
  test('[GW-22] ends where it said it would, and what follows reaches nobody', async () => {
    const { caller, connection } = await send('GET /v1/things');
    connection.write(
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ninside',
    );
    expect((await caller.answer()).body).toBe('abc');
    await connection.closed;
    caller.write(bytesOf('GET /v1/things'));
    const next = await upstream.next();
    await next.until(/\r\n\r\n/);
    next.answer(200, 'next');
    expect((await caller.answer()).body).toBe('next');
    expect(caller.received()).not.toContain('inside');
  });
});
