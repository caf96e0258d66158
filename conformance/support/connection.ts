// TLS connections on which a test decides every byte.

import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { Environment } from '@tollward/protocol';
import type { ClientIdentity, TestServer } from '@tollward/server/testing';

export interface Place {
  readonly environment?: Environment;
  readonly listener?: 'api' | 'api-mtls';
  readonly identity?: Pick<ClientIdentity, 'cert' | 'key'> | null;
}

export function portOf(server: TestServer, { environment = 'sandbox', listener = 'api-mtls' }: Place): number {
  return Number(new URL(server.urlOf(environment, listener)).port);
}

/** Begins a handshake; `options` bend it. */
export function startConnection(server: TestServer, place: Place, options: ConnectionOptions = {}): TLSSocket {
  const { environment = 'sandbox', identity } = place;
  return connect({
    host: '127.0.0.1',
    servername: 'localhost',
    port: portOf(server, place),
    ca: server.caOf(environment),
    ...(identity ? { cert: identity.cert, key: identity.key } : {}),
    ...options,
  });
}

/** As startConnection; resolves when the handshake is complete. */
export function openConnection(server: TestServer, place: Place, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = startConnection(server, place, options);
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
}

export interface RawAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** The first answer in `text` that is not provisional. */
export function parseAnswer(text: string): RawAnswer {
  if (text.startsWith('HTTP/1.1 100')) return parseAnswer(text.slice(text.indexOf('\r\n\r\n') + 4));
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const length = Number(headers.get('content-length') ?? 0);
  return { status: Number(statusLine.split(' ')[1]), headers, body: rest.join('\r\n\r\n').slice(0, length) };
}

/**
 * Everything the server says until it ends the connection. The client's side never ends it, so a server that keeps the
 * connection open lets the test run into its time limit.
 */
export function readUntilClosed(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    // A server that drops unread bytes resets the connection, which is a way to end it too.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
  });
}

/** Sends `bytes` on a connection of its own and returns the answer the server ends it with. */
export async function refusedWith(server: TestServer, bytes: string, place: Place = {}): Promise<RawAnswer> {
  const socket = await openConnection(server, place);
  const answered = readUntilClosed(socket);
  socket.write(Buffer.from(bytes, 'latin1'));
  return parseAnswer(await answered);
}

/** One request on `socket`, which stays open. */
export function exchange(socket: TLSSocket, bytes: string): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      const answer = parseAnswer(text);
      if (answer.body.length !== Number(answer.headers.get('content-length'))) return;
      socket.off('data', onData);
      resolve(answer);
    };
    socket.on('data', onData);
    socket.once('close', () => reject(new Error(`closed after: ${text}`)));
    socket.write(bytes);
  });
}

/** The bytes of a plain GET with a token. */
export function getWith(token: string, path = '/v1/authenticated/playground'): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`;
}
