// What passes between a caller and the upstream of a route, seen from both ends.

import { explain } from '@tollward/server/testing';
import { describe, expect, test } from 'vitest';
import { parseHead, startGateway } from './support/gateway.js';

const { server, upstream, client, token, send, open, bytesOf } = await startGateway({
  upstream: '{ requestHeaders: [x-money-region] }',
});

/** The headers of the request that came on a connection, without those that are ours, as name and value. */
function passedHeaders(received: string): readonly (readonly [string, string])[] {
  const head = received.slice(0, received.indexOf('\r\n\r\n'));
  const ours = new Set(['host', 'connection', 'tollward-assertion', 'x-trace-id', 'content-length']);
  return parseHead(head).headers.filter(([name]) => !ours.has(name));
}

describe('a request', () => {
  test('[GW-01] comes to the upstream with its method, path, query and body byte for byte', async () => {
    const query = 'a=b&a=%41+%2F?;:@!$\'()*,[]"<>^`{|}~&=&&';
    const body = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');
    const { caller, connection } = await send(`PATCH /v1/things/a~b.c-1_?${query}`, 'Content-Length: 256', '', body);
    await connection.until(/\xff$/);
    expect(connection.received().split('\r\n')[0]).toBe(`PATCH /v1/things/a~b.c-1_?${query} HTTP/1.1`);
    expect(connection.received().endsWith(`\r\n\r\n${body}`)).toBe(true);
    connection.answer(200, body);
    expect((await caller.answer()).body).toBe(body);
  });

  test('[GW-01] by its calendar path comes by its legacy path', async () => {
    const { caller, connection } = await send('GET /2026Q3/things/7?x=/2026Q3/');
    expect(connection.received()).toMatch(/^GET \/v1\/things\/7\?x=\/2026Q3\/ HTTP\/1\.1\r\n/);
    connection.answer(200, '');
    expect((await caller.answer()).status).toBe(200);
  });

  test('[GW-02] has the host of the upstream, an assertion and the trace id of its answer, each once', async () => {
    const { caller, connection } = await send('GET /v1/things', 'X-Trace-Id: mine', 'Tollward-Assertion: mine');
    connection.answer(200, '');
    const answer = await caller.answer();
    const { headers } = parseHead(connection.received().split('\r\n\r\n')[0] ?? '');
    const named = (name: string) => headers.filter(([known]) => known === name).map(([, value]) => value);
    expect(named('host')).toEqual([new URL(upstream.url).host]);
    expect(named('x-trace-id')).toEqual([answer.header('x-trace-id')]);
    expect(named('tollward-assertion')).toEqual([expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/)]);
  });

  test('[GW-03] brings the headers of the list, repeated ones repeated, and those that the policy adds', async () => {
    const lines = [
      'Accept: application/json',
      'accept: text/csv',
      'ACCEPT-LANGUAGE: de',
      'Accept-Encoding: gzip, br',
      'Accept-Minor-Version: 1',
      'Content-Type: application/json; charset=utf-8',
      'If-None-Match: "x"',
      'Range: bytes=0-1',
      'User-Agent: worker/1 \xe4',
      'X-idempotence-uuid: 7f6d9f2e',
      'X-Money-Region: eu',
      'X-External-Correlation-Id: order 7',
    ];
    const { caller, connection } = await send('GET /v1/things', ...lines);
    const expected = lines.map((line) => {
      const [name = '', value = ''] = line.split(': ');
      return [name.toLowerCase(), value];
    });
    expect(passedHeaders(connection.received())).toEqual(expected);
    connection.answer(200, '');
    expect((await caller.answer()).header('x-external-correlation-id')).toBe('order 7');
  });

  const identities = [
    'Authorization: Bearer x',
    'Cookie: session=1',
    'Proxy-Authorization: Basic eDp5',
    'Forwarded: for=10.0.0.1',
    'X-Forwarded-For: 10.0.0.1',
    'X-Forwarded-Client-Cert: Subject="CN=x"',
    'X-Real-IP: 10.0.0.1',
    'Via: 1.1 x',
    'Client-Cert: :AAAA:',
    'X-Client-Cert: AAAA',
    'SSL-Client-Cert: AAAA',
    'X-SSL-Client-S-DN: CN=x',
    'Tollward-Assertion: eyJ.x.y',
    'tollward_assertion: eyJ.x.y',
    'TOLLWARD-ASSERTION: eyJ.x.y',
    'Tollward-Client-Id: cli_1',
    'X-Tollward-Client: cli_1',
    'X-Signature: x',
    'X-2FA-Approval: x',
    'X-TW-JOSE-Method: jws',
    'X_Idempotence_Uuid: x',
    'X-Original-URL: /internal/profiles/1',
    'X-HTTP-Method-Override: DELETE',
    'X-Anything: x',
    'Upgrade: websocket',
    'TE: trailers',
    'Trailer: X-Checksum',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'Expect: 100-continue',
  ].filter((line) => !line.startsWith('Authorization'));
  test('[GW-04] brings no identity and nothing of its path, however that is spelt', async () => {
    const { caller, connection } = await send('GET /v1/things', ...identities);
    expect(passedHeaders(connection.received())).toEqual([]);
    connection.answer(200, '');
    expect((await caller.answer()).status).toBe(200);
    expect(connection.received()).not.toContain(token);
  });

  test('[GW-04] brings no header that its Connection header names', async () => {
    const lines = [
      'Connection: close, X-Idempotence-UUID',
      'X-Idempotence-UUID: x',
      'Accept: a/b',
      'Connection: Range',
    ];
    const { caller, connection } = await send('GET /v1/things', ...lines, 'Range: bytes=0-1');
    expect(passedHeaders(connection.received())).toEqual([['accept', 'a/b']]);
    connection.answer(200, '');
    expect((await caller.answer()).status).toBe(200);
  });

  test('[GW-04] does not lose our headers to its Connection header', async () => {
    const { caller, connection } = await send('GET /v1/things', 'Connection: tollward-assertion, x-trace-id, host');
    expect(connection.received()).toMatch(/\r\nhost: .*\r\n/);
    expect(connection.received()).toMatch(/\r\ntollward-assertion: ey/);
    expect(connection.received()).toMatch(/\r\nx-trace-id: /);
    connection.answer(200, '');
    await caller.answer();
  });

  test.each(['GET', 'HEAD'])(
    '[GW-05] of %s leaves its body behind, and its connection ends with the answer',
    async (method) => {
      const { caller, connection } = await send(`${method} /v1/things`, 'Content-Length: 100', '', '{"a":1}');
      expect(connection.received()).not.toMatch(/content-length|transfer-encoding/i);
      connection.answer(200, '');
      expect(await caller.closed).toMatch(/^HTTP\/1\.1 200 OK\r\n(.*\r\n)*connection: close\r\n/i);
      expect(connection.received()).toMatch(/\r\n\r\n$/);
    },
  );

  test('[GW-05] of DELETE keeps its body', async () => {
    const { caller, connection } = await send('DELETE /v1/things/7', 'Content-Length: 7', '', '{"a":1}');
    await connection.until(/content-length: 7\r\n\r\n\{"a":1\}$/);
    connection.answer(200, '');
    expect((await caller.answer()).status).toBe(200);
  });

  test('[GW-05] with a length keeps it, one in chunks stays in chunks, and one without a body gets none', async () => {
    const whole = await send('POST /v1/things', 'Content-Length: 3', '', 'abc');
    await whole.connection.until(/content-length: 3\r\n\r\nabc$/);
    whole.connection.answer(200, '');
    await whole.caller.answer();
    await upstream.endConnections();
    const chunked = await send('POST /v1/things', 'Transfer-Encoding: chunked', '', '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n');
    await chunked.connection.until(/\r\n0\r\n\r\n$/);
    const [head = '', body = ''] = chunked.connection.received().split(/\r\n\r\n(.*)/s);
    expect(head).toMatch(/transfer-encoding: chunked/);
    expect(head).not.toMatch(/content-length/);
    expect(body.replaceAll(/[0-9a-f]+\r\n(.*?)\r\n/g, '$1').replaceAll('\r\n', '')).toBe('abcde');
    chunked.connection.answer(200, '');
    await chunked.caller.answer();
    await upstream.endConnections();
    const none = await send('PUT /v1/things/7');
    expect(none.connection.received()).toMatch(/content-length: 0\r\n\r\n$/);
    none.connection.answer(200, '');
    expect((await none.caller.answer()).status).toBe(200);
  });

  test('[GW-06] leaves its trailers behind', async () => {
    const body = '3\r\nabc\r\n0\r\nX-Idempotence-UUID: x\r\nTollward-Assertion: y\r\n\r\n';
    const { caller, connection } = await send(
      'POST /v1/things',
      'Transfer-Encoding: chunked',
      'Trailer: X-A',
      '',
      body,
    );
    await connection.until(/\r\n0\r\n\r\n$/);
    expect(connection.received()).not.toMatch(/idempotence/i);
    connection.answer(200, '');
    expect((await caller.answer()).status).toBe(200);
  });

  test('[GW-07] is asked for a body that waits only after it was admitted', async () => {
    const admitted = await open();
    admitted.write(bytesOf('POST /v1/things', 'Expect: 100-continue', 'Content-Length: 3', ''));
    await admitted.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
    admitted.write('abc');
    const connection = await upstream.next();
    await connection.until(/abc$/);
    expect(connection.received()).not.toMatch(/expect/i);
    connection.answer(201, '');
    expect((await admitted.answer()).status).toBe(201);

    const refused = await open();
    const head = bytesOf('POST /v1/things', 'Expect: 100-continue', 'Content-Length: 3', '');
    refused.write(head.replace(token, 'nothing'));
    expect(await refused.closed).toMatch(/^HTTP\/1\.1 401 /);
    const tooLarge = await open();
    tooLarge.write(bytesOf('POST /v1/things', 'Expect: 100-continue', 'Content-Length: 1001', ''));
    expect(await tooLarge.closed).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('[GW-07] of the token endpoint is asked for its body, too', async () => {
    const caller = await open();
    const credentials = Buffer.from(`${client.clientId}:${client.secret}`).toString('base64');
    const lines = [
      'POST /oauth/token HTTP/1.1',
      'Host: a',
      `Authorization: Basic ${credentials}`,
      'Content-Length: 29',
    ];
    const type = 'Content-Type: application/x-www-form-urlencoded';
    caller.write(`${[...lines, type, 'Expect: 100-continue'].join('\r\n')}\r\n\r\n`);
    await caller.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
    caller.write('grant_type=client_credentials');
    expect((await caller.answer()).status).toBe(200);
  });

  test('[GW-08] to upgrade is answered as any other, and the connection ends with the answer', async () => {
    const lines = ['Connection: Upgrade', 'Upgrade: websocket', '', bytesOf('GET /v1/things')];
    const { caller, connection } = await send('GET /v1/things', ...lines);
    expect(connection.received()).not.toMatch(/upgrade/i);
    connection.answer(200, 'plain');
    const answer = await caller.answer();
    expect([answer.status, answer.body, answer.header('connection')]).toEqual([200, 'plain', 'close']);
    // What came after it is no request, whatever it looks like.
    expect((await caller.closed).match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  test('[GW-09] of a browser on another origin is let in nowhere', async () => {
    const caller = await open();
    const preflight = ['Origin: https://app.example', 'Access-Control-Request-Method: POST'];
    for (const [path, status] of [
      ['/v1/things', 405],
      ['/oauth/token', 405],
      ['/v1/nothing', 404],
    ] as const) {
      caller.write(bytesOf(`OPTIONS ${path}`, ...preflight));
      const answer = await caller.answer();
      expect(answer.status, path).toBe(status);
      expect(answer.headers.filter(([name]) => name.startsWith('access-control-'))).toEqual([]);
    }
    const { connection, caller: other } = await send('GET /v1/things', 'Origin: https://app.example');
    const allowed = ['Access-Control-Allow-Origin: *', 'ACCESS-CONTROL-ALLOW-CREDENTIALS: true'];
    connection.answer(200, '', ...allowed, 'Access-Control-Expose-Headers: X-2FA-Approval');
    expect((await other.answer()).headers.filter(([name]) => name.startsWith('access-control-'))).toEqual([]);
  });

  test('[GW-10] with a method that its path does not have is told which it has', async () => {
    const caller = await open();
    caller.write(bytesOf('DELETE /v1/things'));
    const answer = await caller.answer();
    expect([answer.status, answer.header('allow')]).toEqual([405, 'GET, HEAD, POST']);
  });
});

describe('an answer', () => {
  test('[GW-11] comes with its status, headers and body, repeated headers repeated', async () => {
    const { caller, connection } = await send('GET /v1/things');
    const kept = ['X-Page: 1', 'Link: <a>', 'Link: <b>', 'Content-Type: text/csv', 'ETag: "x"', 'X-Text: \xe4\xff'];
    connection.answer(409, 'a,b', ...kept, 'Date: Sun, 01 Mar 2026 12:00:00 GMT', 'WWW-Authenticate: X');
    const answer = await caller.answer();
    expect([answer.status, answer.body]).toEqual([409, 'a,b']);
    const names = new Set(['x-trace-id', 'connection', 'keep-alive']);
    expect(answer.headers.filter(([name]) => !names.has(name))).toEqual([
      ['content-length', '3'],
      ['x-page', '1'],
      ['link', '<a>'],
      ['link', '<b>'],
      ['content-type', 'text/csv'],
      ['etag', '"x"'],
      ['x-text', '\xe4\xff'],
      ['date', 'Sun, 01 Mar 2026 12:00:00 GMT'],
      ['www-authenticate', 'X'],
    ]);
  });

  test('[GW-12] brings nothing that is of its connection, ours to say, or would lead past the gateway', async () => {
    const { caller, connection } = await send('GET /v1/things');
    const lines = [
      'Connection: keep-alive, X-Hop',
      'X-Hop: 1',
      'Keep-Alive: timeout=60',
      'Proxy-Authenticate: Basic',
      'Trailer: X-A',
      'Upgrade: h2c',
      'X-Trace-Id: theirs',
      'X-External-Correlation-Id: theirs',
      'X-Refusal-Code: token_missing',
      'X-Rate-Limited-By: theirs',
      'Tollward-Anything: x',
      'Set-Cookie: session=1',
      'Alt-Svc: h3=":443"',
    ];
    connection.answer(200, '', ...lines);
    const answer = await caller.answer();
    expect(answer.headers.map(([name]) => name).toSorted()).toEqual([
      'connection',
      'content-length',
      'date',
      'keep-alive',
      'x-trace-id',
    ]);
    expect(answer.header('x-trace-id')).toMatch(/^[0-9a-f]{32}$/);
    expect(answer.header('keep-alive')).toBe('timeout=75');
  });

  test.each([
    [204, []],
    [204, ['Content-Length: 5']],
    [304, ['Content-Length: 5', 'ETag: "x"']],
  ])('[GW-13] of status %i has no body, and the connection goes on', async (status, headers) => {
    const { caller, connection } = await send('GET /v1/things');
    connection.write(`HTTP/1.1 ${status} X\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`);
    const answer = await caller.answer();
    expect(answer.status).toBe(status);
    expect(answer.header('transfer-encoding')).toBeUndefined();
    expect(answer.header('content-length')).toBe(status === 304 ? '5' : undefined);
    await upstream.endConnections();
    caller.write(bytesOf('GET /v1/things'));
    const next = await upstream.next();
    await next.until(/\r\n\r\n/);
    next.answer(200, 'next');
    expect((await caller.answer()).body).toBe('next');
  });

  test('[GW-13] to HEAD has the length of the answer to GET and no body', async () => {
    const { caller, connection } = await send('HEAD /v1/things');
    expect(connection.received()).toMatch(/^HEAD /);
    connection.write('HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n');
    await caller.until(/\r\n\r\n/);
    expect(caller.received()).toMatch(/content-length: 1234\r\n/i);
    caller.write(bytesOf('GET /v1/things').replace('\r\n', '\r\nConnection: close\r\n'));
    const other = await upstream.next();
    await other.until(/\r\n\r\n/);
    other.answer(200, 'x');
    expect((await caller.closed).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
  });

  test('[GW-13] in chunks, or up to the end of its connection, is whole', async () => {
    const chunked = await send('GET /v1/things', 'Connection: close');
    chunked.connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    await chunked.caller.until(/3\r\nabc\r\n$/);
    chunked.connection.write('2;x=y\r\nde\r\n0\r\nX-Trailer: 1\r\nSet-Cookie: a=b\r\n\r\n');
    const text = await chunked.caller.closed;
    expect(text).toMatch(/\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n$/);
    await upstream.endConnections();
    const ended = await send('GET /v1/things', 'Connection: close');
    ended.connection.write('HTTP/1.0 200 OK\r\n\r\nabc');
    ended.connection.end();
    expect(await ended.caller.closed).toMatch(/\r\n\r\n3\r\nabc\r\n0\r\n\r\n$/);
  });

  test('[GW-14] that is provisional stays here', async () => {
    const { caller, connection } = await send('GET /v1/things');
    connection.write('HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n');
    connection.answer(200, 'done');
    expect((await caller.answer()).body).toBe('done');
    expect(caller.received().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200']);
  });

  test('[GW-15] leaves in one TLS record when it is small', async () => {
    const { caller, connection } = await send('GET /v1/things');
    const sizes: number[] = [];
    caller.socket.on('data', (chunk: Buffer) => sizes.push(chunk.length));
    connection.answer(200, 'x'.repeat(1_000), 'Content-Type: text/plain');
    await caller.answer();
    expect(sizes).toEqual([caller.received().length]);
  });

  test('[GW-16] that says no may say why, for the operator alone', async () => {
    const { caller, connection } = await send('POST /v1/things');
    connection.answer(403, 'no', 'Tollward-Refusal: the account is closed');
    const answer = await caller.answer();
    expect([answer.status, answer.body, answer.header('tollward-refusal')]).toEqual([403, 'no', undefined]);
    const traceId = answer.header('x-trace-id') ?? '';
    const explained = await explain(server, { headers: { 'x-trace-id': traceId } } as never);
    expect(explained).toMatchObject({
      code: 'upstream_refused',
      status: 403,
      seen: 'the account is closed',
      steps: expect.arrayContaining([{ name: 'forward', outcome: 'failed' }]),
    });
    const line = server.logLines
      .map((text) => JSON.parse(text) as object)
      .find((one) => 'traceId' in one && one.traceId === traceId);
    expect(line).toMatchObject({
      status: 403,
      path: '/v1/things',
      clientId: client.clientId,
      refusal: 'upstream_refused',
    });
  });
});
