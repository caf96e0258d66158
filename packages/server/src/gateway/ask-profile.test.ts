import { expect, onTestFinished, test } from 'vitest';
import { createUpstreamPools } from '../platform/upstreams/upstream-pools.js';
import { isRefusal } from '../refusals/index.js';
import { startRawUpstream } from '../testing/raw-upstream.js';
import { createProfileQuestion } from './ask-profile.js';
import type { Policy } from './policy/policy.js';
import { createRouteTable } from './policy/route-table.js';

const seconds = { connectSeconds: 1, answerSeconds: 1, idleSeconds: 1 };
const money = { name: 'money', url: undefined, ca: undefined, requestHeaders: [], ...seconds, maximumConnections: 4 };
const policy: Policy = {
  upstreams: new Map([['money', money]]),
  profiles: { upstream: 'money', path: '/internal/profiles/{profileId}' },
  routes: [],
};

async function startQuestion() {
  const server = await startRawUpstream();
  const upstreams = createUpstreamPools({
    urlOf: () => server.url,
    monotonic: () => 0,
    onAnswered: () => undefined,
    onProblem: () => undefined,
  });
  onTestFinished(async () => {
    await upstreams.destroy();
    await server.close();
  });
  const ask = createProfileQuestion({
    policies: { of: () => ({ policy, routes: createRouteTable(policy) }), reload: async () => undefined },
    upstreams,
    assertions: { of: () => 'of a caller', ofTollward: (...values) => JSON.stringify(values) },
    clock: () => 17,
    newTraceId: () => 'f'.repeat(32),
  });
  return { server, ask };
}

/** What is made of an answer to the question for 77001234. */
async function answered(status: number, body: string) {
  const { server, ask } = await startQuestion();
  const asked = ask('sandbox', '77001234');
  const connection = await server.next();
  await connection.until(/\r\n\r\n/);
  connection.answer(status, body);
  const found = await asked;
  return { found, request: connection.received() };
}

test('a profile is asked for with an assertion of our own, and its facts are found', async () => {
  const { found, request } = await answered(200, '{"id":77001234,"country":"EE","clientId":"cli_1","more":1}');
  expect(found).toEqual({ id: '77001234', country: 'EE', clientId: 'cli_1' });
  expect(request).toMatch(/^GET \/internal\/profiles\/77001234 HTTP\/1\.1\r\n/);
  expect(request).toContain('\r\ntollward-assertion: ["sandbox","money",17]\r\n');
  expect(request).toContain(`\r\nx-trace-id: ${'f'.repeat(32)}\r\n`);
});

test('nobody made a profile: that is a fact too', async () => {
  const { found } = await answered(200, '{"id":77001234,"country":"EE","clientId":null}');
  expect(found).toEqual({ id: '77001234', country: 'EE', clientId: null });
});

test('a profile that the upstream does not know is unknown', async () => {
  expect((await answered(404, 'whatever')).found).toBe('unknown');
});

test.each([
  ['another profile', 200, '{"id":77001235,"country":"EE","clientId":null}'],
  ['no id', 200, '{"country":"EE","clientId":null}'],
  ['no country', 200, '{"id":77001234,"clientId":null}'],
  ['a country that is none', 200, '{"id":77001234,"country":"Estonia","clientId":null}'],
  ['nothing of who made it', 200, '{"id":77001234,"country":"EE"}'],
  ['a maker that is no text', 200, '{"id":77001234,"country":"EE","clientId":1}'],
  ['no JSON', 200, 'EE'],
  ['null', 200, 'null'],
  ['a list', 200, '[]'],
  ['too much', 200, `{"id":77001234,"country":"EE","clientId":null,"more":"${'x'.repeat(20_000)}"}`],
  ['another status', 201, '{"id":77001234,"country":"EE","clientId":null}'],
  ['a refusal', 403, '{"id":77001234,"country":"EE","clientId":null}'],
])('an answer with %s gives no facts', async (_name, status, body) => {
  const { found } = await answered(status, body);
  expect(found).toMatchObject({ refusal: 'upstream_unreachable', step: 'policy' });
});

test('[GW-32] no answer, and nobody to ask, are refusals of a request that was not sent', async () => {
  const { server, ask } = await startQuestion();
  const asked = ask('sandbox', '77001234');
  const connection = await server.next();
  connection.reset();
  expect(await asked).toMatchObject({ refusal: 'upstream_unreachable', seen: 'a connection that was reset' });
  await server.close();
  const found = await ask('sandbox', '77001234');
  expect(found).toMatchObject({ refusal: 'upstream_unreachable' });
  expect(found !== 'unknown' && isRefusal(found) && found.seen).not.toContain('127.0.0.1');
});
