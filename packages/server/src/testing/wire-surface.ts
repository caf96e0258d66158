// The wire surface as its tests start it.

import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import { createLog } from '../platform/observability/log.js';
import { createHexIds, createRandomPool } from '../platform/random.js';
import { createRateLimiter, type RateLimits } from '../platform/rate-limiter.js';
import type { Refusal, RefusedRequest } from '../refusals/index.js';
import type { Route } from '../surfaces/wire/exchange.js';
import type { InjectedFaults } from '../surfaces/wire/injected-faults.js';
import { nameRoutes } from '../surfaces/wire/routes.js';
import { createWireSurface } from '../surfaces/wire/wire-surface.js';
import { someTime } from './facts.js';

const secretFault = 'password=hunter2 at 10.0.0.7';

class Away extends Error {}

/** Lets the requests go on that wait in their route. */
export const held: (() => void)[] = [];

const routes = new Map<string, Route>([
  ['/good', { method: 'GET', handle: async () => ({ status: 200, body: '{"good":true}', clientId: 'cli_1' }) }],
  ['/open', { method: 'GET', takesHead: true, handle: () => ({ status: 200, body: '{"open":true}' }) }],
  ['/unread', { method: 'POST', handle: async () => ({ status: 200, body: '{}' }) }],
  [
    '/held',
    {
      method: 'POST',
      handle: async () => {
        await new Promise<void>((resolve) => held.push(resolve));
        return { refusal: 'malformed_request', step: 'body', expected: 'the whole body', seen: 'less' };
      },
    },
  ],
  [
    '/held-wrong',
    {
      method: 'GET',
      handle: async () => {
        await new Promise<void>((resolve) => held.push(resolve));
        return { refusal: 'token_malformed', step: 'token', expected: 'a token', seen: 'none' };
      },
    },
  ],
  [
    '/held-good',
    {
      method: 'GET',
      handle: async () => {
        await new Promise<void>((resolve) => held.push(resolve));
        return { status: 200, body: '{"good":true}', clientId: 'cli_1' };
      },
    },
  ],
  ['/broken', { method: 'GET', handle: () => Promise.reject(new Error(secretFault)) }],
  ['/away', { method: 'GET', handle: () => Promise.reject(new Away(secretFault)) }],
  [
    '/wrong-token',
    {
      method: 'GET',
      handle: async () => ({ refusal: 'token_malformed', step: 'token', expected: 'a token', seen: 'none' }),
    },
  ],
  [
    '/wrong-certificate',
    {
      method: 'GET',
      handle: async () => ({
        refusal: 'certificate_missing',
        step: 'binding',
        expected: 'one',
        seen: 'none',
        clientId: 'cli_1',
      }),
    },
  ],
]);

interface Limits {
  readonly requests?: RateLimits;
  readonly failures?: RateLimits;
  readonly handshakes?: RateLimits;
}

/** The surface on a plain HTTP server: real sockets and Node's real parser, no certificates. */
export async function startSurface(limits: Limits = {}, injectedFaults?: InjectedFaults) {
  const state = { draining: false };
  const lines: string[] = [];
  const recorded: { readonly request: RefusedRequest; readonly refusal: Refusal }[] = [];
  const metrics: unknown[][] = [];
  const unlimited = { perSecond: 1_000_000, perMinute: 1_000_000 };
  const surface = createWireSurface({
    environment: 'sandbox',
    listener: 'api',
    mtlsUrl: () => 'https://mtls.example',
    routes: { own: nameRoutes(routes), forwarded: { find: () => undefined } },
    addressLimits: { requests: unlimited, failures: unlimited, handshakes: unlimited, ...limits },
    addressRates: {
      requests: createRateLimiter(),
      failures: createRateLimiter(),
      handshakes: createRateLimiter(),
    },
    clock: () => someTime,
    monotonic: () => 0,
    newTraceId: createHexIds(createRandomPool()),
    log: createLog('info', { write: (line) => void lines.push(line) }),
    metrics: {
      request: (...values) => metrics.push(['request', ...values]),
      refused: (code) => metrics.push(['refused', code]),
    },
    refusals: {
      record: (request, refusal) => recorded.push({ request, refusal }),
      flush: async () => undefined,
    },
    isDraining: () => state.draining,
    isTransient: (error) => error instanceof Away,
    injectedFaults,
  });
  const server = createServer({ requireHostHeader: false });
  let endedConnections = 0;
  server.on('connection', (socket) => {
    surface.onConnection(socket as TLSSocket);
    socket.once('close', () => {
      endedConnections += 1;
    });
  });
  server.on('connect', (_request, socket) => surface.onBadRequest('malformed', socket as TLSSocket, 'CONNECT'));
  server.on('request', surface.onRequest);
  server.on('clientError', (error, socket) => surface.onBadRequest('malformed', socket as TLSSocket, error.message));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const send = (path: string, options: { method?: string; headers?: Record<string, string>; body?: string } = {}) =>
    new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
      const { method = 'GET', headers = {}, body } = options;
      const outgoing = httpRequest({ port, host: '127.0.0.1', path, method, headers, agent: false }, (incoming) => {
        let text = '';
        incoming.setEncoding('utf8');
        incoming.on('data', (chunk: string) => {
          text += chunk;
        });
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }));
        incoming.on('error', reject);
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  /** Sends bytes and resolves to all that came back when the server closed the connection. */
  const sendRaw = (bytes: string, andThen: 'wait' | 'end' = 'wait') =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => (andThen === 'end' ? socket.end(bytes) : socket.write(bytes)));
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
      });
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
    });
  /** Sends bytes, reads to the end of the answers, and leaves its own side of the connection open for good. */
  const sendAndStay = (bytes: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.write(bytes));
      onTestFinished(() => void socket.destroy());
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
      });
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
  const ended = () => endedConnections;
  return { send, sendRaw, sendAndStay, ended, state, lines, recorded, metrics, surface };
}
