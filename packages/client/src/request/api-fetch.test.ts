import { inspect } from 'node:util';
import { FormData, type RequestInit, Response } from 'undici';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { TimeoutError } from '../errors.js';
import { aPartnerClient, errorOf, invalidToken, startApi, stopLoopback } from '../loopback-for-tests.js';
import type { ClientEvent } from '../options.js';

afterEach(stopLoopback);

describe('client.fetch', () => {
  test('[SDK-63] is fetch with a token and a correlation id, by path or by URL', async () => {
    const api = await startApi({ answer: () => ({ status: 201, body: { id: 7 } }) });
    const { fetch } = aPartnerClient(api);
    const response = await fetch('/v1/quotes?x=1', { method: 'POST', body: '{}', headers: { 'x-note': 'n' } });
    expect(response).toBeInstanceOf(Response);
    expect([response.status, await response.json()]).toEqual([201, { id: 7 }]);
    await fetch(new URL('/v1/quotes', api.url));
    expect(api.calls.map(({ method, target }) => [method, target])).toEqual([
      ['POST', '/v1/quotes?x=1'],
      ['GET', '/v1/quotes'],
    ]);
    expect(api.calls[0]?.headers).toMatchObject({ authorization: 'Bearer token-1', 'x-note': 'n' });
    expect(api.calls[0]?.headers['x-external-correlation-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('resolves for every status, and follows no redirect', async () => {
    const api = await startApi({
      answer: (_, count) => ({ status: [500, 403, 302][count] ?? 200, headers: { location: '/' } }),
    });
    const { fetch } = aPartnerClient(api);
    for (const status of [500, 403, 302]) expect((await fetch('/v1/x', { redirect: 'follow' })).status).toBe(status);
    expect(api.calls).toHaveLength(3);
  });

  test('[SDK-37] goes to no other host, and takes no token of others', async () => {
    const api = await startApi();
    const { fetch } = aPartnerClient(api);
    for (const input of ['https://evil.example/', '//evil.example/', new URL('https://evil.example/')]) {
      expect(await errorOf(fetch(input))).toMatchObject({ kind: 'configuration' });
    }
    expect(await errorOf(fetch('/v1/x', { headers: { Authorization: 'Bearer x' } }))).toMatchObject({
      kind: 'configuration',
    });
    expect(await errorOf(fetch(new Request(api.url) as unknown as URL))).toMatchObject({ kind: 'configuration' });
    expect(api.calls).toHaveLength(0);
  });

  test('[SDK-51] sends once more with a new token after invalid_token, with the same correlation id', async () => {
    const api = await startApi({ answer: (_, count) => (count === 0 ? invalidToken : { body: 'ok' }) });
    const response = await aPartnerClient(api).fetch('/v1/x', { method: 'POST', body: new Uint8Array([97]) });
    expect(await response.text()).toBe('ok');
    expect(api.calls.map(({ body, headers }) => [body, headers.authorization])).toEqual([
      ['a', 'Bearer token-1'],
      ['a', 'Bearer token-2'],
    ]);
    expect(new Set(api.calls.map(({ headers }) => headers['x-external-correlation-id'])).size).toBe(1);
  });

  test('[SDK-51] does not send a stream twice: its refusal is the answer, and the next call has a new token', async () => {
    const api = await startApi({ answer: (_, count) => (count === 0 ? invalidToken : { body: {} }) });
    const { fetch } = aPartnerClient(api);
    const body = new Blob(['a']).stream() as ReadableStream<Uint8Array>;
    const response = await fetch('/v1/x', { method: 'POST', body, duplex: 'half' });
    expect([response.status, await response.json()]).toEqual([
      401,
      { error: 'invalid_token', error_description: 'Invalid token' },
    ]);
    await fetch('/v1/x');
    expect(api.calls.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  test('[SDK-52] hides the token in a 401 that repeats it', async () => {
    const api = await startApi({ answer: ({ headers }) => ({ status: 401, body: `bad ${headers.authorization}` }) });
    expect(await (await aPartnerClient(api).fetch('/v1/x')).text()).toBe('bad Bearer ***');
  });

  test.each([
    ['undici', () => new FormData()],
    ['Node', () => new globalThis.FormData()],
  ])('[SDK-63] sends the fields of a FormData of %s', async (_, make) => {
    const api = await startApi();
    const form = make();
    form.append('note', 'hello');
    form.append('file', new Blob(['content'], { type: 'text/plain' }), 'a.txt');
    await aPartnerClient(api).fetch('/v1/files', { method: 'POST', body: form as FormData });
    const [call] = api.calls;
    expect(call?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/);
    expect(call?.body).toMatch(/name="note"\r\n\r\nhello\r\n/);
    expect(call?.body).toMatch(/name="file"; filename="a.txt"\r\nContent-Type: text\/plain\r\n\r\ncontent\r\n/);
  });

  test('fails with the errors of the package, and the reason of a signal', async () => {
    const api = await startApi({ answer: ({ target }) => (target === '/v1/reset' ? 'reset' : 'never') });
    const client = aPartnerClient(api, { timeoutMs: 50 });
    expect(await errorOf(client.fetch('/v1/reset'))).toMatchObject({ kind: 'connection', mayHaveArrived: true });
    expect(await errorOf(client.fetch('/v1/x'))).toBeInstanceOf(TimeoutError);
    const reason = new Error('stop');
    expect(await errorOf(client.fetch('/v1/x', { signal: AbortSignal.abort(reason) }))).toBe(reason);
  });

  test.each<[string, RequestInit]>([
    ['a GET with a body', { body: 'x' }],
    ['a method that is not known', { method: 'TRACE' }],
    ['a stream without duplex', { method: 'POST', body: new Blob(['a']).stream() as ReadableStream<Uint8Array> }],
    ['a header that could end its line', { headers: { 'x-note': 'evil\r\nx: y' } }],
    ['a value beyond ASCII', { headers: { 'x-note': 'evil \u00fc' } }],
    ['a header of the connection', { headers: { 'content-length': '9' } }],
    ['an empty correlation id', { headers: { 'x-external-correlation-id': '' } }],
    ['an empty key', { headers: { 'x-idempotence-uuid': '' } }],
    ['a signal that is none', { signal: {} as AbortSignal }],
    ['a mode that is not known', { mode: 'unknown' as 'cors' }],
  ])('[SDK-63] refuses %s before anything is sent, and does not repeat it', async (_, init) => {
    const api = await startApi();
    const error = await errorOf(aPartnerClient(api).fetch('/v1/x', init));
    expect(error).toMatchObject({ kind: 'configuration' });
    expect(inspect(error)).not.toContain('evil');
    expect([...api.tokenRequests, ...api.calls]).toHaveLength(0);
  });

  test('fails with an error of the package when a refusal breaks off', async () => {
    const api = await startApi({
      answer: () => (response) => {
        response.writeHead(401, { 'content-length': '99' });
        response.write('{');
        setImmediate(() => response.socket?.resetAndDestroy());
      },
    });
    expect(await errorOf(aPartnerClient(api).fetch('/v1/x'))).toMatchObject({
      kind: 'connection',
      mayHaveArrived: true,
    });
  });

  test('has the key of its failure, and does not repeat what may have arrived', async () => {
    const api = await startApi({ answer: () => 'reset' });
    const init = { method: 'POST', body: '{}', headers: { 'x-idempotence-uuid': 'pay-7' } };
    expect(await errorOf(aPartnerClient(api).fetch('/v1/x', init))).toMatchObject({
      idempotencyKey: 'pay-7',
      isRetryable: true,
    });
    expect(api.calls).toHaveLength(1);
  });

  test('lets a body be read after its own time, and ended by the signal', async () => {
    const api = await startApi({ answer: () => (response) => void response.writeHead(200).write('a') });
    const controller = new AbortController();
    const response = await aPartnerClient(api).fetch('/v1/x', { signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await errorOf(response.text())).toBe(reason);
  });

  test('is told to the observer', async () => {
    const events: ClientEvent[] = [];
    const api = await startApi({ answer: (_, count) => (count === 0 ? invalidToken : { body: {} }) });
    await aPartnerClient(api, { onEvent: (event) => events.push(event) }).fetch('/v1/x?name=Ada');
    await vi.waitFor(() => expect(events.filter((event) => 'path' in event && event.path === '/v1/x')).toHaveLength(5));
    expect(JSON.stringify(events)).not.toMatch(/Ada|token-1/);
  });
});
