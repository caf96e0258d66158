// When a call is over: by its answer, its time, a signal, or the end of the client.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ClientClosedError, TimeoutError } from './errors.js';
import { aPartnerClient, errorOf, startApi, stopLoopback, tokenReply } from './loopback-for-tests.js';
import type { ClientEvent } from './options.js';

afterEach(stopLoopback);

describe('the time of a call', () => {
  test('[SDK-58] is over when no answer comes', async () => {
    const api = await startApi({ answer: () => 'never' });
    const client = aPartnerClient(api);
    const get = await errorOf(client.get('/v1/x', { timeoutMs: 50 }));
    expect(get).toBeInstanceOf(TimeoutError);
    expect(get).toMatchObject({ kind: 'timeout', isRetryable: true, correlationId: expect.any(String) });
    expect(await errorOf(client.post('/v1/x', {}, { timeoutMs: 50 }))).toMatchObject({ isRetryable: false });
  });

  test('[SDK-58] is over when the answer does not end', async () => {
    const api = await startApi({
      answer: () => (response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.write('{"a":');
      },
    });
    expect(await errorOf(aPartnerClient(api).get('/v1/x', { timeoutMs: 50 }))).toBeInstanceOf(TimeoutError);
  });

  test('[SDK-58] counts the waiting for a token, which goes on for the others', async () => {
    let release: (() => void) | undefined;
    const api = await startApi({
      answerToken: async () => {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return tokenReply('late');
      },
    });
    const client = aPartnerClient(api);
    const patient = client.get('/v1/x');
    const error = await errorOf(client.post('/v1/x', {}, { timeoutMs: 50 }));
    expect(error).toMatchObject({ kind: 'timeout', isRetryable: true, message: expect.stringContaining('not sent') });
    release?.();
    await patient;
    expect(api.tokenRequests).toHaveLength(1);
    expect(api.calls).toHaveLength(1);
  });

  test('[SDK-58] is over while a server does not answer the handshake', { timeout: 5_000 }, async () => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const client = aPartnerClient({ url: `https://127.0.0.1:${port}` });
    const token = { value: 'given', expiresAt: new Date(), certificateThumbprint: null };
    for (const options of [{ timeoutMs: 50 }, { timeoutMs: 50, token }]) {
      expect(await errorOf(client.get('/v1/x', options))).toBeInstanceOf(TimeoutError);
    }
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  test('does not cover a stream once its headers are there', async () => {
    let finish: (() => void) | undefined;
    const api = await startApi({
      answer: () => (response) => {
        response.writeHead(200);
        response.write('a');
        finish = () => response.end('b');
      },
    });
    const client = aPartnerClient(api);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { body } = await client.get('/v1/x', { responseType: 'stream', timeoutMs: 5000 });
      vi.advanceTimersByTime(6000);
      finish?.();
      expect(Buffer.concat(await body.toArray()).toString()).toBe('ab');
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('an AbortSignal', () => {
  test('[SDK-59] that is aborted already sends nothing', async () => {
    const api = await startApi();
    const reason = new Error('not needed');
    expect(await errorOf(aPartnerClient(api).get('/v1/x', { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(api.tokenRequests).toHaveLength(0);
  });

  test('[SDK-59] ends the call with its reason, as it is', async () => {
    const controller = new AbortController();
    const reason = new Error('stop');
    const api = await startApi({
      answer: () => {
        controller.abort(reason);
        return 'never';
      },
    });
    expect(await errorOf(aPartnerClient(api).get('/v1/x', { signal: controller.signal }))).toBe(reason);
  });

  test('[SDK-59] of one who waits for a token does not end it for the others', async () => {
    const controller = new AbortController();
    let release: (() => void) | undefined;
    const api = await startApi({
      answerToken: async () => {
        controller.abort();
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return tokenReply('shared');
      },
    });
    const client = aPartnerClient(api);
    const first = errorOf(client.get('/v1/x', { signal: controller.signal }));
    const second = client.get('/v1/x');
    expect(await first).toMatchObject({ name: 'AbortError' });
    release?.();
    await second;
    expect(api.tokenRequests).toHaveLength(1);
  });

  test('[SDK-59] ends the waiting between attempts', async () => {
    const controller = new AbortController();
    const api = await startApi({ answer: () => ({ status: 503, headers: { 'retry-after': '9' } }) });
    const onEvent = ({ type }: ClientEvent) => type === 'retry' && controller.abort();
    const error = await errorOf(aPartnerClient(api, { onEvent }).get('/v1/x', { signal: controller.signal }));
    expect(error).toMatchObject({ name: 'AbortError' });
  });

  test('[SDK-59] ends a stream, and is not listened to for longer than the call', async () => {
    const api = await startApi({ answer: () => (response) => void response.writeHead(200).write('a') });
    const controller = new AbortController();
    const remove = vi.spyOn(controller.signal, 'removeEventListener');
    const { body } = await aPartnerClient(api).get('/v1/x', { responseType: 'stream', signal: controller.signal });
    const closed = once(body, 'close').catch(() => undefined);
    controller.abort();
    await expect(body.toArray()).rejects.toThrow();
    await closed;
    expect(remove).toHaveBeenCalled();
  });
});

test('[SDK-58] reload() and checkCertificate() end in time when a source hangs', { timeout: 5_000 }, async () => {
  const cert = () => new Promise<string>(() => undefined);
  const client = aPartnerClient({ url: 'https://127.0.0.1:9' }, { mtls: { cert, key: cert }, timeoutMs: 50 });
  for (const call of [client.checkCertificate(), client.reload(), client.token()]) {
    expect(await errorOf(call)).toMatchObject({ kind: 'timeout', mayHaveArrived: false });
  }
  await client.close({ timeoutMs: 0 });
});

describe('close()', () => {
  test('[SDK-61] lets running calls end, also those that still need a token, and refuses new ones', async () => {
    let release: (() => void) | undefined;
    const api = await startApi({
      answerToken: async () => {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return tokenReply('in-time');
      },
    });
    const client = aPartnerClient(api);
    const running = client.get('/v1/x');
    await vi.waitFor(() => expect(release).toBeDefined());
    const closing = client.close();
    expect(await errorOf(client.get('/v1/y'))).toBeInstanceOf(ClientClosedError);
    expect(await errorOf(client.token())).toBeInstanceOf(ClientClosedError);
    expect(await errorOf(client.fetch('/v1/y'))).toBeInstanceOf(ClientClosedError);
    release?.();
    expect((await running).status).toBe(200);
    await closing;
    expect(api.calls).toHaveLength(1);
  });

  test('[SDK-61] lets a stream be read to its end', async () => {
    let finish: (() => void) | undefined;
    const api = await startApi({
      answer: () => (response) => {
        response.writeHead(200).write('a');
        finish = () => response.end('b');
      },
    });
    const client = aPartnerClient(api);
    const { body } = await client.get('/v1/x', { responseType: 'stream' });
    const closing = client.close();
    finish?.();
    expect(Buffer.concat(await body.toArray()).toString()).toBe('ab');
    await closing;
  });

  test('[SDK-69] ends in bounded time: what still runs then is broken', { timeout: 5_000 }, async () => {
    const api = await startApi({
      answer: ({ target }) => (target === '/v1/never' ? 'never' : { body: 'x'.repeat(4e6) }),
    });
    const client = aPartnerClient(api);
    const unread = await client.fetch('/v1/big');
    const stream = await client.get('/v1/big', { responseType: 'stream' });
    stream.body.on('error', () => undefined);
    const running = errorOf(client.post('/v1/never', {}));
    await vi.waitFor(() => expect(api.calls).toHaveLength(3));
    await client.close({ timeoutMs: 20 });
    expect(await running).toMatchObject({ kind: 'connection', mayHaveArrived: true });
    await expect(unread.text()).rejects.toThrow();
  });

  test('[SDK-69] inside a job does not wait for that job for ever', { timeout: 5_000 }, async () => {
    const api = await startApi();
    const client = aPartnerClient(api);
    await client.job({ minimumRemainingSeconds: 1 }, async () => client.close({ timeoutMs: 20 }));
    expect(await errorOf(client.get('/v1/x'))).toBeInstanceOf(ClientClosedError);
  });

  test('[SDK-69] gives calls that wait for a token the reason', { timeout: 5_000 }, async () => {
    const api = await startApi({ answerToken: () => 'never' });
    const client = aPartnerClient(api);
    const waiting = errorOf(client.get('/v1/x'));
    await vi.waitFor(() => expect(api.tokenRequests).toHaveLength(1));
    await client.close({ timeoutMs: 0 });
    expect(await waiting).toBeInstanceOf(ClientClosedError);
  });

  test('with a time that is none is refused, and closes nothing', async () => {
    const api = await startApi();
    const client = aPartnerClient(api);
    expect(await errorOf(client.close({ timeoutMs: -1 }))).toMatchObject({ kind: 'configuration' });
    expect((await client.get('/v1/x')).status).toBe(200);
  });

  test('may be called again, and at the end of a block', async () => {
    const api = await startApi();
    const client = aPartnerClient(api);
    await client.get('/v1/x');
    await Promise.all([client.close(), client.close(), client[Symbol.asyncDispose]()]);
  });
});
