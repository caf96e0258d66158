import { describe, expect, test } from 'vitest';
import { findOpenTelemetry, type OpenTelemetry, openTracing, templateOf } from './tracing.js';

interface NotedSpan {
  readonly name: string;
  readonly kind: number;
  readonly attributes: Record<string, string | number>;
  status?: number;
  ended: number;
}

function aTelemetry(): { readonly api: OpenTelemetry; readonly spans: NotedSpan[] } {
  const spans: NotedSpan[] = [];
  const api: OpenTelemetry = {
    trace: {
      getTracer: () => ({
        startSpan: (name, { kind, attributes }) => {
          const noted: NotedSpan = { name, kind, attributes: { ...attributes }, ended: 0 };
          spans.push(noted);
          return {
            setAttribute: (key, value) => {
              noted.attributes[key] = value;
            },
            setStatus: ({ code }) => {
              noted.status = code;
            },
            end: () => {
              noted.ended += 1;
            },
          };
        },
      }),
      setSpan: (_, span) => ({ span }),
    },
    context: { active: () => ({}) },
    propagation: {
      inject: (context, carrier) => {
        carrier['traceparent'] = JSON.stringify(Object.keys(context as object));
        carrier['baggage'] = 'customer=7';
      },
    },
  };
  return { api, spans };
}

const request = { method: 'GET', origin: 'https://api.example.com:8443', path: '/v1/profiles/77001234' };

describe('tracing', () => {
  test('[SDK-62] makes a client span for each request, and sends its traceparent but no baggage', () => {
    const { api, spans } = aTelemetry();
    const span = openTracing(api)(request);
    expect(span.headers).toEqual({ traceparent: '["span"]' });
    span.end({ status: 200 });
    expect(spans).toEqual([
      {
        name: 'GET /v1/profiles/{id}',
        kind: 2,
        attributes: {
          'http.request.method': 'GET',
          'server.address': 'api.example.com',
          'url.path': '/v1/profiles/77001234',
          'http.response.status_code': 200,
        },
        ended: 1,
      },
    ]);
  });

  test.each([
    [{ status: 404 }, { 'http.response.status_code': 404 }],
    [{ error: 'TlsError' }, { 'error.type': 'TlsError' }],
  ])('marks %j as an error', (outcome, attributes) => {
    const { api, spans } = aTelemetry();
    openTracing(api)(request).end(outcome);
    expect(spans[0]).toMatchObject({ status: 2, ended: 1, attributes });
  });

  test('[SDK-62] that throws at any point disturbs no call', () => {
    const fail = (): never => {
      throw new Error('tracer');
    };
    const { api } = aTelemetry();
    const broken: OpenTelemetry[] = [
      { ...api, trace: { ...api.trace, getTracer: fail } },
      { ...api, trace: { ...api.trace, getTracer: () => ({ startSpan: fail }) } },
      { ...api, propagation: { inject: fail } },
      {
        ...api,
        trace: {
          ...api.trace,
          getTracer: () => ({ startSpan: () => ({ setAttribute: fail, setStatus: fail, end: fail }) }),
        },
      },
    ];
    for (const telemetry of broken) {
      const span = openTracing(telemetry)(request);
      expect(span.headers).toBeTypeOf('object');
      span.end({ status: 200 });
    }
  });

  test('sends no header that could not be sent', () => {
    const { api } = aTelemetry();
    const inject = (_: unknown, carrier: Record<string, string>) =>
      void Object.assign(carrier, { TraceParent: '00-1', 'x-note': 'a\nb', 'x y': 'c' });
    expect(openTracing({ ...api, propagation: { inject } })(request).headers).toEqual({ traceparent: '00-1' });
  });

  test('does nothing without the package', () => {
    const span = openTracing(undefined)(request);
    expect(span.headers).toEqual({});
    span.end({ status: 200 });
  });

  test('[SDK-62] finds the package of the application, which is there in this repository', () => {
    const found = findOpenTelemetry();
    expect(found).toBeDefined();
    // The real one, with nothing registered, changes nothing.
    const span = openTracing(found)(request);
    expect(span.headers).toEqual({});
    span.end({ status: 200 });
  });
});

test.each([
  ['/v1/profiles', '/v1/profiles'],
  ['/v1/profiles/1/quotes/2', '/v1/profiles/{id}/quotes/{id}'],
  ['/v3/quotes/11144c35-9fe8-4c32-b7fd-d05c2a7734bf', '/v3/quotes/{id}'],
  ['/2026Q3/profiles', '/2026Q3/profiles'],
])('the name of a span has no ids: %s is %s', (path, template) => {
  expect(templateOf(path)).toBe(template);
});
