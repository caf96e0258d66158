// What a caller is told after a failure, so that nobody pays twice: whether it may have been carried out, and with which key to repeat it.

import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { aPartnerClient, errorOf, invalidToken, startApi, stopLoopback, tokenReply } from './loopback-for-tests.js';

afterEach(stopLoopback);

const quick = { retry: { maximumDelayMs: 1 } };
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const token = { value: 'given', expiresAt: new Date(), certificateThumbprint: null };

const failures = [
  ['503', { status: 503 }],
  ['a broken connection', 'reset'],
] as const;

describe('[SDK-67] a key that was made', () => {
  test.each(failures)('is named by the failure, which is not to be repeated after %s', async (_, failure) => {
    const api = await startApi({ answer: () => failure });
    const error = await errorOf(aPartnerClient(api, quick).post('/v1/pay', {}, { idempotencyKey: true }));
    expect(error).toMatchObject({ isRetryable: false, idempotencyKey: expect.stringMatching(uuid) });
    const { idempotencyKey } = error as { idempotencyKey: string };
    expect(api.calls.map(({ headers }) => headers['x-idempotence-uuid'])).toEqual(Array(3).fill(idempotencyKey));
  });

  test('is named by the failure when no answer comes', async () => {
    const api = await startApi({ answer: () => 'never' });
    const call = aPartnerClient(api).post('/v1/pay', {}, { idempotencyKey: true, timeoutMs: 50 });
    expect(await errorOf(call)).toMatchObject({
      kind: 'timeout',
      isRetryable: false,
      mayHaveArrived: true,
      idempotencyKey: expect.stringMatching(uuid),
    });
  });

  test('is named by the answer', async () => {
    const api = await startApi();
    const { idempotencyKey } = await aPartnerClient(api).post('/v1/pay', {}, { idempotencyKey: true });
    expect(idempotencyKey).toBe(api.calls[0]?.headers['x-idempotence-uuid']);
  });

  test('may be replaced when nothing was sent, or it was refused', async () => {
    const refused = await startApi({ answer: () => ({ status: 429 }) });
    for (const { url } of [refused, { url: 'http://127.0.0.1:9' }]) {
      const call = aPartnerClient({ url }, quick).post('/v1/pay', {}, { idempotencyKey: true, token });
      expect(await errorOf(call)).toMatchObject({ isRetryable: true });
    }
  });
});

test.each(failures)('[SDK-67] a key of the caller is good for the next call after %s', async (_, failure) => {
  const api = await startApi({ answer: () => failure });
  expect(await errorOf(aPartnerClient(api, quick).post('/v1/pay', {}, { idempotencyKey: 'pay-7' }))).toMatchObject({
    isRetryable: true,
    idempotencyKey: 'pay-7',
  });
});

test('[SDK-67] a failure before sending does not hide that an attempt before may have been carried out', async () => {
  const refusals = [{ status: 429 }, invalidToken] as const;
  for (const refusal of refusals) {
    const api = await startApi({
      answer: (_, count) => (count === 0 ? 'reset' : refusal),
      answerToken: (_, count) => (count === 0 ? tokenReply('first') : { status: 400, body: { error: 'x' } }),
    });
    const call = aPartnerClient(api, quick).post('/v1/pay', {}, { idempotencyKey: true });
    expect(await errorOf(call)).toMatchObject({ isRetryable: false, idempotencyKey: expect.stringMatching(uuid) });
  }
});

describe('[SDK-15] what was not sent is not said to be', () => {
  /** Takes connections, and says nothing on them. */
  async function aMuteServer(): Promise<string> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test('when the handshake hangs', async () => {
    const client = aPartnerClient({ url: await aMuteServer() }, { timeoutMs: 50 });
    const expected = { kind: 'timeout', mayHaveArrived: false, isRetryable: true };
    expect(await errorOf(client.post('/v1/pay', {}, { token }))).toMatchObject(expected);
    await client.close({ timeoutMs: 0 });
  });

  test('[SDK-68] when the token request breaks', async () => {
    const api = await startApi({ answerToken: () => 'reset' });
    const client = aPartnerClient(api, quick);
    const calls = [() => client.post('/v1/pay', {}), () => client.fetch('/v1/pay', { method: 'POST', body: '{}' })];
    for (const call of calls) {
      expect(await errorOf(call())).toMatchObject({
        kind: 'connection',
        mayHaveArrived: false,
        isRetryable: true,
        message: expect.stringContaining('While getting a token'),
      });
    }
    expect(api.calls).toHaveLength(0);
  });

  test('but what the server took and did not answer is', async () => {
    const api = await startApi({ answer: () => 'never' });
    const client = aPartnerClient(api, { timeoutMs: 50 });
    await client.token();
    const expected = { kind: 'timeout', mayHaveArrived: true, isRetryable: false };
    expect(await errorOf(client.post('/v1/pay', {}))).toMatchObject(expected);
    expect(await errorOf(client.fetch('/v1/pay', { method: 'POST', body: '{}' }))).toMatchObject(expected);
  });
});
