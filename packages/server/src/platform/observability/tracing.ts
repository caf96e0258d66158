// Spans through the OpenTelemetry API, named by its HTTP semantic conventions. Tollward brings no SDK: an operator loads one
// with `node --import`. Without it there is no `Tracing`, and a request pays for nothing.

import {
  type Attributes,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import type { Environment, RefusalCode } from '@tollward/protocol';

export interface Tracing {
  begin(receivedAt: number, firstStep: string): RequestTrace;
}

/** One request on its way. Its steps run one after the other, so there is one of them at a time. */
export interface RequestTrace {
  /** This step runs from now on, and the one before it is over. */
  enter(step: string): void;
  end(request: TracedRequest): void;
}

/** What a span says of a request. No header, no parameter, no address: spans often leave the house. */
export interface TracedRequest {
  readonly method: string;
  /** Undefined when there is none of that path. */
  readonly route: string | undefined;
  /** Without query, secrets cut out. */
  readonly path: string;
  readonly status: number;
  readonly port: number | undefined;
  readonly environment: Environment;
  readonly listener: string;
  readonly traceId: string;
  readonly clientId: string | undefined;
  readonly refusal: RefusalCode | undefined;
}

interface StepStart {
  readonly step: string;
  readonly at: number;
}

/** The methods that the conventions know; a span names any other `_OTHER`. */
const knownMethods: ReadonlySet<string> = new Set([
  'CONNECT',
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'POST',
  'PUT',
  'TRACE',
]);

/** Undefined when nobody collects spans. An SDK has to be registered before. */
export function openTracing(
  monotonic: () => number,
  provider: TracerProvider = trace.getTracerProvider(),
): Tracing | undefined {
  const tracer = provider.getTracer('tollward');
  // Never ended, so no exporter sees it. A sampled-out span has a valid context too; only the one of no SDK has none.
  if (!isSpanContextValid(tracer.startSpan('probe', {}, ROOT_CONTEXT).spanContext())) return undefined;

  /**
   * All spans are made when the request is over, from the times of its steps: a sampler then sees route and status, and what
   * happens between two steps is no business of an exporter. A root always: a partner's `traceparent` is not ours to believe.
   */
  const report = (request: TracedRequest, startedAt: number, steps: readonly StepStart[], endedAt: number): void => {
    const { method, route, status, refusal } = request;
    const name = knownMethods.has(method) ? method : 'HTTP';
    const span = tracer.startSpan(
      route === undefined ? name : `${name} ${route}`,
      { kind: SpanKind.SERVER, startTime: startedAt, attributes: describe(request) },
      ROOT_CONTEXT,
    );
    // Not sampled: its steps would not be either.
    if (!span.isRecording()) return;
    // A refusal is not an error of the server.
    const failed = status >= 500 ? { code: SpanStatusCode.ERROR } : undefined;
    if (failed) span.setStatus(failed);
    const inside = trace.setSpan(ROOT_CONTEXT, span);
    for (const [index, { step, at }] of steps.entries()) {
      const next = steps[index + 1];
      const child = tracer.startSpan(step, { startTime: at }, inside);
      if (next === undefined && refusal !== undefined) child.setAttribute('tollward.refusal.code', refusal);
      if (next === undefined && failed) child.setStatus(failed);
      child.end(next?.at ?? endedAt);
    }
    span.end(endedAt);
  };

  return {
    begin: (receivedAt, firstStep) => {
      // The clock may be set while the request runs; the time of its steps is the monotonic one.
      const offset = receivedAt - monotonic();
      const steps: StepStart[] = [{ step: firstStep, at: receivedAt }];
      return {
        enter: (step) => void steps.push({ step, at: monotonic() + offset }),
        end: (request) => report(request, receivedAt, steps, monotonic() + offset),
      };
    },
  };
}

function describe(request: TracedRequest): Attributes {
  const { method, route, status, refusal, clientId, port } = request;
  return {
    'http.request.method': knownMethods.has(method) ? method : '_OTHER',
    'http.response.status_code': status,
    'url.scheme': 'https',
    'url.path': request.path,
    'tollward.environment': request.environment,
    'tollward.listener': request.listener,
    'tollward.trace.id': request.traceId,
    ...(route !== undefined && { 'http.route': route }),
    ...(port !== undefined && { 'server.port': port }),
    ...(clientId !== undefined && { 'tollward.client.id': clientId }),
    ...(refusal !== undefined && { 'tollward.refusal.code': refusal }),
    ...(status >= 500 && { 'error.type': refusal ?? String(status) }),
  };
}
