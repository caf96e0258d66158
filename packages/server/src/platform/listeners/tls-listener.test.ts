import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { defaultTimes, openTlsListener, type TlsListenerOptions } from './tls-listener.js';

/** A key and a certificate of it, in one text. */
function makePem(name: string): string {
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${name} -keyout -`;
  return execFileSync('openssl', words.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
const pem = makePem('localhost');
const otherPem = makePem('other');

/** Longer than any test: whatever ends before it ended for another reason. */
const longMs = 3_600_000;

async function startListener(changes: Partial<TlsListenerOptions> = {}) {
  const outcomes: string[] = [];
  const options: TlsListenerOptions = {
    name: 'test',
    ticketKey: Buffer.alloc(48, 1),
    keyPem: pem,
    chainPem: pem,
    requestClientCertificate: false,
    times: { ...defaultTimes, handshakeMs: longMs },
    maximumConnections: 100,
    admit: () => true,
    onHandshake: (outcome) => outcomes.push(outcome),
    onConnection: () => undefined,
    onRequest: (_request, response) => void response.end('done'),
    onIdle: (socket) => void socket.destroy(),
    onBadRequest: (_kind, socket) => void socket.destroy(),
    ...changes,
  };
  const listener = await openTlsListener(options, '127.0.0.1', 0);
  onTestFinished(() => listener.close(0));
  return { listener, outcomes };
}

async function openTls(port: number): Promise<TLSSocket> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

/** A TCP connection the server knows of, on which no handshake begins. */
async function openSilent(port: number, accepted: Promise<void>) {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await accepted;
  return socket;
}

/** Resolves when `signal` was called. */
function signal(): { readonly signalled: Promise<void>; readonly give: () => void } {
  let give = (): void => undefined;
  const signalled = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { signalled, give };
}

test('closing cuts a handshake at once and lets a running request end', async () => {
  const [accepted, arrived, released] = [signal(), signal(), signal()];
  let connections = 0;
  const { listener, outcomes } = await startListener({
    admit: () => {
      connections += 1;
      if (connections === 2) accepted.give();
      return true;
    },
    onRequest: (_request, response) => {
      arrived.give();
      void released.signalled.then(() => response.end('done'));
    },
  });
  const busy = await openTls(listener.port);
  let text = '';
  busy.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  busy.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  await arrived.signalled;
  const silent = await openSilent(listener.port, accepted.signalled);
  const cut = once(silent, 'close');
  const closed = listener.close(longMs);
  await cut;
  expect(text).toBe('');
  const ended = once(busy, 'close');
  released.give();
  await ended;
  await closed;
  expect(text).toMatch(/^HTTP\/1\.1 200 /);
  expect(outcomes).toEqual(['completed', 'failed']);
});

test('closing cuts everything at the end of its grace, a connection taken out of HTTP included', async () => {
  const [running, tunnelled] = [signal(), signal()];
  const { listener } = await startListener({
    onRequest: running.give,
    // Kept open, as a peer that never answers our end of the connection would keep it.
    onBadRequest: tunnelled.give,
  });
  const sockets = [await openTls(listener.port), await openTls(listener.port)] as const;
  const closes = sockets.map((socket) => once(socket, 'close'));
  sockets[0].write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  sockets[1].write('CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await Promise.all([running.signalled, tunnelled.signalled]);
  await listener.close(0);
  await Promise.all(closes);
});

test('a handshake has one outcome: refused before it begins, failed within it, or completed', async () => {
  let refuse = true;
  const { listener, outcomes } = await startListener({ admit: () => !refuse });
  const refused = connect(listener.port, '127.0.0.1');
  refused.on('error', () => undefined);
  await once(refused, 'close');
  refuse = false;
  const garbage = connect(listener.port, '127.0.0.1', () => garbage.write('GET / HTTP/1.1\r\n\r\n'));
  garbage.resume().on('error', () => undefined);
  await once(garbage, 'close');
  const good = await openTls(listener.port);
  // An answer proves that the server's side of the handshake is complete too.
  good.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  await once(good.resume(), 'close');
  await listener.close(longMs);
  expect(outcomes).toEqual(['refused', 'failed', 'completed']);
});

test('a connection beyond the most at one time is cut and counted, and the next one after an end is not', async () => {
  const { listener, outcomes } = await startListener({ maximumConnections: 2 });
  const held = [await openTls(listener.port), await openTls(listener.port)] as const;
  const tooMany = connect(listener.port, '127.0.0.1');
  tooMany.on('error', () => undefined);
  await once(tooMany, 'close');
  expect(outcomes).toContain('refused');
  held[0].write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  await once(held[0].resume(), 'close');
  await openTls(listener.port);
  expect(outcomes.filter((outcome) => outcome === 'refused')).toHaveLength(1);
});

test('a peer that does not read its answers is cut when the connection was idle for long enough', async () => {
  const ended = signal();
  const { listener } = await startListener({
    times: { ...defaultTimes, keepAliveMs: 100 },
    onConnection: (socket) => void socket.once('close', ended.give),
    onRequest: (_request, response) => void response.end(Buffer.alloc(32 * 1024 * 1024)),
  });
  const peer = await openTls(listener.port);
  peer.pause().write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await ended.signalled;
  expect(peer.bytesRead).toBeLessThan(32 * 1024 * 1024);
});

test('a peer that sends ahead more than is read of it loses the connection, and is not blamed for broken HTTP', async () => {
  const blamed: string[] = [];
  const ended = signal();
  const { listener } = await startListener({
    onConnection: (socket) => void socket.once('close', ended.give),
    onRequest: (_request, response) => void response.end('x'.repeat(400)),
    onBadRequest: (_kind, socket, detail) => {
      blamed.push(detail);
      socket.destroy();
    },
  });
  const peer = await openTls(listener.port);
  peer.resume().write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(20_000));
  await ended.signalled;
  expect(blamed).toEqual([]);
});

/** The session of a connection on which one request was answered, and what the client saw of the server. */
async function visit(port: number, version: 'TLSv1.2' | 'TLSv1.3', session?: Buffer) {
  const options = { port, host: '127.0.0.1', rejectUnauthorized: false, minVersion: version, maxVersion: version };
  const socket = connectTls({ ...options, ...(session === undefined ? {} : { session }) });
  let latest = session;
  socket.on('session', (given: Buffer) => {
    latest = given;
  });
  await once(socket, 'secureConnect');
  const seen = { name: socket.getPeerCertificate().subject?.CN, resumed: socket.isSessionReused() };
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  await once(socket, 'close');
  expect(text).toMatch(/^HTTP\/1\.1 200 /);
  return { ...seen, session: latest };
}

test('[AUT-09] a replaced certificate is for new handshakes: open connections go on, sessions are resumed', async () => {
  const { listener } = await startListener();
  const open = await openTls(listener.port);
  const sessions = {
    'TLSv1.2': await visit(listener.port, 'TLSv1.2'),
    'TLSv1.3': await visit(listener.port, 'TLSv1.3'),
  };
  listener.replaceCertificate({ keyPem: otherPem, chainPem: otherPem });
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    expect(await visit(listener.port, version)).toMatchObject({ name: 'other', resumed: false });
    expect(await visit(listener.port, version, sessions[version].session)).toMatchObject({ resumed: true });
  }
  let text = '';
  open.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  open.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  await once(open, 'close');
  expect(text).toMatch(/^HTTP\/1\.1 200 /);
});

test('a certificate that can not be used leaves the one before in its place', async () => {
  const { listener } = await startListener();
  expect(() => listener.replaceCertificate({ keyPem: pem, chainPem: otherPem })).toThrow();
  expect(await visit(listener.port, 'TLSv1.3')).toMatchObject({ name: 'localhost' });
});

test('[AUT-10] the rules of the handshake are the same after the certificate was replaced', async () => {
  const { listener } = await startListener();
  listener.replaceCertificate({ keyPem: otherPem, chainPem: otherPem });
  const refused = [
    ['-tls1_1', '-cipher', 'DEFAULT:@SECLEVEL=0'],
    ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA'],
    ['-tls1_3', '-groups', 'P-521'],
  ];
  const handshake = async (words: readonly string[]): Promise<unknown> => {
    const client = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${listener.port}`, ...words]);
    client.stdin.end('Q\n');
    client.stdout.resume();
    client.stderr.resume();
    const [status] = await once(client, 'close');
    return status;
  };
  for (const words of refused) expect([words, await handshake(words)]).toEqual([words, 1]);
  for (const words of [['-tls1_2'], ['-tls1_3']]) expect([words, await handshake(words)]).toEqual([words, 0]);
});

test('[AUT-11] a session is resumed where the ticket key is the same, and elsewhere shaken hands in full, without a failure', async () => {
  const ticketKey = Buffer.alloc(48, 2);
  const { listener: one, outcomes } = await startListener({ ticketKey });
  const { listener: other } = await startListener({ ticketKey });
  const { listener: foreign } = await startListener({ ticketKey, name: 'another listener' });
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const resumedAt = async (port: number, session?: Buffer): Promise<boolean> =>
      (await visit(port, version, session)).resumed;
    const { session } = await visit(one.port, version);
    expect(await resumedAt(one.port, session)).toBe(true);
    expect(await resumedAt(other.port, session)).toBe(true);
    expect(await resumedAt(foreign.port, session)).toBe(false);

    other.setTicketKey(Buffer.alloc(48, 3));
    expect(await resumedAt(other.port, session)).toBe(false);
    const { session: later } = await visit(other.port, version);
    expect(await resumedAt(other.port, later)).toBe(true);
    other.setTicketKey(ticketKey);
    expect(await resumedAt(other.port, session)).toBe(true);
  }
  expect(outcomes.every((outcome) => outcome === 'completed')).toBe(true);
});
