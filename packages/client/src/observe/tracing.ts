// OpenTelemetry, when the application has `@opentelemetry/api`: a client span for each request that is sent, by the semantic conventions
// for HTTP. Without it nothing happens. The package is looked up and never imported, so that it stays optional.

import { createRequire } from 'node:module';
import { isSendable, isToken } from '../request/header-values.js';

/** As much of `@opentelemetry/api` 1.x as is used here. */
export interface OpenTelemetry {
  readonly trace: {
    getTracer(name: string): { startSpan(name: string, options: SpanOptions, context: unknown): Span };
    setSpan(context: unknown, span: Span): unknown;
  };
  readonly context: { active(): unknown };
  readonly propagation: { inject(context: unknown, carrier: Record<string, string>): void };
}

interface SpanOptions {
  readonly kind: number;
  readonly attributes: Readonly<Record<string, string | number>>;
}

interface Span {
  setAttribute(name: string, value: string | number): unknown;
  setStatus(status: { readonly code: number }): unknown;
  end(): void;
}

export interface RequestSpan {
  /** To be sent with the request. */
  readonly headers: Readonly<Record<string, string>>;
  /** To be called once, with the status of the answer or the name of the error. */
  end(outcome: { readonly status: number } | { readonly error: string }): void;
}

export type StartSpan = (request: {
  readonly method: string;
  readonly origin: string;
  readonly path: string;
}) => RequestSpan;

/** As without the package. */
const noSpan: RequestSpan = { headers: {}, end: () => undefined };

const clientKind = 2;
const errorStatus = 2;

/** The API of the application that this package is installed in. */
export function findOpenTelemetry(): OpenTelemetry | undefined {
  try {
    const found: unknown = createRequire(import.meta.url)('@opentelemetry/api');
    return isOpenTelemetry(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

function isOpenTelemetry(found: unknown): found is OpenTelemetry {
  return (
    typeof found === 'object' && found !== null && 'trace' in found && 'context' in found && 'propagation' in found
  );
}

/** A tracer that throws must not break the call that it watches. */
export function openTracing(api: OpenTelemetry | undefined): StartSpan {
  const startSpan = api === undefined ? undefined : unlessItThrows(() => startSpans(api));
  return (request) => {
    const span = unlessItThrows(() => startSpan?.(request)) ?? noSpan;
    return { headers: span.headers, end: (outcome) => unlessItThrows(() => span.end(outcome)) };
  };
}

function unlessItThrows<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function startSpans(api: OpenTelemetry): StartSpan {
  const tracer = api.trace.getTracer('@tollward/client');
  return ({ method, origin, path }) => {
    const active = api.context.active();
    const attributes = {
      'http.request.method': method,
      'server.address': new URL(origin).hostname,
      'url.path': path,
    };
    const span = tracer.startSpan(`${method} ${templateOf(path)}`, { kind: clientKind, attributes }, active);
    const carrier: Record<string, string> = {};
    api.propagation.inject(api.trace.setSpan(active, span), carrier);
    return {
      headers: sendableOf(carrier),
      end: (outcome) => {
        if ('status' in outcome) span.setAttribute('http.response.status_code', outcome.status);
        else span.setAttribute('error.type', outcome.error);
        if (!('status' in outcome) || outcome.status >= 400) span.setStatus({ code: errorStatus });
        span.end();
      },
    };
  };
}

function sendableOf(carrier: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(carrier)
    .map(([name, value]): [string, string] => [name.toLowerCase(), String(value)])
    // Baggage is what an application tells its own parts; it is not for another company.
    .filter(([name, value]) => name !== 'baggage' && isToken(name) && isSendable(value));
  return Object.fromEntries(entries);
}

/** A path with its numbers and UUIDs as `{id}`: names of spans have to be few. */
export function templateOf(path: string): string {
  return path.replaceAll(/\/(?:\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=\/|$)/gi, '/{id}');
}
