import { expect, test } from 'vitest';
import { startSurface } from '../../testing/wire-surface.js';
import { createInjectedFaults, type FaultEffect, type FaultWish, mostInjectedFaults } from './injected-faults.js';

const busy = { kind: 'answer', status: 503 } as const satisfies FaultEffect;

async function surfaceWith(...wishes: readonly (Partial<FaultWish> & Pick<FaultWish, 'effect'>)[]) {
  const faults = createInjectedFaults();
  for (const wish of wishes) faults.add('sandbox', { times: 1, ...wish });
  return { faults, ...(await startSurface({}, faults)) };
}

function basicOf(clientId: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${clientId}:secret`).toString('base64')}` };
}

test('a fault hits as many requests as it was asked for, and each has its line and its record', async () => {
  const { send, lines, recorded, metrics } = await surfaceWith({ effect: busy, times: 2 });
  const answers = [await send('/good'), await send('/open'), await send('/good')];
  expect(answers.map(({ status }) => status)).toEqual([503, 503, 200]);
  const [first] = answers;
  expect(first?.headers['x-refusal-code']).toBe('injected_fault');
  expect(JSON.parse(first?.text ?? '')).toMatchObject({ error: 'injected_fault' });
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    traceId: first?.headers['x-trace-id'],
    path: '/good',
    status: 503,
    refusal: 'injected_fault',
  });
  expect(recorded).toMatchObject([
    {
      request: { path: '/good', status: 503 },
      refusal: { refusal: 'injected_fault', seen: expect.stringContaining('1 of 2') },
    },
    { request: { path: '/open', status: 503 }, refusal: { seen: expect.stringContaining('2 of 2') } },
  ]);
  expect(metrics).toContainEqual(['refused', 'injected_fault']);
});

test('an answer is what was asked for: status, Retry-After, and a code or a body without a word of ours', async () => {
  const { send } = await surfaceWith(
    { effect: { kind: 'answer', status: 429, retryAfterSeconds: 7 } },
    { effect: { kind: 'answer', status: 401, code: 'invalid_token' } },
    { effect: { kind: 'answer', status: 422, body: { errors: ['é'] } } },
  );
  expect(await send('/good')).toMatchObject({ status: 429, headers: { 'retry-after': '7' } });
  const coded = await send('/good');
  expect(coded).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer realm="tollward"' } });
  expect(JSON.parse(coded.text)).toMatchObject({ error: 'invalid_token' });
  const own = await send('/good');
  expect([own.status, own.text]).toEqual([422, '{"errors":["é"]}']);
  for (const { headers } of [coded, own]) expect(headers).not.toHaveProperty('x-refusal-code');
});

test('method, path and client of HTTP Basic choose the requests', async () => {
  const { send, faults } = await surfaceWith({ effect: busy, method: 'POST', path: '/un', clientId: 'cli_1' });
  const post = (path: string, clientId: string) => send(path, { method: 'POST', headers: basicOf(clientId) });
  const others = [
    await send('/good', { headers: basicOf('cli_1') }),
    await post('/unread', 'cli_2'),
    await post('/unread', 'cli_11'),
    await send('/unread', { method: 'POST' }),
  ];
  expect(others.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(faults.list('sandbox')).toMatchObject([{ left: 1 }]);
  expect((await post('/unread', 'cli_1')).status).toBe(503);
  expect(faults.list('sandbox')).toEqual([]);
});

test('the oldest fault that matches comes first', async () => {
  const { send } = await surfaceWith(
    { effect: { kind: 'answer', status: 500 }, path: '/open' },
    { effect: { kind: 'answer', status: 502 } },
    { effect: { kind: 'answer', status: 504 } },
  );
  const paths = ['/good', '/open', '/open', '/open'];
  const statuses: number[] = [];
  for (const path of paths) statuses.push((await send(path)).status);
  expect(statuses).toEqual([502, 500, 504, 200]);
});

test('a reset cuts the connection before a byte of an answer', async () => {
  const { send, sendRaw, lines } = await surfaceWith({ effect: { kind: 'reset' } });
  expect(await sendRaw('GET /good HTTP/1.1\r\nHost: a\r\n\r\n')).toBe('');
  expect((await send('/good')).status).toBe(200);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ status: 499, refusal: 'injected_fault' });
});

test('no answer is silence: what follows on the connection is not read either', async () => {
  const { sendRaw, send, lines, ended } = await surfaceWith({ effect: { kind: 'no-answer' } });
  const request = 'GET /good HTTP/1.1\r\nHost: a\r\n\r\n';
  const silent = sendRaw(request + request, 'end');
  expect((await send('/good')).status).toBe(200);
  expect(await silent).toBe('');
  expect(lines.map((line) => JSON.parse(line) as { status: number }).map(({ status }) => status)).toEqual([499, 200]);
  expect(ended()).toBeGreaterThan(0);
});

test('a body that nobody reads ends the connection with the answer', async () => {
  const { sendRaw } = await surfaceWith({ effect: busy });
  const text = await sendRaw('POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab');
  expect(text).toMatch(/^HTTP\/1\.1 503 [\s\S]*connection: close/i);
});

test('limits of the address come first, and take no fault away', async () => {
  const faults = createInjectedFaults();
  faults.add('sandbox', { times: 1, effect: busy });
  const { send } = await startSurface({ requests: { perSecond: 0, perMinute: 0 } }, faults);
  expect((await send('/good')).headers['x-refusal-code']).toBe('address_rate_limited');
  expect(faults.list('sandbox')).toMatchObject([{ left: 1 }]);
});

test('the other environment has its own, there is a most of them, and all can be removed', () => {
  const faults = createInjectedFaults();
  for (let count = 0; count < mostInjectedFaults; count += 1) faults.add('sandbox', { times: 1, effect: busy });
  expect(faults.add('sandbox', { times: 1, effect: busy })).toBeUndefined();
  expect(faults.add('production', { times: 1, effect: busy })).toMatchObject({ left: 1 });
  expect([faults.clear('sandbox'), faults.clear('sandbox')]).toEqual([mostInjectedFaults, 0]);
  expect([faults.list('sandbox').length, faults.list('production').length]).toEqual([0, 1]);
});
