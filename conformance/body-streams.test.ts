// Bodies on their way: how large, how slow and how broken they may be, and who gives up when.

import { aToken, requestToken } from '@tollward/server/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { policyOf, startGateway, startOwnGateway } from './support/gateway.js';

const times = { handshakeMs: 60_000, headersMs: 300, requestMs: 300, keepAliveMs: 60_000, checkMs: 20 };
const gateway = await startGateway({ times, upstream: '{ idleSeconds: 1, answerSeconds: 2 }' });
const { server, upstream, send, open, bytesOf, client } = gateway;
beforeEach(() => {
  server.time.now += 60_000;
});

const mebibyte = 'x'.repeat(1024 * 1024);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A body in chunks that goes on. */
const sendPartOfFile = () => send('POST /v1/files', 'Transfer-Encoding: chunked', '', '100000', mebibyte, '');

/** The last request line of the log. */
async function lastLine(): Promise<object> {
  await new Promise((resolve) => setImmediate(resolve));
  return JSON.parse(server.logLines.at(-1) ?? '{}') as object;
}

describe('a body that is too large', () => {
  test('[GW-23] by its length is refused before anything is sent on', async () => {
    const caller = await open();
    caller.write(bytesOf('POST /v1/things', 'Content-Length: 1001', '', 'x'));
    expect(await caller.closed).toMatch(/^HTTP\/1\.1 413 (.*\r\n)+x-refusal-code: request_body_too_large\r\n/);
    expect(upstream.count).toBe(0);
    expect(await lastLine()).toMatchObject({
      status: 413,
      refusal: 'request_body_too_large',
      clientId: client.clientId,
    });
  });

  test('[GW-23] as far as its length is allowed comes whole', async () => {
    const { caller, connection } = await send('POST /v1/things', 'Content-Length: 1000', '', 'x'.repeat(1_000));
    await connection.until(/x{1000}$/);
    connection.answer(200, '');
    expect((await caller.answer()).status).toBe(200);
  });

  test('[GW-23] in chunks is refused as soon as it is', async () => {
    const caller = await open();
    caller.write(
      bytesOf('POST /v1/things', 'Transfer-Encoding: chunked', '', `3e9\r\n${'x'.repeat(1_001)}\r\n0\r\n\r\n`),
    );
    expect(await caller.closed).toMatch(/^HTTP\/1\.1 413 /);
    expect(upstream.count).toBe(0);
  });

  test('[GW-23] after its beginning was sent on breaks the request off', async () => {
    const other = await startOwnGateway({
      policy: policyOf().replaceAll('1073741824', '100000'),
    });
    const { caller, connection } = await other.send(
      'POST /v1/files',
      'Transfer-Encoding: chunked',
      '',
      '8000',
      'y'.repeat(32_768),
      '',
    );
    await connection.until(/y{1000}/);
    caller.write(`20000\r\n${'z'.repeat(131_072)}\r\n`);
    expect(await caller.closed).toMatch(/^HTTP\/1\.1 413 /);
    await connection.closed;
    expect(connection.received()).not.toMatch(/\r\n0\r\n\r\n$/);
  });
});

describe('an empty body in chunks', () => {
  const empty = bytesOf('POST /v1/things', 'Transfer-Encoding: chunked', '', '0\r\n\r\n');

  test.each([
    ['alone', empty, ''],
    ['with another request right behind it', `${empty}GET /v1/things HTTP/1.1\r\nHost: api.example\r\n\r\n`, ''],
    ['with its end a moment later', empty.slice(0, -5), '0\r\n\r\n'],
  ])('[GW-05] is whole: %s', async (_case, first, rest) => {
    const caller = await open();
    caller.write(first);
    if (rest !== '') {
      await pause(20);
      caller.write(rest);
    }
    const connection = await upstream.next();
    await connection.until(/\r\ncontent-length: 0\r\n\r\n$|\r\n\r\n0\r\n\r\n$/);
    connection.answer(200, '');
    expect((await caller.answer()).status).toBe(200);
  });
});

describe('a caller that leaves', () => {
  test('[GW-24] within its body leaves no whole request behind', async () => {
    const { caller, connection } = await sendPartOfFile();
    await connection.until(/x{1000}/);
    caller.destroy();
    await connection.closed;
    expect(connection.received()).not.toMatch(/\r\n0\r\n\r\n$/);
    expect(await lastLine()).toMatchObject({ path: '/v1/files', status: expect.toBeOneOf([400, 499]) });
  });

  test('[GW-24] before its small body is there never gets to the upstream', async () => {
    const caller = await open();
    caller.write(bytesOf('POST /v1/things', 'Content-Length: 10', '', 'abc'));
    await pause(50);
    caller.destroy();
    await caller.closed;
    await pause(50);
    expect(upstream.count).toBe(0);
    expect(await lastLine()).toMatchObject({ path: '/v1/things', status: expect.toBeOneOf([400, 499]) });
  });

  test.each([
    ['before the answer', ''],
    ['within the answer', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'],
  ])('[GW-24] %s ends the request to the upstream', async (_name, answered) => {
    const { caller, connection } = await send('GET /v1/things/7');
    connection.write(answered);
    if (answered !== '') await caller.until(/abc/);
    caller.destroy();
    await connection.closed;
    expect(await lastLine()).toMatchObject({ path: '/v1/things/7', status: 499, clientId: client.clientId });
  });
});

describe('an early answer', () => {
  test('[GW-25] reaches the caller, and the rest of the body nobody', async () => {
    const { caller, connection } = await send('POST /v1/files', 'Content-Length: 104857600', '', mebibyte);
    await connection.until(/x{1000}/);
    connection.answer(409, 'no more');
    expect(await caller.closed).toMatch(/^HTTP\/1\.1 409 (.*\r\n)+connection: close\r\n(.*\r\n)*\r\nno more$/i);
    await connection.closed;
    expect(await lastLine()).toMatchObject({ status: 409 });
  });
});

describe('a slow caller', () => {
  test('[GW-26] that stops within a small body gets 408, and the upstream nothing', async () => {
    const caller = await open();
    caller.write(bytesOf('POST /v1/things', 'Content-Length: 10', '', 'abc'));
    expect(await caller.closed).toMatch(/^HTTP\/1\.1 408 /);
    expect(upstream.count).toBe(0);
  });

  test('[GW-26] that stops within a large body gets 408, and the upstream no whole request', async () => {
    const { caller, connection } = await send('POST /v1/files', 'Content-Length: 104857600', '', mebibyte);
    expect(await caller.closed).toMatch(/^HTTP\/1\.1 408 /);
    await connection.closed;
  });

  test('[GW-26] that goes on has all the time it needs', async () => {
    const caller = await open();
    caller.write(bytesOf('POST /v1/things', 'Content-Length: 5', ''));
    for (const byte of 'abcde') {
      await pause(300);
      caller.write(byte);
    }
    const connection = await upstream.next();
    await connection.until(/abcde$/);
    connection.answer(201, '');
    expect((await caller.answer()).status).toBe(201);
  });

  test('[GW-26] whose answer takes longer than a request may waits for it', async () => {
    const { caller, connection } = await send('POST /v1/things', 'Content-Length: 2', '', '{}');
    await connection.until(/\{\}$/);
    await pause(1_200);
    connection.answer(200, 'late');
    expect((await caller.answer()).body).toBe('late');
  });

  test('[GW-27] that takes nothing of its answer is cut off, and the upstream with it', async () => {
    const { caller, connection } = await send('GET /v1/things');
    caller.socket.pause();
    connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * 1024 * 1024}\r\n\r\n`);
    for (let count = 0; count < 64; count += 1) connection.write(mebibyte);
    await connection.closed;
    expect(await lastLine()).toMatchObject({ status: 200, refusal: 'request_timeout' });
    caller.socket.resume();
    expect((await caller.closed).length).toBeLessThan(64 * 1024 * 1024);
  });

  test('[GW-26] keeps no place among the failures of its address', async () => {
    const few = await startOwnGateway({ settings: { addressFailuresPerMinute: 2 } });
    const held = [
      await few.send('GET /v1/things/1'),
      await few.send('GET /v1/things/2'),
      await few.send('GET /v1/things/3'),
    ];
    for (const { caller, connection } of held) {
      connection.answer(200, '');
      expect((await caller.answer()).status).toBe(200);
    }
  });

  test('[GW-28] gets nothing done with a token that was revoked while its body came', async () => {
    const token = await aToken(server, client);
    const caller = await open();
    caller.write(bytesOf('POST /v1/things', 'Content-Length: 10', '', 'abc').replace(gateway.token, token));
    await pause(50);
    await requestToken(server, client, { path: '/oauth/revoke', body: `token=${token}` });
    server.time.now += 2_000;
    caller.write('defghij');
    const answer = await caller.answer();
    expect([answer.status, answer.header('x-refusal-code')]).toEqual([401, 'token_revoked']);
    expect(upstream.count).toBe(0);
  });
});

describe('backpressure', () => {
  const many = 64;

  test('[GW-29] of the upstream reaches the caller, and everything comes in the end', async () => {
    const caller = await open();
    caller.write(bytesOf('POST /v1/files', `Content-Length: ${many * mebibyte.length}`, ''));
    for (let count = 0; count < many; count += 1) caller.write(mebibyte);
    const connection = await upstream.next();
    connection.pause();
    await pause(500);
    expect(caller.socket.writableLength).toBeGreaterThan((many / 2) * mebibyte.length);
    connection.resume();
    await connection.until(/x$/);
    while (connection.received().length < many * mebibyte.length) await pause(20);
    connection.answer(200, '');
    expect((await caller.answer()).status).toBe(200);
  });

  test('[GW-29] of the caller reaches the upstream, and everything comes in the end', async () => {
    const { caller, connection } = await send('GET /v1/things', 'Connection: close');
    caller.socket.pause();
    connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${many * mebibyte.length}\r\n\r\n`);
    for (let count = 0; count < many; count += 1) connection.write(mebibyte);
    await pause(500);
    expect(connection.unsent()).toBeGreaterThan((many / 2) * mebibyte.length);
    caller.socket.resume();
    expect((await caller.closed).split('\r\n\r\n')[1]?.length).toBe(many * mebibyte.length);
  });
});

describe('requests that are sent ahead', () => {
  test('[GW-30] are answered in their order', async () => {
    const caller = await open();
    caller.write(bytesOf('GET /v1/things/1') + bytesOf('GET /v1/things/2') + bytesOf('GET /v1/things'));
    const connections = [await upstream.next(), await upstream.next(), await upstream.next()];
    for (const connection of connections.toReversed()) {
      await connection.until(/\r\n\r\n/);
      connection.answer(200, connection.received().split(' ')[1] ?? '');
    }
    const bodies = [await caller.answer(), await caller.answer(), await caller.answer()].map(({ body }) => body);
    expect(bodies).toEqual(['/v1/things/1', '/v1/things/2', '/v1/things']);
  });

  test('[GW-30] end at the upstream when the connection ends', async () => {
    const caller = await open();
    caller.write(bytesOf('GET /v1/things/1') + bytesOf('GET /v1/things/2'));
    const connections = [await upstream.next(), await upstream.next()];
    for (const connection of connections) await connection.until(/\r\n\r\n/);
    caller.destroy();
    for (const connection of connections) await connection.closed;
  });
});

describe('a body that can not be read', () => {
  test('[GW-31] leaves no whole request behind', async () => {
    const { caller, connection } = await sendPartOfFile();
    await connection.until(/x{1000}/);
    caller.write('nonsense\r\n');
    expect(await caller.closed).toMatch(/^HTTP\/1\.1 400 /);
    await connection.closed;
    expect(connection.received()).not.toMatch(/\r\n0\r\n\r\n$/);
  });

  test('[GW-31] leaves no whole request behind when the answer has begun', async () => {
    const { caller, connection } = await sendPartOfFile();
    connection.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc');
    await caller.until(/abc$/);
    caller.write('nonsense\r\n');
    expect(await caller.closed).toMatch(/abc$/);
    await connection.closed;
    expect(await lastLine()).toMatchObject({ status: 200, refusal: 'malformed_request' });
  });
});

describe('an upstream', () => {
  test('[GW-32] that nobody can reach: 502, and the request was not sent', async () => {
    const nowhere = await startOwnGateway();
    await nowhere.upstream.close();
    const caller = await nowhere.open();
    caller.write(nowhere.bytesOf('GET /v1/things'));
    const answer = await caller.answer();
    expect([answer.status, answer.header('x-refusal-code')]).toEqual([502, 'upstream_unreachable']);
    expect(answer.body).not.toContain('127.0.0.1');
  });

  test('[GW-32] whose address nobody knows: 502', async () => {
    const unknown = await startOwnGateway({ upstreamUrl: () => undefined });
    const caller = await unknown.open();
    caller.write(unknown.bytesOf('GET /v1/things'));
    const answer = await caller.answer();
    expect([answer.status, answer.header('x-refusal-code')]).toEqual([502, 'upstream_unreachable']);
  });

  test('[GW-33] has no more connections than its policy says: who waits too long gets 502', async () => {
    const narrow = await startOwnGateway({ upstream: '{ maximumConnections: 1, connectSeconds: 1 }' });
    const first = await narrow.send('GET /v1/things/1');
    const [second, third] = [await narrow.open(), await narrow.open()];
    third.write(narrow.bytesOf('GET /v1/things/3'));
    const answer = await third.answer();
    expect([answer.status, answer.header('x-refusal-code')]).toEqual([502, 'upstream_unreachable']);
    second.write(narrow.bytesOf('GET /v1/things/2'));
    first.connection.answer(200, 'first');
    await first.connection.until(/things\/2 /);
    first.connection.answer(200, 'second');
    expect((await first.caller.answer()).body).toBe('first');
    expect((await second.answer()).body).toBe('second');
    expect(narrow.upstream.count).toBe(1);
  });

  test('[GW-34] that moves is found at its new address, and what runs ends at the old one', async () => {
    const before = await startOwnGateway();
    const after = await startOwnGateway();
    let url = before.upstream.url;
    const moving = await startOwnGateway({ upstreamUrl: () => url });
    const caller = await moving.open();
    caller.write(moving.bytesOf('GET /v1/things/1'));
    const old = await before.upstream.next();
    await old.until(/\r\n\r\n/);
    url = after.upstream.url;
    const other = await moving.open();
    other.write(moving.bytesOf('GET /v1/things/2'));
    const fresh = await after.upstream.next();
    await fresh.until(/\r\n\r\n/);
    fresh.answer(200, 'new');
    expect((await other.answer()).body).toBe('new');
    old.answer(200, 'old');
    expect((await caller.answer()).body).toBe('old');
    await old.closed;
  });
});

describe('a server that stops', () => {
  test('[GW-35] lets a call end that is on its way, and tells its caller to go', async () => {
    const stopping = await startOwnGateway();
    const { caller, connection } = await stopping.send('GET /v1/things');
    const closed = stopping.server.close(10_000);
    connection.answer(200, 'done');
    expect(await caller.closed).toMatch(/^HTTP\/1\.1 200 OK\r\n(.*\r\n)+connection: close\r\n(.*\r\n)*\r\ndone$/i);
    await closed;
    await connection.closed;
  });

  test('[GW-35] ends it at the upstream when the time is over', async () => {
    const stopping = await startOwnGateway();
    const { caller, connection } = await stopping.send('GET /v1/things');
    await stopping.server.close(100);
    await connection.closed;
    expect(await caller.closed).toBe('');
  });
});
