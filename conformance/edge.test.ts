// RFC 9112 and RFC 9110: what two readers of a request could understand differently is refused, and the connection with it.

import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { type ConnectionOptions, createServer, type TLSSocket } from 'node:tls';
import { aClient, aToken, startTestServer, type TestClient, type TestServer } from '@tollward/server/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exchange, getWith, openConnection, portOf, readUntilClosed, refusedWith } from './support/connection.js';
import { makeCertificate } from './support/openssl.js';

const server = await startTestServer();
let client: TestClient;
let token: string;
beforeAll(async () => {
  client = await aClient(server, { mtlsRequired: false });
  token = await aToken(server, client, { identity: null });
});
afterAll(() => server.stop());

const path = '/v1/authenticated/playground';
const lines = (...text: readonly string[]): string => `${text.join('\r\n')}\r\n\r\n`;
const get = (target: string, ...headers: readonly string[]): string =>
  lines(`GET ${target} HTTP/1.1`, 'Host: localhost', `Authorization: Bearer ${token}`, ...headers);

test('a request of this file without its fault is answered, and its connection stays', async () => {
  const socket = await openConnection(server, {});
  expect((await exchange(socket, getWith(token))).status).toBe(200);
  expect((await exchange(socket, get(path, 'Expect: 100-continue'))).status).toBe(200);
  socket.destroy();
});

describe('a request that is refused, with a trace id and the end of its connection', () => {
  const chunked = '0\r\n\r\n';
  test.each([
    ['[EDGE-01] two Host headers', () => get(path, 'Host: localhost'), 400],
    ['[EDGE-01] two Host headers that differ', () => get(path, 'Host: example.com'), 400],
    ['[EDGE-02] no Host header', () => lines(`GET ${path} HTTP/1.1`, `Authorization: Bearer ${token}`), 400],
    ['[EDGE-02] an empty Host header', () => lines(`GET ${path} HTTP/1.1`, 'Host:'), 400],
    [
      '[EDGE-03] Content-Length and Transfer-Encoding',
      () => get(path, 'Content-Length: 5', 'Transfer-Encoding: chunked') + chunked,
      400,
    ],
    [
      '[EDGE-03] Transfer-Encoding and Content-Length',
      () => get(path, 'Transfer-Encoding: chunked', 'Content-Length: 5') + chunked,
      400,
    ],
    ['[EDGE-04] two Content-Length headers', () => get(path, 'Content-Length: 0', 'Content-Length: 0'), 400],
    ['[EDGE-04] a list of lengths', () => get(path, 'Content-Length: 0, 0'), 400],
    ['[EDGE-04] a signed length', () => get(path, 'Content-Length: +0'), 400],
    ['[EDGE-04] a length in hex', () => get(path, 'Content-Length: 0x0'), 400],
    ['[EDGE-05] another transfer coding', () => get(path, 'Transfer-Encoding: gzip, chunked') + chunked, 400],
    ['[EDGE-05] an unknown transfer coding', () => get(path, 'Transfer-Encoding: xchunked') + chunked, 400],
    [
      '[EDGE-05] chunked twice',
      () => get(path, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') + chunked,
      400,
    ],
    ['[EDGE-05] a space before the colon', () => get(path, 'Transfer-Encoding : chunked') + chunked, 400],
    ['[EDGE-06] chunked in HTTP/1.0', () => lines(`GET ${path} HTTP/1.0`, 'Transfer-Encoding: chunked') + chunked, 400],
    ['[EDGE-07] an absolute target', () => get(`https://localhost${path}`), 400],
    ['[EDGE-07] an absolute target of elsewhere', () => get('http://example.com/'), 400],
    ['[EDGE-07] an asterisk', () => lines('OPTIONS * HTTP/1.1', 'Host: localhost'), 400],
    ['[EDGE-08] an empty segment', () => get('/v1//authenticated/playground'), 400],
    ['[EDGE-08] an empty first segment', () => get(`/${path}`), 400],
    ['[EDGE-08] a hidden slash', () => get('/v1%2fauthenticated/playground'), 400],
    ['[EDGE-08] a hidden backslash', () => get('/v1%5Cauthenticated/playground'), 400],
    ['[EDGE-08] a backslash', () => get('/v1\\authenticated/playground'), 400],
    ['[EDGE-08] a dot segment', () => get('/v1/./authenticated/playground'), 400],
    ['[EDGE-08] two dots', () => get('/v1/x/../authenticated/playground'), 400],
    ['[EDGE-08] two dots at the end', () => get(`${path}/..`), 400],
    ['[EDGE-08] hidden dots', () => get('/v1/x/%2e%2E/authenticated/playground'), 400],
    ['[EDGE-08] a hidden end of text', () => get(`${path}%00`), 400],
    ['[EDGE-08] a fragment', () => get(`${path}#x`), 400],
    ['[EDGE-09] a folded header', () => get(path, 'X-A: b', ' c'), 400],
    ['[EDGE-10] bare line feeds', () => `GET ${path} HTTP/1.1\nHost: localhost\n\n`, 400],
    [
      '[EDGE-10] a bare line feed between headers',
      () => `GET ${path} HTTP/1.1\r\nHost: localhost\nX-A: b\r\n\r\n`,
      400,
    ],
    ['[EDGE-10] a bare carriage return', () => get(path, 'X-A: b\rX-C: d'), 400],
    ['[EDGE-10] a zero byte in a header', () => get(path, 'X-A: b\0c'), 400],
    ['[EDGE-11] a header of 17 KiB', () => get(path, `X-A: ${'b'.repeat(17 * 1_024)}`), 431],
    ['[EDGE-11] a target of 17 KiB', () => get(`${path}?${'b'.repeat(17 * 1_024)}`), 431],
    ['[EDGE-12] 101 headers', () => get(path, ...Array.from({ length: 99 }, (_, index) => `X-${index}: y`)), 431],
    ['[EDGE-13] no HTTP at all', () => '\u0016\u0003\u0001 hello\r\n\r\n', 400],
    ['[EDGE-13] a method nobody knows', () => lines(`FROB ${path} HTTP/1.1`, 'Host: localhost'), 400],
    ['[EDGE-13] the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['[EDGE-13] another version of HTTP', () => lines(`GET ${path} HTTP/3.0`, 'Host: localhost'), 400],
    ['[EDGE-14] an expectation nobody knows', () => get(path, 'Expect: 200-ok'), 400],
    ['[EDGE-15] CONNECT', () => lines('CONNECT example.com:443 HTTP/1.1', 'Host: example.com'), 400],
    ['[EDGE-27] two Authorization headers', () => get(path, 'Authorization: Bearer x'), 400],
    ['[EDGE-27] two Content-Type headers', () => get(path, 'Content-Type: a/b', 'Content-Type: a/b'), 400],
  ])('[EDGE-21] [RUN-10] %s', async (_name, bytes, status) => {
    const answer = await refusedWith(server, bytes());
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-trace-id')).toMatch(/^[0-9a-f]{32}$/);
    expect(answer.headers.get('connection')).toBe('close');
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(JSON.parse(answer.body)).toMatchObject({ status });
  });
});

describe('a request that follows one', () => {
  test('[EDGE-03] [EDGE-21] that was refused is not read', async () => {
    const socket = await openConnection(server, {});
    const answered = readUntilClosed(socket);
    socket.write(`${get(path, 'Content-Length: 6', 'Transfer-Encoding: chunked')}0\r\n\r\n${getWith(token)}`);
    expect((await answered).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400']);
  });

  test('[EDGE-22] whose body was too large is not read', async () => {
    const socket = await openConnection(server, {});
    const answered = readUntilClosed(socket);
    const head = lines('POST /oauth/token HTTP/1.1', 'Host: localhost', 'Content-Length: 9000');
    socket.write(head + getWith(token).repeat(60));
    expect((await answered).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413']);
  });

  test('[EDGE-28] that was answered is answered after it, and in order', async () => {
    const socket = await openConnection(server, {});
    const answered = readUntilClosed(socket);
    socket.write(getWith(token) + getWith('x') + getWith(token).replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    expect((await answered).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 401', 'HTTP/1.1 200']);
  });

  test('[EDGE-28] and cannot be read does not take the place of the answer that is still due', async () => {
    const socket = await openConnection(server, {});
    const answered = readUntilClosed(socket);
    // A failed authentication is answered a while after it was read.
    const failing = lines('POST /oauth/token HTTP/1.1', 'Host: localhost', 'Content-Length: 0');
    socket.write(`${failing}garbage\r\n\r\n`);
    const statuses = (await answered).match(/HTTP\/1\.1 \d+/g) ?? [];
    expect(statuses).not.toContain('HTTP/1.1 400');
  });

  test('[EDGE-21] that was refused is not worked on', async () => {
    const socket = await openConnection(server, {});
    const answered = readUntilClosed(socket);
    const before = server.logLines.length;
    socket.write(get(path, 'Host: localhost') + getWith(token));
    expect((await answered).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400']);
    expect(server.logLines.slice(before)).toHaveLength(1);
  });
});

describe('slowness', () => {
  const times = { handshakeMs: 200, headersMs: 200, requestMs: 400, keepAliveMs: 60_000, checkMs: 20 };
  let impatient: TestServer;
  beforeAll(async () => {
    impatient = await startTestServer({ times });
  });
  afterAll(() => impatient.stop());

  test('[EDGE-16] headers that do not end are a 408', async () => {
    const answer = await refusedWith(impatient, `GET ${path} HTTP/1.1\r\nHost: local`);
    expect(answer.status).toBe(408);
    expect(answer.headers.get('x-trace-id')).toMatch(/^[0-9a-f]{32}$/);
  });

  test('[EDGE-25] a body that does not end is a 408', async () => {
    const type = 'Content-Type: application/x-www-form-urlencoded';
    const head = lines('POST /oauth/token HTTP/1.1', 'Host: localhost', type, 'Content-Length: 100');
    const before = impatient.logLines.length;
    const answer = await refusedWith(impatient, `${head}grant_type=`);
    expect(answer.status).toBe(408);
    const logged = impatient.logLines.slice(before).map((line) => JSON.parse(line) as unknown);
    const traceId = answer.headers.get('x-trace-id');
    expect(logged).toMatchObject([{ traceId, method: 'POST', path: '/oauth/token', status: 408 }]);
  });

  test('[EDGE-17] a handshake that never begins is cut off', async () => {
    const socket = connectPlain(portOf(impatient, {}), '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'close');
    expect(socket.bytesRead).toBe(0);
  });
});

describe('the transport', () => {
  /** What the server says to this handshake, and what a server that offers everything says to the same. */
  async function handshake(options: ConnectionOptions): Promise<{ ours: string; permissive: string }> {
    const { cert, key } = makeCertificate({ subject: '/CN=localhost' });
    const everything = { cert, key, minVersion: 'TLSv1', ciphers: 'ALL@SECLEVEL=0' } as const;
    const control = createServer(everything, (socket) => socket.end());
    control.listen(0, '127.0.0.1');
    await once(control, 'listening');
    const address = control.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const bent = { ...options, rejectUnauthorized: false };
    const outcome = (attempt: Promise<TLSSocket>): Promise<string> =>
      attempt.then(
        (socket) => {
          const version = socket.getProtocol() ?? '';
          socket.destroy();
          return version;
        },
        (error: NodeJS.ErrnoException) => error.code ?? '',
      );
    const permissive = await outcome(openConnection(server, {}, { ...bent, port }));
    const ours = await outcome(openConnection(server, {}, bent));
    control.close();
    return { ours, permissive };
  }

  test.each(['TLSv1', 'TLSv1.1'] as const)('[EDGE-18] [FAPI-01] refuses %s', async (version) => {
    const options = { minVersion: version, maxVersion: version, ciphers: 'ALL@SECLEVEL=0' } as const;
    expect(await handshake(options)).toEqual({ ours: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', permissive: version });
  });

  test.each([
    'ECDHE-ECDSA-AES128-SHA',
    'ECDHE-ECDSA-AES256-SHA',
    'ECDHE-ECDSA-AES128-SHA256',
    'ECDHE-ECDSA-AES256-SHA384',
  ])('[EDGE-19] [FAPI-01] refuses the CBC suite %s', async (ciphers) => {
    const { ours, permissive } = await handshake({ maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` });
    expect(permissive).toBe('TLSv1.2');
    expect(ours).toMatch(/ALERT_HANDSHAKE_FAILURE$/);
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('[FAPI-01] speaks %s with an AEAD suite', async (version) => {
    const socket = await openConnection(server, {}, { minVersion: version, maxVersion: version });
    expect(socket.getCipher().name).toMatch(/GCM|CHACHA20/);
    socket.destroy();
  });

  test.each(['api', 'api-mtls'] as const)(
    '[EDGE-20] [FAPI-01] answers plain HTTP on %s with nothing but the end',
    async (listener) => {
      const socket = connectPlain(portOf(server, { listener }), '127.0.0.1');
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      socket.on('error', () => undefined);
      socket.write(getWith(token));
      await once(socket, 'close');
      expect(Buffer.concat(chunks).toString('latin1')).not.toContain('HTTP');
    },
  );
});
