import { createServer as createHttpServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { Agent, errors, fetch as undiciFetch } from 'undici';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ConnectionError, TlsError } from '../errors.js';
import { describeTransportFault } from './describe-fault.js';
import { startHttpsServer } from './https-server-for-tests.js';
import { openConnector } from './open-connector.js';
import { dayMs, makePair } from './openssl-for-tests.js';
import { type OpensslServer, startOpensslServer } from './openssl-server-for-tests.js';

const authority = makePair({ subject: '/CN=authority', isAuthority: true });
const stranger = makePair({ subject: '/CN=stranger', isAuthority: true });
const past = { notBefore: Date.now() - 3 * dayMs, notAfter: Date.now() - dayMs };
const names = 'DNS:localhost';
const good = makePair({ subject: '/CN=localhost', issuer: authority, names });
const client = makePair({ subject: '/CN=worker', issuer: authority });
const mutual = { ca: authority.cert, requestCert: true, rejectUnauthorized: true };

/** Sends one request, and says what went wrong with it. */
async function faultOf(origin: string, options: SecureContextOptions = {}, method: 'GET' | 'POST' = 'GET') {
  const connect = openConnector(createSecureContext({ ca: authority.cert, ...options }), new Set());
  const agent = new Agent({ connect });
  onTestFinished(() => agent.destroy());
  const body = method === 'POST' ? 'amount=1' : null;
  try {
    const response = await agent.request({ origin, path: '/', method, body });
    await response.body.text();
  } catch (error) {
    return describeTransportFault(error, { origin });
  }
  throw new Error('the request was answered');
}

/** What it does with each connection. */
async function startTcpServer(handle: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    handle(socket);
  });
  return listen(server);
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('[SDK-14] a server that can not be trusted is told with what to do:', () => {
  const selfSigned = makePair({ subject: '/CN=localhost', names });
  const foreign = makePair({ subject: '/CN=localhost', issuer: stranger, names });
  const expired = makePair({ subject: '/CN=localhost', issuer: authority, names, ...past });
  const early = makePair({ subject: '/CN=localhost', issuer: authority, names, notBefore: Date.now() + dayMs });
  const otherName = makePair({ subject: '/CN=localhost', issuer: authority, names: 'DNS:other.example' });
  const rows = [
    ['signed by itself', selfSigned, 'DEPTH_ZERO_SELF_SIGNED_CERT', /give this certificate as `ca`/],
    ['of an unknown authority', foreign, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', /certificate of that authority as `ca`/],
    [
      'with its unknown authority',
      { ...foreign, cert: foreign.cert + stranger.cert },
      'SELF_SIGNED_CERT_IN_CHAIN',
      /as `ca`/,
    ],
    ['expired', expired, 'CERT_HAS_EXPIRED', /renew it/],
    ['not yet valid', early, 'CERT_NOT_YET_VALID', /clock of this machine/],
    ['for another name', otherName, 'ERR_TLS_CERT_ALTNAME_INVALID', /other\.example/],
  ] as const;
  for (const [name, pair, code, remedy] of rows) {
    test(`${name}`, async () => {
      const server = await startHttpsServer(pair);
      onTestFinished(() => server.close());
      const fault = await faultOf(server.origin);
      expect(fault).toBeInstanceOf(TlsError);
      expect(fault).toMatchObject({ code, isRetryable: false });
      expect(fault?.message).toMatch(remedy);
      expect(fault?.message).toContain(server.origin);
    });
  }

  test('no TLS at all', async () => {
    const port = await listen(createHttpServer());
    const fault = await faultOf(`https://localhost:${port}`);
    expect(fault).toMatchObject({ name: 'TlsError', message: expect.stringContaining('does not speak TLS') });
  });

  test('nothing newer than TLS 1.1', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    const server = await startHttpsServer({ ...good, ...old });
    onTestFinished(() => server.close());
    const fault = await faultOf(server.origin, { minVersion: 'TLSv1.2' });
    expect(fault).toMatchObject({ name: 'TlsError', message: expect.stringContaining('neither TLS 1.2 nor TLS 1.3') });
  });

  test('also when `fetch` wrapped it', async () => {
    const server = await startHttpsServer(selfSigned);
    const agent = new Agent({ connect: openConnector(createSecureContext({ ca: authority.cert }), new Set()) });
    onTestFinished(async () => {
      await agent.destroy();
      await server.close();
    });
    const error: unknown = await undiciFetch(server.origin, { dispatcher: agent }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TypeError);
    expect(describeTransportFault(error, server)).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });
});

describe('[SDK-16] what a server says about the client certificate is told with what to do:', () => {
  const expired = makePair({ subject: '/CN=worker', issuer: authority, ...past });
  const foreign = makePair({ subject: '/CN=worker', issuer: stranger });
  for (const version of ['-tls1_2', '-tls1_3'] as const) {
    describe(`${version}`, () => {
      let server: OpensslServer;
      beforeAll(async () => {
        server = await startOpensslServer(good, authority, version);
      });
      afterAll(() => server.stop());
      const missing = version === '-tls1_2' ? /HANDSHAKE_FAILURE$/ : /CERTIFICATE_REQUIRED$/;
      const rows = [
        ['it wants one', {}, missing, /give one as `mtls`/i],
        ['of an unknown authority', foreign, /ALERT_UNKNOWN_CA$/, /is the one registered/],
        ['expired', expired, /ALERT_CERTIFICATE_EXPIRED$/, /new one issued/],
      ] as const;
      for (const [name, options, code, remedy] of rows) {
        for (const method of ['GET', 'POST'] as const) {
          test(`${name} (${method})`, async () => {
            const fault = await faultOf(server.origin, options, method);
            expect(fault).toBeInstanceOf(TlsError);
            expect(fault).toMatchObject({ code: expect.stringMatching(code), mayHaveArrived: false });
            expect(fault?.message).toMatch(remedy);
          });
        }
      }
    });
  }

  test('nothing, when it only closes the connection (TLS 1.2): it did not get the request', async () => {
    const server = await startHttpsServer({ ...good, ...mutual, maxVersion: 'TLSv1.2' });
    onTestFinished(() => server.close());
    const fault = await faultOf(server.origin, foreign);
    expect(fault).toMatchObject({ name: 'ConnectionError', mayHaveArrived: false });
    expect(fault?.message).toContain('does not accept the client certificate');
  });

  test('nothing, when it only closes the connection (TLS 1.3): it may have got the request', async () => {
    const server = await startHttpsServer({ ...good, ...mutual, minVersion: 'TLSv1.3' });
    onTestFinished(() => server.close());
    const fault = await faultOf(server.origin, foreign);
    expect(fault).toMatchObject({ name: 'ConnectionError', mayHaveArrived: true });
    expect(fault?.message).toContain('does not accept the client certificate');
  });
});

describe('[SDK-15] the request can not have arrived', () => {
  const rows = {
    'where nothing listens': [freePort, 'ECONNREFUSED'],
    'where the connection is reset at once': [() => startTcpServer((socket) => socket.resetAndDestroy()), 'ECONNRESET'],
    'where the connection is closed at once': [() => startTcpServer((socket) => socket.end()), 'ECONNRESET'],
    'where it is reset during the handshake': [
      () => startTcpServer((socket) => socket.once('data', () => socket.resetAndDestroy())),
      'ECONNRESET',
    ],
    'where it is closed during the handshake': [
      () => startTcpServer((socket) => socket.once('data', () => socket.end())),
      'ECONNRESET',
    ],
  } as const;
  for (const [name, [start, code]] of Object.entries(rows)) {
    test(`${name}`, async () => {
      const fault = await faultOf(`https://localhost:${await start()}`, client, 'POST');
      expect(fault).toMatchObject({ name: 'ConnectionError', code, mayHaveArrived: false, isRetryable: true });
    });
  }

  const made: Record<string, Error> = {
    'when the name is unknown': failed('getaddrinfo', 'ENOTFOUND'),
    'when DNS does not answer': failed('getaddrinfo', 'EAI_AGAIN'),
    'when there is no route': failed('connect', 'EHOSTUNREACH'),
    'when the system gives up connecting': failed('connect', 'ETIMEDOUT'),
    'when undici gives up connecting': new errors.ConnectTimeoutError('too late'),
    'when the system has no more files': failed('connect', 'EMFILE'),
  };
  for (const [name, error] of Object.entries(made)) {
    test(`${name}`, () => {
      const fault = describeTransportFault(error, { origin: 'https://api.example.com' });
      expect(fault).toMatchObject({ name: 'ConnectionError', mayHaveArrived: false, cause: error });
      expect(fault?.message).toMatch(/^No connection to https:\/\/api\.example\.com: /);
    });
  }
});

describe('[SDK-15] the request may have arrived', () => {
  const serve = (handle: (socket: Socket) => void) => async () => {
    const server = createTlsServer(good, ({ socket }) => handle(socket));
    return `https://localhost:${await listen(server)}`;
  };
  const plain = (handle: (socket: Socket) => void) => async () =>
    `http://localhost:${await startTcpServer((socket) => socket.once('data', () => handle(socket)))}`;
  /** Takes the request, and then does something below TLS. */
  const speakTls = (handle: (under: Socket) => void) => async () => {
    const sockets: Socket[] = [];
    const server = createTlsServer(good, () => {
      for (const under of sockets) handle(under);
    });
    server.on('connection', (under: Socket) => sockets.push(under.on('error', () => undefined)));
    server.on('tlsClientError', () => undefined);
    return `https://localhost:${await listen(server)}`;
  };
  const half = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf';
  const rows: Record<string, readonly [() => Promise<string>, RegExp]> = {
    'when the connection is closed instead of an answer': [serve((socket) => socket.destroy()), /^UND_ERR_SOCKET$/],
    'when it is closed in the middle of one': [
      serve((socket) => socket.write(half, () => socket.destroy())),
      /^UND_ERR_SOCKET$/,
    ],
    'when it is reset instead': [plain((socket) => socket.resetAndDestroy()), /^ECONNRESET$/],
    'when what follows it is not TLS': [
      speakTls((under) => under.write('HTTP/1.1 200 OK\r\n\r\nnot TLS')),
      /^ERR_SSL_WRONG_VERSION_NUMBER$/,
    ],
    'when the answer is not HTTP': [plain((socket) => socket.end('hello\r\n\r\n')), /^HPE_/],
  };
  for (const [name, [start, code]] of Object.entries(rows)) {
    for (const method of ['GET', 'POST'] as const) {
      test(`${name} (${method})`, async () => {
        const fault = await faultOf(await start(), client, method);
        expect(fault).toBeInstanceOf(ConnectionError);
        expect(fault).toMatchObject({ code: expect.stringMatching(code), mayHaveArrived: true, isRetryable: false });
      });
    }
  }

  test('when a port that speaks TLS is asked in plain HTTP', async () => {
    const server = await startHttpsServer(good);
    onTestFinished(() => server.close());
    const fault = await faultOf(server.origin.replace('https:', 'http:'));
    expect(fault).toMatchObject({ mayHaveArrived: true, message: expect.stringContaining('may want https://') });
  });

  test('when the server breaks off with an alert, and the connection had worked', () => {
    for (const alert of ['CERTIFICATE_REVOKED', 'CERTIFICATE_REQUIRED', 'INTERNAL_ERROR']) {
      const error = failed('read', `ERR_SSL_TLSV1_ALERT_${alert}`);
      expect(describeTransportFault(error, { origin: 'https://api.example.com' })).toMatchObject({
        name: 'ConnectionError',
        mayHaveArrived: true,
        isRetryable: false,
      });
    }
  });

  test('when the answer does not come in time', () => {
    for (const error of [
      new errors.HeadersTimeoutError(),
      new errors.BodyTimeoutError(),
      failed('read', 'ETIMEDOUT'),
    ]) {
      expect(describeTransportFault(error, { origin: 'https://api.example.com' })).toMatchObject({
        name: 'ConnectionError',
        mayHaveArrived: true,
      });
    }
  });
});

test('[SDK-14] what is no fault of the connection is left to others, and one that was described before stays as it is', () => {
  const place = { origin: 'https://api.example.com' };
  const others = [new Error('no'), new errors.RequestAbortedError(), new errors.ClientDestroyedError(), 'text', null];
  for (const other of others) expect(describeTransportFault(other, place)).toBeUndefined();
  const described = new TlsError('before');
  expect(describeTransportFault(described, place)).toBe(described);
  expect(describeTransportFault(new TypeError('fetch failed', { cause: described }), place)).toBe(described);
});

function failed(syscall: string, code: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { syscall, code });
}
