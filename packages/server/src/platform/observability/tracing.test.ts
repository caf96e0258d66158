import { ProxyTracerProvider, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { expect, test } from 'vitest';
import { createMemoryTracerProvider } from '../../testing/memory-tracer.js';
import { openTracing, type TracedRequest, type Tracing } from './tracing.js';

const request: TracedRequest = {
  method: 'POST',
  route: '/oauth/token',
  path: '/oauth/token',
  status: 200,
  port: 8444,
  environment: 'sandbox',
  listener: 'api-mtls',
  traceId: 'ab'.repeat(16),
  clientId: `cli_${'0'.repeat(32)}`,
  refusal: undefined,
};
const receivedAt = 1_772_366_400_000;

function setUp() {
  const provider = createMemoryTracerProvider();
  const time = { monotonic: 50 };
  const tracing = openTracing(() => time.monotonic, provider);
  if (tracing === undefined) throw new Error('a provider that makes spans was not believed');
  return { tracing, time, ended: provider.ended };
}

/** A request with these steps after the edge, 2 ms each. */
function run(tracing: Tracing, time: { monotonic: number }, steps: readonly string[], seen: TracedRequest): void {
  const traced = tracing.begin(receivedAt, 'edge');
  for (const step of steps) {
    time.monotonic += 2;
    traced.enter(step);
  }
  time.monotonic += 2;
  traced.end(seen);
}

test('without an SDK there is no tracing', () => {
  expect(openTracing(() => 0)).toBeUndefined();
  expect(openTracing(() => 0, new ProxyTracerProvider())).toBeUndefined();
});

test('a request that is not sampled makes no spans for its steps', () => {
  const started: string[] = [];
  const dropped = trace.wrapSpanContext({
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    traceFlags: TraceFlags.NONE,
  });
  const startSpan = (name: string) => {
    started.push(name);
    return dropped;
  };
  const tracer = { startSpan, startActiveSpan: () => undefined };
  const tracing = openTracing(() => 0, { getTracer: () => tracer });
  if (tracing === undefined) throw new Error('a provider that samples nothing now may do so later');
  started.length = 0;
  run(tracing, { monotonic: 0 }, ['body', 'client'], request);
  expect(started).toEqual(['POST /oauth/token']);
});

test('a request is one server span with a child for each step, in their order and with their times', () => {
  const { tracing, time, ended } = setUp();
  run(tracing, time, ['body', 'client'], request);
  const server = ended.find(({ options }) => options.kind === SpanKind.SERVER);
  const steps = ended.filter((span) => span !== server);
  expect(server).toMatchObject({ name: 'POST /oauth/token', parentId: undefined, endedAt: receivedAt + 6 });
  expect(server?.options.startTime).toBe(receivedAt);
  expect(steps.map(({ name, options, endedAt }) => [name, options.startTime, endedAt])).toEqual([
    ['edge', receivedAt, receivedAt + 2],
    ['body', receivedAt + 2, receivedAt + 4],
    ['client', receivedAt + 4, receivedAt + 6],
  ]);
  expect(new Set(steps.map(({ parentId, traceId }) => `${parentId} ${traceId}`))).toEqual(
    new Set([`${server?.id} ${server?.traceId}`]),
  );
  expect(ended).toHaveLength(4);
});

test('a server span has the attributes of the conventions and ours, and none that is not known', () => {
  const { tracing, time, ended } = setUp();
  run(tracing, time, [], request);
  run(tracing, time, [], {
    ...request,
    method: 'BREW',
    route: undefined,
    path: '/tea',
    clientId: undefined,
    status: 404,
  });
  const servers = ended.filter(({ options }) => options.kind === SpanKind.SERVER);
  expect(servers[0]?.attributes).toEqual({
    'http.request.method': 'POST',
    'http.route': '/oauth/token',
    'http.response.status_code': 200,
    'url.scheme': 'https',
    'url.path': '/oauth/token',
    'server.port': 8444,
    'tollward.environment': 'sandbox',
    'tollward.listener': 'api-mtls',
    'tollward.trace.id': 'ab'.repeat(16),
    'tollward.client.id': `cli_${'0'.repeat(32)}`,
  });
  expect(servers[1]?.name).toBe('HTTP');
  expect(servers[1]?.attributes).toMatchObject({ 'http.request.method': '_OTHER', 'url.path': '/tea' });
  expect(Object.keys(servers[1]?.attributes ?? {})).not.toContain('http.route');
  expect(Object.keys(servers[1]?.attributes ?? {})).not.toContain('tollward.client.id');
});

test('a refusal is named on the request and on its last step, and is no error', () => {
  const { tracing, time, ended } = setUp();
  run(tracing, time, ['client'], { ...request, status: 401, refusal: 'client_authentication_failed' });
  const code = { 'tollward.refusal.code': 'client_authentication_failed' };
  const [edge, client, server] = ended;
  expect(edge?.attributes).toEqual({});
  expect(client?.attributes).toEqual(code);
  expect(server?.attributes).toMatchObject(code);
  expect(ended.map(({ status }) => status.code)).toEqual(Array(3).fill(SpanStatusCode.UNSET));
});

test('a fault is an error of the request and of the step it happened in', () => {
  const { tracing, time, ended } = setUp();
  run(tracing, time, ['standing'], { ...request, status: 503, refusal: 'temporarily_unavailable' });
  const [edge, standing, server] = ended;
  expect(edge?.status.code).toBe(SpanStatusCode.UNSET);
  expect(standing?.status.code).toBe(SpanStatusCode.ERROR);
  expect(server?.status.code).toBe(SpanStatusCode.ERROR);
  expect(server?.attributes['error.type']).toBe('temporarily_unavailable');
});
