import { gunzipSync } from 'node:zlib';
import type { Environment } from '@tollward/protocol';
import { expect, test } from 'vitest';
import { type Policy, parsePolicy } from '../../gateway/index.js';
import { isRefusal } from '../../refusals/index.js';
import type { Exchange } from './exchange.js';
import { createOpenApiRoute } from './openapi.js';
import type { RequestHead } from './request-head.js';

const noRoutes: Pick<Policy, 'routes'> = { routes: [] };

function policyOf(text: string): Pick<Policy, 'routes'> {
  const parsed = parsePolicy(text, 'test.yaml', 'sandbox');
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  return parsed.policy;
}

/** The route over policies that a test may replace. */
function openRoute() {
  const policies = { sandbox: noRoutes, production: noRoutes };
  const route = createOpenApiRoute({
    urlOf: (environment, listener) => `https://${listener}.${environment}.example`,
    policies: { of: (environment) => ({ policy: policies[environment] }) },
  });
  const ask = async (environment: Environment, acceptsGzip = false, known?: string) => {
    // The route looks at no more than this of a request.
    const exchange = { environment, request: { headers: { 'if-none-match': known } } } as unknown as Exchange;
    const answer = await route.handle(exchange, { acceptsGzip } as RequestHead);
    if (isRefusal(answer)) throw new Error(answer.refusal);
    const headers = new Map<string, string>();
    for (let index = 0; index < (answer.headers?.length ?? 0); index += 2) {
      headers.set(answer.headers?.[index] ?? '', answer.headers?.[index + 1] ?? '');
    }
    return { status: answer.status, body: Buffer.from(answer.body), headers };
  };
  return { policies, ask };
}

test('names the hosts of its own environment', async () => {
  const { ask } = openRoute();
  const { servers } = JSON.parse(String((await ask('production')).body));
  expect(servers.map(({ url }: { url: string }) => url)).toEqual([
    'https://api.production.example',
    'https://api-mtls.production.example',
  ]);
});

test('is the same document packed, for who accepts gzip', async () => {
  const { ask } = openRoute();
  const [plain, packed] = [await ask('sandbox'), await ask('sandbox', true)];
  expect(plain.headers.has('content-encoding')).toBe(false);
  expect(packed.headers.get('content-encoding')).toBe('gzip');
  expect(gunzipSync(packed.body).equals(plain.body)).toBe(true);
  expect(packed.headers.get('etag')).toBe(plain.headers.get('etag'));
});

test('answers 304 to who has this document, and the whole to who has another', async () => {
  const { ask } = openRoute();
  const etag = (await ask('sandbox')).headers.get('etag') ?? '';
  expect((await ask('sandbox', false, etag)).status).toBe(304);
  expect((await ask('sandbox', true, `W/"other", ${etag}`)).status).toBe(304);
  expect((await ask('sandbox', false, 'W/"other"')).status).toBe(200);
  expect((await ask('production', false, etag)).status).toBe(200);
});

test('describes the policy in force, and another one once that is in force', async () => {
  const { ask, policies } = openRoute();
  const before = await ask('sandbox');
  policies.sandbox = policyOf(`
version: 1
upstreams: { things: {} }
routes:
  GET /v1/things: { summary: List things, tokens: [user], upstream: things }
`);
  const after = await ask('sandbox');
  expect(JSON.parse(String(before.body)).paths).not.toHaveProperty('/v1/things');
  expect(JSON.parse(String(after.body)).paths).toHaveProperty('/v1/things');
  expect(after.headers.get('etag')).not.toBe(before.headers.get('etag'));
});
