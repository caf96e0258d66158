// A server whose routes end at an upstream of which a test decides every byte, and callers of the same kind.

import type { TLSSocket } from 'node:tls';
import {
  aClient,
  aToken,
  type RawUpstream,
  startRawUpstream,
  startTestServer,
  type TestClient,
  type TestServer,
  type TestServerOptions,
  type UpstreamConnection,
} from '@tollward/server/testing';
import { afterAll, afterEach, onTestFinished } from 'vitest';
import { openConnection } from './connection.js';

/** Routes without rules but one: any client. `upstream` is YAML of the upstream's keys. */
export function policyOf(upstream = '{}'): string {
  const rules = 'summary: A thing, tokens: [client_credentials], upstream: money';
  return `
version: 1
upstreams:
  money: ${upstream}
routes:
  GET /v1/things: { ${rules}, maximumBodyBytes: 1000 }
  GET /v1/things/{thingId}: { ${rules}, maximumBodyBytes: 1000 }
  POST /v1/things: { ${rules}, maximumBodyBytes: 1000 }
  PUT /v1/things/{thingId}: { ${rules}, maximumBodyBytes: 1000 }
  PATCH /v1/things/{thingId}: { ${rules}, maximumBodyBytes: 1000 }
  DELETE /v1/things/{thingId}: { ${rules}, maximumBodyBytes: 1000 }
  POST /v1/files: { ${rules}, maximumBodyBytes: 1073741824 }
`;
}

export interface Gateway {
  readonly server: TestServer;
  readonly upstream: RawUpstream;
  readonly client: TestClient;
  readonly token: string;
  /** A connection of a caller. */
  open(): Promise<RawCaller>;
  /** The bytes of a request with the token: `lines` are its headers, and what follows an empty one is its body. */
  bytesOf(requestLine: string, ...lines: readonly string[]): string;
  /** Sends a request on a connection of its own, and gives both ends of it. */
  send(requestLine: string, ...lines: readonly string[]): Promise<Sent>;
}

export interface Sent {
  readonly caller: RawCaller;
  /** The connection that the request came on, once its head is there. */
  readonly connection: UpstreamConnection;
}

export interface GatewayOptions extends TestServerOptions {
  /** YAML of the upstream's keys. */
  readonly upstream?: string;
}

/** For the tests of a file: it ends with them. Each of them begins on connections of its own. */
export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const { gateway, clear, stop } = await openGateway(options);
  afterEach(clear);
  afterAll(stop);
  return gateway;
}

/** For one test: it ends with it. */
export async function startOwnGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const { gateway, stop } = await openGateway(options);
  onTestFinished(stop);
  return gateway;
}

async function openGateway({ upstream: keys, ...options }: GatewayOptions) {
  const upstream = await startRawUpstream();
  const server = await startTestServer({ policy: policyOf(keys), upstreamUrl: () => upstream.url, ...options });
  const callers = new Set<RawCaller>();
  const clear = async (): Promise<void> => {
    for (const caller of callers) caller.destroy();
    callers.clear();
    await upstream.endConnections();
  };
  const stop = async (): Promise<void> => {
    await server.stop();
    await upstream.close();
  };
  const client = await aClient(server);
  const token = await aToken(server, client);

  const open = async (): Promise<RawCaller> => {
    const caller = watch(await openConnection(server, { identity: client.identity }));
    callers.add(caller);
    return caller;
  };
  const bytesOf = (requestLine: string, ...lines: readonly string[]): string => {
    const head = [`${requestLine} HTTP/1.1`, 'Host: api.example', `Authorization: Bearer ${token}`];
    const empty = lines.indexOf('');
    const [headers, body] = empty < 0 ? [lines, []] : [lines.slice(0, empty), lines.slice(empty + 1)];
    return `${[...head, ...headers].join('\r\n')}\r\n\r\n${body.join('\r\n')}`;
  };
  const gateway: Gateway = {
    server,
    upstream,
    client,
    token,
    open,
    bytesOf,
    send: async (requestLine, ...lines) => {
      const caller = await open();
      caller.write(bytesOf(requestLine, ...lines));
      const connection = await upstream.next();
      await connection.until(/\r\n\r\n/);
      return { caller, connection };
    },
  };
  return { gateway, clear, stop };
}

export interface CallerAnswer {
  readonly status: number;
  /** As they came: name in lower case, value. */
  readonly headers: readonly (readonly [string, string])[];
  header(name: string): string | undefined;
  readonly body: string;
}

export interface RawCaller {
  readonly socket: TLSSocket;
  write(bytes: string): void;
  /** Everything that came, one character a byte. */
  received(): string;
  until(pattern: RegExp): Promise<void>;
  /** The next whole answer with a Content-Length, or without a body. */
  answer(): Promise<CallerAnswer>;
  /** Resolves to everything that came, when the connection is closed. */
  readonly closed: Promise<string>;
  destroy(): void;
}

function watch(socket: TLSSocket): RawCaller {
  let received = '';
  let taken = 0;
  const looks = new Set<() => void>();
  const lookAgain = (): void => {
    for (const look of looks) look();
  };
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
    lookAgain();
  });
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(received)));
  const waitFor = <Found>(find: () => Found | undefined): Promise<Found> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = find();
        if (found === undefined) return;
        looks.delete(look);
        resolve(found);
      };
      looks.add(look);
      look();
      void closed.then(() => reject(new Error(`closed after: ${received.slice(taken)}`)));
    });
  return {
    socket,
    write: (bytes) => void socket.write(bytes, 'latin1'),
    received: () => received,
    until: (pattern) => waitFor(() => (pattern.test(received) ? true : undefined)).then(() => undefined),
    answer: () =>
      waitFor(() => {
        const end = received.indexOf('\r\n\r\n', taken);
        if (end < 0) return undefined;
        const answer = parseHead(received.slice(taken, end));
        if (answer.status < 200) {
          taken = end + 4;
          return undefined;
        }
        const length = [204, 304].includes(answer.status) ? 0 : Number(answer.header('content-length') ?? 0);
        if (received.length < end + 4 + length) return undefined;
        taken = end + 4 + length;
        return { ...answer, body: received.slice(end + 4, end + 4 + length) };
      }),
    closed,
    destroy: () => void socket.destroy(),
  };
}

/** Of the text before the empty line. */
export function parseHead(text: string): CallerAnswer {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return {
    status: Number(statusLine.split(' ')[1]),
    headers,
    header: (name) => headers.find(([known]) => known === name)?.[1],
    body: '',
  };
}
