// Spans of a whole server, as a collector sees them.

import { SpanKind, trace } from '@opentelemetry/api';
import { afterAll, beforeEach, expect, test } from 'vitest';
import {
  aClient,
  aToken,
  basic,
  type CallAnswer,
  call,
  callPlayground,
  endCertificate,
  explain,
  identityOf,
  requestToken,
  startTestServer,
} from '../../testing/index.js';
import { createMemoryTracerProvider, type SeenSpan } from '../../testing/memory-tracer.js';

// Started before there is anybody to collect.
const untraced = await startTestServer();
const provider = createMemoryTracerProvider();
trace.setGlobalTracerProvider(provider);
const server = await startTestServer();
afterAll(async () => {
  trace.disable();
  await server.stop();
  await untraced.stop();
});
beforeEach(() => provider.clear());

const client = await aClient(server);

interface SeenRequest {
  readonly span: SeenSpan;
  readonly steps: readonly string[];
}

/** The one request that was made since the last look. */
function seen(): SeenRequest {
  const servers = provider.ended.filter(({ options }) => options.kind === SpanKind.SERVER);
  const [span] = servers;
  if (span === undefined || servers.length !== 1) throw new Error(`${servers.length} requests instead of one`);
  const steps = provider.ended.filter(({ parentId }) => parentId === span.id);
  expect(steps.length).toBe(provider.ended.length - 1);
  provider.clear();
  return { span, steps: steps.map(({ name }) => name) };
}

test('a token request takes the steps of its list', async () => {
  const { headers } = await requestToken(server, client);
  const { span, steps } = seen();
  expect(steps).toEqual(['edge', 'body', 'client', 'peer', 'rate', 'grant']);
  expect(span.name).toBe('POST /oauth/token');
  expect(span.attributes).toMatchObject({
    'http.route': '/oauth/token',
    'http.response.status_code': 200,
    'server.port': Number(new URL(server.urlOf('sandbox', 'api-mtls')).port),
    'tollward.environment': 'sandbox',
    'tollward.listener': 'api-mtls',
    'tollward.client.id': client.clientId,
    'tollward.trace.id': headers['x-trace-id'],
  });
});

test('a protected call takes the steps of its list', async () => {
  const token = await aToken(server, client);
  provider.clear();
  await callPlayground(server, client, token);
  expect(seen()).toMatchObject({
    span: { name: 'GET /v1/authenticated/playground' },
    steps: ['edge', 'token', 'standing', 'binding', 'rate', 'policy', 'sca', 'answer'],
  });
});

test('a request about a token takes the steps of a token request, and answers', async () => {
  const token = await aToken(server, client);
  for (const path of ['/oauth/introspect', '/oauth/revoke']) {
    provider.clear();
    await requestToken(server, client, { path, body: `token=${token}` });
    const { span, steps } = seen();
    expect(span.name).toBe(`POST ${path}`);
    expect(steps).toEqual(['edge', 'body', 'client', 'peer', 'rate', 'answer']);
  }
});

test('the last step of a refused request is the one that refused', async () => {
  const doomed = await aClient(server);
  const slow = await aClient(server, { policy: { limits: { perSecond: 1, perMinute: 1 } } });
  const [token, doomedToken, slowToken] = [
    await aToken(server, client),
    await aToken(server, doomed),
    await aToken(server, slow),
  ];
  await endCertificate(server, identityOf(doomed));
  const cases: Record<string, () => Promise<CallAnswer>> = {
    edge: () => call(server, { path: '/nothing' }),
    body: () => requestToken(server, client, { body: 'a=1&a=2' }),
    client: () => requestToken(server, client, { headers: { authorization: basic(client.clientId, 'x') } }),
    peer: () => requestToken(server, client, { identity: null }),
    rate: () => callPlayground(server, slow, slowToken),
    grant: () => requestToken(server, client, { body: 'grant_type=password' }),
    token: () => callPlayground(server, client, 'x'),
    standing: () => callPlayground(server, doomed, doomedToken),
    binding: () => callPlayground(server, client, token, { identity: null }),
  };
  for (const [step, send] of Object.entries(cases)) {
    provider.clear();
    const answer = await send();
    const { span, steps } = seen();
    expect(steps.at(-1), step).toBe(step);
    const failed = (await explain(server, answer))?.steps.find(({ outcome }) => outcome === 'failed');
    expect(failed?.name).toBe(step);
    expect(span.attributes['tollward.refusal.code'], step).toBe(answer.headers['x-refusal-code']);
  }
});

test('nobody outside chooses the trace of a request', async () => {
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  await requestToken(server, client, {
    headers: { traceparent, tracestate: 'x=1', b3: `${'a'.repeat(32)}-${'b'.repeat(16)}-1` },
  });
  const { span } = seen();
  expect(span.parentId).toBeUndefined();
  expect(span.traceId).not.toBe('a'.repeat(32));
  expect(span.options.links).toBeUndefined();
});

test('no span holds what a caller sent, or a secret of ours', async () => {
  const token = await aToken(server, client);
  const mark = 'kept-away-from-spans';
  const headers = {
    'x-external-correlation-id': mark,
    'user-agent': mark,
    cookie: `a=${mark}`,
    'x-forwarded-for': mark,
  };
  await requestToken(server, client, { headers });
  await callPlayground(server, client, token, { headers });
  await callPlayground(server, client, `${token}x`);
  await requestToken(server, client, { body: `client_secret=${client.secret}&${mark}=1` });
  await requestToken(server, client, { headers: { authorization: basic(client.secret, token) } });
  await call(server, { path: `/v1/${client.secret}?${mark}`, headers });
  await call(server, { path: `/oauth/token?access_token=${token}`, method: 'POST' });
  const text = JSON.stringify(provider.ended);
  for (const secret of [client.secret.slice(11, 31), token.slice(11, 31), mark, '127.0.0.1']) {
    expect(text).not.toContain(secret);
  }
  // The search would find something: the path of the unknown route is there, without its secret.
  expect(text).toContain('/v1/tlw_sbx_cs_');
});

test('without a provider at the start no span is ever made', async () => {
  const other = await aClient(untraced);
  await aToken(untraced, other);
  expect(provider.ended).toEqual([]);
});
