// The wire surface: from the head of a request to its answer, its log line, its metric and its recorded refusal.

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Environment, redactSecrets } from '@tollward/protocol';
import { readPeer } from '../../certificates/index.js';
import { parsePeerAddress } from '../../platform/listeners/address.js';
import type { BadRequestKind } from '../../platform/listeners/tls-listener.js';
import type { Log } from '../../platform/observability/log.js';
import type { Metrics } from '../../platform/observability/metrics.js';
import type { RandomBytes } from '../../platform/random.js';
import type { RateLimiter, RateLimits } from '../../platform/rate-limiter.js';
import { describeExceeded, isRefusal, type Refusal, type RefusalRecorder } from '../../refusals/index.js';
import { answerRefusal } from './errors.js';
import type { Answer, ConnectionFacts, Exchange, ListenerName, Route } from './exchange.js';
import { parseRequestHead, type RequestHead } from './request-head.js';

export interface AddressLimits {
  readonly requests: RateLimits;
  readonly failures: RateLimits;
  readonly handshakes: RateLimits;
}

export interface WireSurfaceDependencies {
  readonly environment: Environment;
  readonly listener: ListenerName;
  readonly mtlsUrl: () => string;
  readonly routes: ReadonlyMap<string, Route>;
  readonly addressLimits: AddressLimits;
  readonly addressRates: Readonly<Record<keyof AddressLimits, RateLimiter>>;
  readonly clock: () => number;
  readonly monotonic: () => number;
  readonly random: RandomBytes;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly refusals: RefusalRecorder;
  readonly isDraining: () => boolean;
  /** A fault that means "try again later" rather than "we have a bug". */
  readonly isTransient: (error: unknown) => boolean;
}

export interface WireSurface {
  admit(socket: Socket): boolean;
  onConnection(socket: TLSSocket): void;
  onRequest(request: IncomingMessage, response: ServerResponse): void;
  onBadRequest(kind: BadRequestKind, socket: Socket, detail: string): void;
}

const badRequestCodes = {
  malformed: 'malformed_request',
  'header-too-large': 'header_too_large',
  timeout: 'request_timeout',
} as const;
/** Refusals that count as a failed authentication of their address. */
const failures: ReadonlySet<string> = new Set(['client_authentication_failed', 'token_malformed']);
const retrySeconds = 2;
const longestPath = 200;

export function createWireSurface(dependencies: WireSurfaceDependencies): WireSurface {
  const {
    environment,
    listener,
    routes,
    addressLimits,
    addressRates,
    clock,
    monotonic,
    random,
    log,
    metrics,
    refusals,
  } = dependencies;
  const connections = new WeakMap<object, ConnectionFacts>();
  /** The last request of each connection. */
  const latest = new WeakMap<object, Exchange>();
  /** Connections whose last answer was given: whatever still arrives on them is not read (RFC 9112 section 9.6). */
  const ended = new WeakSet<object>();
  const asksForCertificate = listener === 'api-mtls';

  const limitAddress = (key: string, now: number): Refusal | undefined => {
    const failed = addressRates.failures.peek(key, addressLimits.failures, now);
    if (failed !== undefined) return { refusal: 'address_failures_limited', step: 'edge', ...describeExceeded(failed) };
    const exceeded = addressRates.requests.take(key, addressLimits.requests, now);
    return exceeded && { refusal: 'address_rate_limited', step: 'edge', ...describeExceeded(exceeded) };
  };

  const respond = async (exchange: Exchange): Promise<void> => {
    const parsed = parseRequestHead(exchange.request);
    if (!parsed.ok) {
      const expected = 'a request that can be read in one way only';
      const seen = parsed.problem;
      const refusal: Refusal = { refusal: parsed.code, step: 'edge', expected, seen, parameters: { problem: seen } };
      return finish(
        exchange,
        undefined,
        'unreadable',
        answerRefusal(refusal, rawPath(exchange.request), exchange.receivedAt),
      );
    }
    const { head } = parsed;
    const route = routes.get(head.path);
    const answer = await answerRoute(exchange, head, route);
    finish(exchange, head, route === undefined ? 'unknown' : head.path, answer);
  };

  const answerRoute = async (exchange: Exchange, head: RequestHead, route: Route | undefined): Promise<Answer> => {
    const { connection, receivedAt, request } = exchange;
    const { limitKey } = connection.address;
    const refused = limitAddress(limitKey, receivedAt) ?? findRoute(route, request.method);
    if (refused !== undefined || route === undefined)
      return answerRefusal(refused ?? unknownRoute, head.path, receivedAt);
    try {
      const answer = await route.handle(exchange, head);
      if (!isRefusal(answer)) return answer;
      if (failures.has(answer.refusal)) addressRates.failures.take(limitKey, addressLimits.failures, receivedAt);
      return answerRefusal(answer, head.path, receivedAt);
    } catch (error) {
      return answerRefusal(describeFault(error, exchange), head.path, receivedAt);
    }
  };

  const describeFault = (error: unknown, exchange: Exchange): Refusal => {
    const transient = dependencies.isTransient(error);
    log.logger[transient ? 'warn' : 'error']({ error, traceId: exchange.traceId }, 'request failed');
    const fault = {
      step: 'edge',
      expected: 'a working server',
      seen: 'a fault; see the log line of this trace id',
    } as const;
    return transient
      ? { refusal: 'temporarily_unavailable', retryAfterSeconds: retrySeconds, ...fault }
      : { refusal: 'internal_error', ...fault };
  };

  const finish = (exchange: Exchange, head: RequestHead | undefined, route: string, answer: Answer): void => {
    const { traceId, request, response } = exchange;
    // A body nobody read would be taken for the next request, or drained at our cost.
    const unread = head === undefined || (head.hasBody && !request.complete);
    const closes = answer.closes === true || unread || dependencies.isDraining();
    const headers = [
      'content-type',
      'application/json',
      'content-length',
      String(typeof answer.body === 'string' ? Buffer.byteLength(answer.body) : answer.body.length),
      'x-trace-id',
      traceId,
      ...(answer.headers ?? []),
    ];
    if (head?.correlationId !== undefined) headers.push('x-external-correlation-id', head.correlationId);
    if (closes) {
      headers.push('connection', 'close');
      ended.add(request.socket);
    }
    if (!response.destroyed) {
      response.writeHead(answer.status, headers);
      response.end(answer.body, closes ? () => request.socket.destroySoon() : undefined);
    }
    const path = route === 'unknown' || route === 'unreadable' ? rawPath(request) : route;
    const durationMs = monotonic() - exchange.startedAt;
    metrics.request(listenerLabel, route, answer.status, durationMs);
    log.request({
      time: exchange.receivedAt,
      traceId,
      correlationId: head?.correlationId && redactSecrets(head.correlationId),
      environment,
      listener,
      method: request.method ?? '',
      path,
      status: answer.status,
      durationMs,
      address: exchange.connection.address.text,
      clientId: answer.clientId,
      refusal: answer.refusal?.refusal,
    });
    if (answer.refusal !== undefined) recordRefusal(answer.refusal, exchange, path, head?.correlationId);
  };

  const recordRefusal = (
    refusal: Refusal,
    exchange: Exchange,
    path: string,
    correlationId: string | undefined,
  ): void => {
    metrics.refused(refusal.refusal);
    const { traceId, receivedAt, request, connection } = exchange;
    const { method = '' } = request;
    refusals.record(
      {
        traceId,
        occurredAt: receivedAt,
        environment,
        listener,
        method,
        path,
        correlationId,
        address: connection.address.text,
      },
      refusal,
    );
  };

  const listenerLabel = `${environment} ${listener}`;

  return {
    admit: (socket) => {
      const { limitKey } = parsePeerAddress(socket.remoteAddress);
      return addressRates.handshakes.take(limitKey, addressLimits.handshakes, clock()) === undefined;
    },

    onConnection: (socket) => {
      const address = parsePeerAddress(socket.remoteAddress);
      connections.set(socket, { address, peer: asksForCertificate ? readPeer(socket) : 'not-asked' });
    },

    onRequest: (request, response) => {
      if (ended.has(request.socket)) return;
      const connection = connections.get(request.socket);
      if (connection === undefined) return void request.socket.destroy();
      const traceId = random(16).toString('hex');
      const mtlsUrl = dependencies.mtlsUrl();
      const exchange = {
        environment,
        listener,
        mtlsUrl,
        request,
        response,
        traceId,
        receivedAt: clock(),
        startedAt: monotonic(),
        connection,
      };
      latest.set(request.socket, exchange);
      respond(exchange).catch((error: unknown) => {
        log.logger.error({ error, traceId }, 'answer failed');
        request.socket.destroy();
      });
    },

    onBadRequest: (kind, socket, detail) => {
      if (ended.has(socket)) return;
      ended.add(socket);
      const traceId = random(16).toString('hex');
      const code = badRequestCodes[kind];
      const now = clock();
      const refusal: Refusal = { refusal: code, step: 'edge', expected: 'HTTP/1.1 within the limits', seen: detail };
      const { status, body, headers = [] } = answerRefusal(refusal, '', now);
      const address = parsePeerAddress(socket.remoteAddress).text;
      const before = latest.get(socket);
      // Now it would be taken for the answer to a whole request before, which is still being worked on.
      if (before?.request.complete && !before.response.writableFinished) socket.destroySoon();
      else socket.end(renderRawAnswer(status, String(body), ['x-trace-id', traceId, ...headers]));
      metrics.refused(code);
      metrics.request(listenerLabel, 'unreadable', status, 0);
      const line = { environment, listener, method: '', path: '', address, correlationId: undefined };
      log.request({ ...line, time: now, traceId, status, durationMs: 0, clientId: undefined, refusal: code });
      refusals.record({ ...line, traceId, occurredAt: now }, refusal);
    },
  };
}

const unknownRoute: Refusal = {
  refusal: 'route_unknown',
  step: 'edge',
  expected: 'a path of the wire contract',
  seen: 'another path',
};

function findRoute(route: Route | undefined, method: string | undefined): Refusal | undefined {
  if (route === undefined) return unknownRoute;
  if (route.method === method) return undefined;
  return {
    refusal: 'method_not_allowed',
    step: 'edge',
    expected: `the method ${route.method}`,
    seen: `the method ${method ?? ''}`,
    parameters: { allowed: route.method },
  };
}

/** The path of a request that has no route, fit for a log: without query, secrets or length. */
function rawPath(request: IncomingMessage): string {
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  return redactSecrets(path).slice(0, longestPath);
}

function renderRawAnswer(status: number, body: string, headers: readonly string[]): string {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  for (let index = 0; index < headers.length; index += 2) lines.push(`${headers[index]}: ${headers[index + 1]}`);
  return `${lines.join('\r\n')}\r\nconnection: close\r\n\r\n${body}`;
}
