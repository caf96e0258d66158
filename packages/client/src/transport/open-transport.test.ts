import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import nodeTls, * as tls from 'node:tls';
import { fetch as undiciFetch } from 'undici';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { CertificateError, ClientClosedError } from '../errors.js';
import type { FollowOptions } from './follow-credentials.js';
import { type RunningServer, type Seen, startHttpsServer } from './https-server-for-tests.js';
import { openTransport } from './open-transport.js';
import { makePair, makePfx } from './openssl-for-tests.js';
import type { Line } from './transport.js';
import { systemAuthorities } from './trusted-authorities.js';

const authority = makePair({ subject: '/CN=authority', isAuthority: true });
const otherAuthority = makePair({ subject: '/CN=other authority', isAuthority: true });
const names = 'DNS:localhost';
const serverPair = makePair({ subject: '/CN=localhost', issuer: authority, names });
const otherServerPair = makePair({ subject: '/CN=localhost', issuer: otherAuthority, names });
const first = makePair({ subject: '/CN=first', issuer: authority });
const second = makePair({ subject: '/CN=second', issuer: authority });

let server: RunningServer;
let otherServer: RunningServer;
beforeAll(async () => {
  const mutual = { ca: authority.cert, requestCert: true, rejectUnauthorized: true };
  server = await startHttpsServer({ ...serverPair, ...mutual });
  otherServer = await startHttpsServer({ ...otherServerPair, ...mutual });
});
afterAll(() => Promise.all([server.close(), otherServer.close()]));

/** As long as it takes, within the time of a test. */
function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, 10_000);
}

/** A client whose certificate is replaced by changing `pair`. */
function setUp(options: Partial<FollowOptions> = {}) {
  const mine = { pair: first, fault: undefined as Error | undefined };
  const transport = openTransport({
    mtls: {
      cert: () => {
        if (mine.fault !== undefined) throw mine.fault;
        return mine.pair.cert;
      },
      key: () => mine.pair.key,
    },
    ca: authority.cert,
    systemAuthorities: false,
    clock: Date.now,
    onEvent: () => undefined,
    ...options,
  });
  onTestFinished(() => transport.close(0));
  const replace = async () => {
    mine.pair = second;
    await transport.reload();
  };
  /** One call over a line of its own. */
  const call = async (path = '/') => {
    const line = await transport.acquire();
    try {
      return await over(line, path);
    } finally {
      line.release();
    }
  };
  return { transport, mine, replace, call };
}

async function over(line: Pick<Line, 'dispatcher'>, path = '/', origin = server.origin): Promise<Seen> {
  const { body } = await line.dispatcher.request({ origin, path, method: 'GET' });
  return (await body.json()) as Seen;
}

function overAgent(agent: ReturnType<ReturnType<typeof openTransport>['httpsAgent']>, path = '/'): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const request = get(`${server.origin}${path}`, { agent }, (response) => {
      // The agent has its connection back only after this one ended.
      const whole = text(response).then((body) => JSON.parse(body) as Seen);
      response.on('close', () => setImmediate(() => void whole.then(resolve, reject)));
    });
    request.on('error', reject);
  });
}

describe('[SDK-12] when the certificate is replaced', () => {
  test('a call under way ends on its connection, new calls show the new certificate, and then the old connections are closed', async () => {
    const { replace, call } = setUp();
    const idle = await call();
    expect(idle.name).toBe('first');
    const slow = call('/slow');
    await eventually(() => expect(server.waiting).toHaveLength(1));
    await replace();
    const renewed = await call();
    expect(renewed.name).toBe('second');
    expect(server.openPorts()).toEqual(expect.arrayContaining([idle.port, renewed.port]));
    server.waiting.shift()?.();
    const ended = await slow;
    expect(ended.name).toBe('first');
    await eventually(() => expect(server.openPorts()).not.toContain(idle.port));
    await eventually(() => expect(server.openPorts()).not.toContain(ended.port));
    expect(server.openPorts()).toContain(renewed.port);
  });

  test('who holds a line may go on with it, and what it is called says which certificate that is', async () => {
    const { transport, replace, call } = setUp();
    const line = await transport.acquire();
    const before = await over(line);
    await replace();
    expect((await call()).name).toBe('second');
    expect((await over(line)).name).toBe('first');
    expect(line.certificate?.subject).toBe('CN=first');
    line.release();
    line.release();
    await eventually(() => expect(server.openPorts()).not.toContain(before.port));
  });
});

/** An option that Node's own fetch has, and its types have not. */
function withDispatcher({ dispatcher }: Pick<Line, 'dispatcher'>): RequestInit {
  const options: object = { dispatcher };
  return options;
}

describe('[SDK-13] what other libraries are given follows each change:', () => {
  const ways = {
    'the dispatcher with request()': ({ transport }: ReturnType<typeof setUp>) => over(transport),
    'the dispatcher with the fetch of undici': async ({ transport }: ReturnType<typeof setUp>) =>
      (await (await undiciFetch(server.origin, { dispatcher: transport.dispatcher })).json()) as Seen,
    'the dispatcher with the fetch of Node': async ({ transport }: ReturnType<typeof setUp>) =>
      (await (await fetch(server.origin, withDispatcher(transport))).json()) as Seen,
    'the agent with node:https': ({ transport }: ReturnType<typeof setUp>) => overAgent(transport.httpsAgent()),
  };
  for (const [name, call] of Object.entries(ways)) {
    test(`${name}`, async () => {
      const set = setUp();
      const before = await call(set);
      expect(before.name).toBe('first');
      await set.replace();
      const after = await call(set);
      expect(after).toMatchObject({ name: 'second', isResumed: false });
      expect((await call(set)).name).toBe('second');
      await eventually(() => expect(server.openPorts()).not.toContain(before.port));
    });

    test(`${name}, and says when there is no usable certificate`, async () => {
      const set = setUp();
      set.mine.fault = new Error('sealed');
      const error: unknown = await call(set).catch((thrown: unknown) => thrown);
      const cause = error instanceof TypeError ? error.cause : error;
      expect(cause).toBeInstanceOf(CertificateError);
    });

    test(`${name}, and ends with the client`, async () => {
      const set = setUp();
      await call(set);
      await set.transport.close(10_000);
      const error: unknown = await call(set).catch((thrown: unknown) => thrown);
      expect(error instanceof TypeError ? error.cause : error).toBeInstanceOf(ClientClosedError);
    });
  }

  test('the dispatcher holds the connections of a call until its answer is whole', async () => {
    const { transport, replace } = setUp();
    const slow = over(transport, '/slow');
    await eventually(() => expect(server.waiting).toHaveLength(1));
    await replace();
    expect((await over(transport)).name).toBe('second');
    server.waiting.shift()?.();
    const seen = await slow;
    expect(seen.name).toBe('first');
    await eventually(() => expect(server.openPorts()).not.toContain(seen.port));
  });

  test('a call of the dispatcher that is given up lets go of its connections', async () => {
    const { transport, replace } = setUp();
    const before = await over(transport);
    const controller = new AbortController();
    const { signal } = controller;
    const slow = transport.dispatcher.request({ origin: server.origin, path: '/slow', method: 'GET', signal });
    await eventually(() => expect(server.waiting).toHaveLength(1));
    await replace();
    await over(transport);
    controller.abort(new Error('enough'));
    await expect(slow).rejects.toThrow('enough');
    server.waiting.shift();
    await eventually(() => expect(server.openPorts()).not.toContain(before.port));
  });

  test('the agent takes a connection again as long as the certificate is the same', async () => {
    const agent = setUp().transport.httpsAgent();
    const { port } = await overAgent(agent);
    expect((await overAgent(agent)).port).toBe(port);
  });

  test('a connection of the agent that was busy during the change is not kept', async () => {
    const { transport, replace } = setUp();
    const agent = transport.httpsAgent();
    const slow = overAgent(agent, '/slow');
    await eventually(() => expect(server.waiting).toHaveLength(1));
    await replace();
    server.waiting.shift()?.();
    const before = await slow;
    expect(before.name).toBe('first');
    expect((await overAgent(agent)).name).toBe('second');
    await eventually(() => expect(server.openPorts()).not.toContain(before.port));
  });

  test('a file that changed is noticed by the agent although its connections stay busy', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tollward-client-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const files = { cert: join(directory, 'client.pem'), key: join(directory, 'client.key') };
    writeFileSync(files.cert, first.cert);
    writeFileSync(files.key, first.key);
    const time = { now: Date.now() };
    const { transport } = setUp({ mtls: files, clock: () => time.now });
    await overAgent(transport.httpsAgent());
    writeFileSync(files.cert, second.cert);
    writeFileSync(files.key, second.key);
    time.now += 1_000;
    await eventually(async () => expect((await overAgent(transport.httpsAgent())).name).toBe('second'));
  });
});

describe('[SDK-08] trusted are', () => {
  const code = async (transport: ReturnType<typeof setUp>['transport'], { origin }: RunningServer) => {
    const outcome: unknown = await over(transport, '/', origin).catch((thrown: unknown) => thrown);
    return outcome instanceof Error && 'code' in outcome ? outcome.code : undefined;
  };

  test('the authorities given, and no others that the system does not know', async () => {
    const { transport } = setUp({ systemAuthorities: true });
    expect(await code(transport, server)).toBeUndefined();
    expect(await code(transport, otherServer)).toMatch(/^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_)/);
  });

  test('several that were given in one text', async () => {
    const { transport } = setUp({ ca: authority.cert + otherAuthority.cert });
    expect(await code(transport, server)).toBeUndefined();
    expect(await code(transport, otherServer)).toBeUndefined();
  });

  test('not those in a PFX beside the client certificate, which are sent on to the server only', async () => {
    const middle = makePair({ subject: '/CN=middle', issuer: authority, isAuthority: true });
    const own = makePair({ subject: '/CN=third', issuer: middle });
    const chain = { key: own.key, cert: own.cert + middle.cert + authority.cert + otherAuthority.cert };
    for (const system of [true, false]) {
      const mtls = { pfx: makePfx(chain, '-passout', 'pass:'), passphrase: '' };
      const { transport, call } = setUp({ mtls, systemAuthorities: system });
      expect(await code(transport, otherServer)).toMatch(/^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_)/);
      expect((await call()).name).toBe('third');
    }
    const { transport } = setUp({
      mtls: { pfx: makePfx(chain, '-passout', 'pass:') },
      ca: undefined,
      systemAuthorities: true,
    });
    expect(await code(transport, otherServer)).toMatch(/^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_)/);
  });

  test('those that come with Node', async () => {
    expect(await systemAuthorities()).toEqual(expect.arrayContaining([...tls.rootCertificates]));
  });

  // Later ones read it at their start only.
  test.skipIf('getCACertificates' in tls)('those of NODE_EXTRA_CA_CERTS, unless the system is not asked', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tollward-client-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    onTestFinished(() => void vi.unstubAllEnvs());
    writeFileSync(join(directory, 'extra.pem'), otherAuthority.cert);
    vi.stubEnv('NODE_EXTRA_CA_CERTS', join(directory, 'extra.pem'));
    expect(await code(setUp({ systemAuthorities: true }).transport, otherServer)).toBeUndefined();
    expect(await code(setUp().transport, otherServer)).not.toBeUndefined();
    vi.stubEnv('NODE_EXTRA_CA_CERTS', join(directory, 'none.pem'));
    expect(await code(setUp({ systemAuthorities: true }).transport, server)).toBeUndefined();
  });

  test('no others when the variable NODE_TLS_REJECT_UNAUTHORIZED is 0', async () => {
    onTestFinished(() => void vi.unstubAllEnvs());
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const { transport } = setUp({ ca: otherAuthority.cert });
    expect(await code(transport, server)).toMatch(/^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_)/);
    await expect(overAgent(transport.httpsAgent())).rejects.toMatchObject({
      code: expect.stringMatching(/SELF|UNABLE/),
    });
  });

  test('the new ones, as soon as they are replaced', async () => {
    const mine = { ca: authority.cert };
    const { transport } = setUp({ ca: () => mine.ca });
    expect(await code(transport, otherServer)).not.toBeUndefined();
    mine.ca = otherAuthority.cert;
    await transport.reload();
    expect(await code(transport, otherServer)).toBeUndefined();
  });
});

test('[SDK-14] nothing older than TLS 1.2 is spoken, whatever Node was told', async () => {
  const told = { version: nodeTls.DEFAULT_MIN_VERSION, ciphers: nodeTls.DEFAULT_CIPHERS };
  onTestFinished(() => {
    nodeTls.DEFAULT_MIN_VERSION = told.version;
    nodeTls.DEFAULT_CIPHERS = told.ciphers;
  });
  nodeTls.DEFAULT_MIN_VERSION = 'TLSv1';
  nodeTls.DEFAULT_CIPHERS = 'ALL:@SECLEVEL=0';
  const old = await startHttpsServer({ ...serverPair, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' });
  onTestFinished(() => old.close());
  const { transport } = setUp();
  await expect(over(transport, '/', old.origin)).rejects.toMatchObject({
    code: expect.stringMatching(/PROTOCOL_VERSION$/),
  });
});

test('[SDK-18] a transport that is closed while somebody waits for a line gives none', async () => {
  const { transport } = setUp();
  const waiting = transport.acquire();
  await transport.close(10_000);
  await expect(waiting).rejects.toBeInstanceOf(ClientClosedError);
});

test('[SDK-18] closing waits for the calls under way and lets them end', async () => {
  const { transport, call } = setUp();
  const slow = call('/slow');
  await eventually(() => expect(server.waiting).toHaveLength(1));
  const held = await transport.acquire();
  let isClosed = false;
  const closing = Promise.race([transport.close(10_000), transport.close(10_000)]).then(() => {
    isClosed = true;
  });
  await expect(call()).rejects.toBeInstanceOf(ClientClosedError);
  expect((await over(held)).name).toBe('first');
  held.release();
  expect(isClosed).toBe(false);
  server.waiting.shift()?.();
  const { port } = await slow;
  await Promise.all([closing, transport.close(10_000)]);
  await eventually(() => expect(server.openPorts()).not.toContain(port));
});

describe('[SDK-18] closing does not wait longer than it is told', () => {
  test('for a line that nobody releases, and its call ends with that reason', async () => {
    const { transport } = setUp();
    const line = await transport.acquire();
    const { port } = await over(line);
    const slow = over(line, '/slow').catch((thrown: unknown) => thrown);
    await eventually(() => expect(server.waiting).toHaveLength(1));
    await transport.close(1);
    expect(await slow).toBeInstanceOf(ClientClosedError);
    await eventually(() => expect(server.openPorts()).not.toContain(port));
    server.waiting.shift();
    line.release();
  });

  test('for an answer that nobody reads', async () => {
    const big = createServer({ ...serverPair }, (_, response) => response.end(Buffer.alloc(8_000_000)));
    await new Promise<void>((resolve) => big.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void big.close());
    const { transport } = setUp();
    const origin = `https://localhost:${(big.address() as AddressInfo).port}`;
    const { body } = await transport.dispatcher.request({ origin, path: '/', method: 'GET' });
    await transport.close(1);
    await expect(body.text()).rejects.toThrow();
  });

  test('for a handshake that hangs', async () => {
    const sockets: Socket[] = [];
    const mute = createTcpServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void mute.close());
    const { transport } = setUp();
    const origin = `https://localhost:${(mute.address() as AddressInfo).port}`;
    const call = transport.dispatcher.request({ origin, path: '/', method: 'GET' }).catch((thrown: unknown) => thrown);
    await eventually(() => expect(sockets).toHaveLength(1));
    const ended = new Promise((resolve) => sockets[0]?.on('error', resolve).on('close', resolve).resume());
    await transport.close(1);
    expect(await call).toBeInstanceOf(Error);
    await ended;
  });

  test('for a call of the agent', async () => {
    const { transport } = setUp();
    const slow = overAgent(transport.httpsAgent(), '/slow').catch((thrown: unknown) => thrown);
    await eventually(() => expect(server.waiting).toHaveLength(1));
    await transport.close(1);
    expect(await slow).toMatchObject({ code: 'ECONNRESET' });
    server.waiting.shift();
  });
});
