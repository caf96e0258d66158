// The wire surface: from the head of a request to its answer, its log line, its metric and its recorded refusal.

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Environment, redactSecrets } from '@tollward/protocol';
import { readPeer } from '../../certificates/index.js';
import { parsePeerAddress } from '../../platform/listeners/address.js';
import { closeSoon } from '../../platform/listeners/close-soon.js';
import type { BadRequestKind } from '../../platform/listeners/tls-listener.js';
import type { Log } from '../../platform/observability/log.js';
import type { Metrics } from '../../platform/observability/metrics.js';
import type { Tracing } from '../../platform/observability/tracing.js';
import { createRateLimiter, type RateLimiter, type RateLimits } from '../../platform/rate-limiter.js';
import { describeExceeded, isRefusal, type Refusal, type RefusalRecorder } from '../../refusals/index.js';
import { findRoute, refuseHead } from './edge-refusals.js';
import { answerRefusal } from './errors.js';
import {
  type Answer,
  type Connection,
  closesAfter,
  type Exchange,
  isSent,
  type ListenerName,
  type Outcome,
  openConnection,
  unansweredStatus,
} from './exchange.js';
import type { Injected, InjectedFaults } from './injected-faults.js';
import { redactPath } from './redact-path.js';
import { parseRequestHead } from './request-head.js';
import type { Routes } from './routes.js';
import { createTransientFaults } from './transient-faults.js';

export interface AddressLimits {
  readonly requests: RateLimits;
  readonly failures: RateLimits;
  readonly handshakes: RateLimits;
}

export interface WireSurfaceDependencies {
  readonly environment: Environment;
  readonly listener: ListenerName;
  readonly mtlsUrl: () => string;
  readonly routes: Routes;
  readonly addressLimits: AddressLimits;
  readonly addressRates: Readonly<Record<keyof AddressLimits, RateLimiter>>;
  readonly clock: () => number;
  readonly monotonic: () => number;
  /** 32 hex digits. */
  readonly newTraceId: () => string;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'request' | 'refused'>;
  readonly tracing?: Tracing | undefined;
  readonly refusals: RefusalRecorder;
  readonly isDraining: () => boolean;
  /** A fault that means "try again later" rather than "we have a bug". */
  readonly isTransient: (error: unknown) => boolean;
  /** In `tollward dev` only. */
  readonly injectedFaults?: InjectedFaults | undefined;
}

export interface WireSurface {
  admit(socket: Socket): boolean;
  onConnection(socket: TLSSocket): void;
  onRequest(request: IncomingMessage, response: ServerResponse): void;
  /** For as long as the connection waits at most, nothing came or went on it. */
  onIdle(socket: Socket): void;
  onBadRequest(kind: BadRequestKind, socket: Socket, detail: string): void;
}

const badRequestCodes = {
  malformed: 'malformed_request',
  'header-too-large': 'header_too_large',
  timeout: 'request_timeout',
} as const;
/** Refusals that count as a failed authentication of their address. A pause is no fault of the caller and does not. */
const failures: ReadonlySet<string> = new Set([
  'client_authentication_failed',
  'secret_other_environment',
  'secret_replaced',
  'secret_revoked',
  'token_malformed',
]);
const limitCodes: ReadonlySet<string> = new Set(['address_rate_limited', 'address_failures_limited']);
const retrySeconds = 2;
const longestPath = 200;
/** An address over its limits would otherwise fill the log at the speed it sends. The metrics count them all. */
const limitLines: RateLimits = { perSecond: 5, perMinute: 60 };

export function createWireSurface(dependencies: WireSurfaceDependencies): WireSurface {
  const {
    environment,
    listener,
    routes,
    addressLimits,
    addressRates,
    clock,
    monotonic,
    newTraceId,
    log,
    metrics,
    tracing,
    refusals,
    injectedFaults,
  } = dependencies;
  const connections = new WeakMap<object, Connection>();
  const asksForCertificate = listener === 'api-mtls';
  const listenerLabel = `${environment} ${listener}`;
  const limitLineRates = createRateLimiter();
  const tellTransient = createTransientFaults(log, monotonic);

  /** With `exchange`, whose credentials are still to be judged, a place among the failures of the minute is held for it. */
  const limitAddress = (key: string, now: number, exchange?: Exchange): Refusal | undefined => {
    const failed = exchange
      ? addressRates.failures.reserve(key, addressLimits.failures, now)
      : addressRates.failures.peek(key, addressLimits.failures, now);
    if (failed !== undefined && 'limit' in failed)
      return { refusal: 'address_failures_limited', step: 'edge', ...describeExceeded(failed) };
    if (exchange) exchange.reserved = failed;
    const exceeded = addressRates.requests.take(key, addressLimits.requests, now);
    return exceeded && { refusal: 'address_rate_limited', step: 'edge', ...describeExceeded(exceeded) };
  };

  const respond = (exchange: Exchange): void => {
    const { receivedAt, request, connection } = exchange;
    const parsed = parseRequestHead(request);
    const authorization = parsed.ok ? parsed.head.authorization : undefined;
    const mayBeGuess = authorization !== undefined && authorization !== connection.accepted;
    const limited = limitAddress(connection.address.limitKey, receivedAt, mayBeGuess ? exchange : undefined);
    if (!parsed.ok) {
      finish(exchange, limited ?? refuseHead(parsed));
      return;
    }
    const { head } = parsed;
    const found = findRoute(routes, environment, head.path, request.method ?? '');
    exchange.head = head;
    if (!isRefusal(found)) exchange.route = found;
    const injected = injectedFaults && !limited && injectedFaults.take(exchange, head);
    if (injected) {
      inject(exchange, injected);
      return;
    }
    const route = limited ?? found;
    if (isRefusal(route)) {
      finish(exchange, route);
      return;
    }
    const fail = (error: unknown): void => settle(exchange, describeFault(error, exchange));
    let outcome: Outcome | Promise<Outcome>;
    try {
      outcome = route.handle(exchange, head);
    } catch (error) {
      fail(error);
      return;
    }
    if (outcome instanceof Promise) outcome.then((given) => settle(exchange, given), fail);
    else settle(exchange, outcome);
  };

  const settle = (exchange: Exchange, outcome: Outcome): void => {
    try {
      finish(exchange, outcome);
    } catch (error) {
      abandon(exchange, error);
    }
  };

  const inject = (exchange: Exchange, { outcome, reason }: Injected): void => {
    if (typeof outcome === 'object') write(exchange, outcome);
    else exchange.connection.ended = true;
    if (outcome === 'reset') exchange.request.socket.destroy();
    finish(exchange, {
      sent: typeof outcome === 'object' ? outcome.status : unansweredStatus,
      clientId: undefined,
      reason,
    });
  };

  /** The answer itself could not be written. */
  const abandon = ({ traceId, request }: Exchange, error: unknown): void => {
    log.logger.error({ error, traceId }, 'answer failed');
    request.socket.destroy();
  };

  const describeFault = (error: unknown, exchange: Exchange): Refusal => {
    const transient = dependencies.isTransient(error);
    if (transient) tellTransient(error, exchange.traceId);
    else log.logger.error({ error, traceId: exchange.traceId }, 'request failed');
    const fault = {
      step: 'edge',
      expected: 'a working server',
      seen: 'a fault; see the log line of this trace id',
    } as const;
    return transient
      ? { refusal: 'temporarily_unavailable', retryAfterSeconds: retrySeconds, ...fault }
      : { refusal: 'internal_error', ...fault };
  };

  const finish = (exchange: Exchange, outcome: Outcome): void => {
    if (exchange.settled) return;
    exchange.settled = true;
    const { traceId, request, receivedAt, connection, head, route } = exchange;
    const path = route !== undefined && head !== undefined ? redactSecrets(head.path) : rawPath(request);
    const refusal = isRefusal(outcome) ? outcome : isSent(outcome) ? outcome.reason : undefined;
    countFailure(exchange, refusal !== undefined && failures.has(refusal.refusal));
    // An answer to anybody says nothing of the credentials that came with the request.
    if (!isRefusal(outcome) && outcome.clientId !== undefined) connection.accepted = head?.authorization;
    const status = isSent(outcome) ? outcome.sent : answer(exchange, outcome, head?.path ?? path);

    const durationMs = monotonic() - exchange.startedAt;
    metrics.request(listenerLabel, route?.template ?? 'none', status, durationMs);
    exchange.trace?.end({
      method: request.method ?? '',
      route: route?.template,
      path,
      status,
      port: request.socket.localPort,
      environment,
      listener,
      traceId,
      clientId: outcome.clientId,
      refusal: refusal?.refusal,
    });
    if (refusal !== undefined) {
      recordRefusal(refusal, exchange, path, status);
      if (limitCodes.has(refusal.refusal) && !mayLogLimit(connection)) return;
    }
    log.request({
      time: receivedAt,
      traceId,
      correlationId: head?.correlationId && redactSecrets(head.correlationId),
      environment,
      listener,
      method: request.method ?? '',
      path,
      status,
      durationMs,
      address: connection.address.text,
      clientId: outcome.clientId,
      refusal: refusal?.refusal,
    });
  };

  const countFailure = ({ reserved, connection }: Exchange, failed: boolean): void => {
    if (reserved !== undefined) addressRates.failures.settle(reserved, failed, clock());
    else if (failed) addressRates.failures.take(connection.address.limitKey, addressLimits.failures, clock());
  };

  const mayLogLimit = ({ address }: Connection): boolean =>
    limitLineRates.take(address.limitKey, limitLines, clock()) === undefined;

  /** @returns its status */
  const answer = (exchange: Exchange, outcome: Answer | Refusal, path: string): number => {
    const given = isRefusal(outcome) ? answerRefusal(outcome, path, exchange.receivedAt) : outcome;
    write(exchange, given);
    return given.status;
  };

  const write = (exchange: Exchange, answer: Answer): void => {
    const { request, response, traceId, connection, head } = exchange;
    const closes = answer.closes === true || closesAfter(exchange) || dependencies.isDraining();
    const { body, contentType = 'application/json' } = answer;
    const headers = ['content-length', String(body.length), 'x-trace-id', traceId];
    if (body.length > 0) headers.push('content-type', contentType);
    if (answer.headers !== undefined) headers.push(...answer.headers);
    if (head?.correlationId !== undefined) headers.push('x-external-correlation-id', head.correlationId);
    if (closes) {
      headers.push('connection', 'close');
      connection.ended = true;
    }
    if (response.destroyed) {
      if (closes) closeSoon(request.socket);
      return;
    }
    response.writeHead(answer.status, headers);
    if (closes) response.end(body, 'latin1', () => closeSoon(request.socket));
    else response.end(body, 'latin1');
  };

  const recordRefusal = (refusal: Refusal, exchange: Exchange, path: string, status: number): void => {
    metrics.refused(refusal.refusal);
    const { traceId, receivedAt, request, connection, head } = exchange;
    const { method = '' } = request;
    refusals.record(
      {
        traceId,
        occurredAt: receivedAt,
        environment,
        listener,
        method,
        path,
        status,
        correlationId: head?.correlationId,
        address: connection.address.text,
      },
      refusal,
    );
  };

  return {
    admit: (socket) => {
      const { limitKey } = parsePeerAddress(socket.remoteAddress);
      return addressRates.handshakes.take(limitKey, addressLimits.handshakes, clock()) === undefined;
    },

    onConnection: (socket) => {
      const address = parsePeerAddress(socket.remoteAddress);
      const connection = openConnection(address, asksForCertificate ? readPeer(socket) : 'not-asked');
      connections.set(socket, connection);
      socket.once('close', () => {
        for (const forwarding of connection.forwarding) forwarding.interrupt('caller gone');
      });
    },

    onRequest: (request, response) => {
      const connection = connections.get(request.socket);
      if (connection === undefined) return void request.socket.destroy();
      if (connection.ended) return;
      const receivedAt = clock();
      const exchange: Exchange = {
        environment,
        listener,
        mtlsUrl: dependencies.mtlsUrl(),
        request,
        response,
        traceId: newTraceId(),
        receivedAt,
        startedAt: monotonic(),
        connection,
        head: undefined,
        route: undefined,
        forwarding: undefined,
        reserved: undefined,
        trace: tracing?.begin(receivedAt, 'edge'),
        settled: false,
      };
      connection.latest = exchange;
      try {
        respond(exchange);
      } catch (error) {
        abandon(exchange, error);
      }
    },

    onIdle: (socket) => {
      const forwarding = [...(connections.get(socket)?.forwarding ?? [])];
      // An upstream has its own time limits. Later it may be the caller again that keeps it waiting.
      if (forwarding.some((one) => one.waitsFor() === 'upstream')) return void socket.setTimeout(socket.timeout ?? 0);
      const late = {
        refusal: 'request_timeout',
        step: 'forward',
        expected: 'a caller that sends or takes bytes',
        seen: 'silence',
      } as const;
      for (const one of forwarding) one.interrupt(late);
      if (forwarding.length === 0) socket.destroy();
    },

    onBadRequest: (kind, socket, detail) => {
      const connection = connections.get(socket);
      const before = connection?.latest;
      // The bodies of forwarded requests are judged by their progress, not by their time.
      if (kind === 'timeout' && before?.forwarding !== undefined) return;
      const code = badRequestCodes[kind];
      const refusal: Refusal = { refusal: code, step: 'edge', expected: 'HTTP/1.1 within the limits', seen: detail };
      if (before?.forwarding !== undefined && !before.request.complete) {
        before.forwarding.interrupt(refusal);
        return;
      }
      if (connection?.ended) return;
      if (connection !== undefined) connection.ended = true;
      // Its head was read: what can not be read is its body, and no request of its own.
      if (before && !before.settled && !before.request.complete) return finish(before, refusal);
      const now = clock();
      const address = parsePeerAddress(socket.remoteAddress);
      const limited = limitAddress(address.limitKey, now);
      if (limited !== undefined) {
        metrics.refused(limited.refusal);
        return void socket.destroy();
      }
      const traceId = newTraceId();
      const { status, body, headers = [] } = answerRefusal(refusal, '', now);
      // Now it would be taken for the answer to a whole request before, which is still being worked on.
      const answerIsDue = before?.request.complete && !before.response.writableFinished;
      if (!answerIsDue) socket.write(renderRawAnswer(status, String(body), ['x-trace-id', traceId, ...headers]));
      closeSoon(socket);
      metrics.refused(code);
      metrics.request(listenerLabel, 'none', status, 0);
      const line = { environment, listener, method: '', path: '', address: address.text, correlationId: undefined };
      log.request({ ...line, time: now, traceId, status, durationMs: 0, clientId: undefined, refusal: code });
      refusals.record({ ...line, traceId, occurredAt: now }, refusal);
    },
  };
}

/** The path of a request that has no route, fit for a log: without query, secrets or length. */
function rawPath(request: IncomingMessage): string {
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  return redactPath(path).slice(0, longestPath);
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
