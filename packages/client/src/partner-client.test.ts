import { afterEach, describe, expect, test, vi } from 'vitest';
import { ApiError, RateLimitedError, ScaRequiredError, TokenError } from './errors.js';
import { aPartnerClient, errorOf, invalidToken, startApi, stopLoopback, tokenReply } from './loopback-for-tests.js';
import type { ClientEvent } from './options.js';

afterEach(stopLoopback);

const quick = { retry: { maximumDelayMs: 1 } };

describe('a call', () => {
  test('[SDK-53] carries token and correlation id, and gives the parsed answer with its trace id', async () => {
    const api = await startApi({
      answer: () => ({ status: 201, headers: { 'X-Trace-Id': 'cd'.repeat(16), 'x-many': 'a' }, body: { id: 7 } }),
    });
    const response = await aPartnerClient(api).post('/v1/quotes', { amount: 5 }, { query: { dry: true } });
    expect(response).toMatchObject({ status: 201, body: { id: 7 }, traceId: 'cd'.repeat(16) });
    expect(response.headers['x-many']).toBe('a');
    const [call] = api.calls;
    expect(call).toMatchObject({ method: 'POST', target: '/v1/quotes?dry=true', body: '{"amount":5}' });
    expect(call?.headers).toMatchObject({
      authorization: 'Bearer token-1',
      'content-type': 'application/json',
      'x-external-correlation-id': response.correlationId,
    });
  });

  test.each(['get', 'delete'] as const)('has its method: %s', async (verb) => {
    const api = await startApi();
    await aPartnerClient(api)[verb]('/v1/x');
    expect(api.calls[0]).toMatchObject({ method: verb.toUpperCase(), body: '' });
  });

  test.each(['post', 'put', 'patch'] as const)('has its method, and its body: %s', async (verb) => {
    const api = await startApi();
    await aPartnerClient(api)[verb]('/v1/x', { a: 1 });
    await aPartnerClient(api)[verb]('/v1/x');
    expect(api.calls.map(({ method, body }) => [method, body])).toEqual([
      [verb.toUpperCase(), '{"a":1}'],
      [verb.toUpperCase(), ''],
    ]);
  });

  test.each([
    ['204', { status: 204 }, undefined],
    ['an empty 200 that is called JSON', { headers: { 'content-type': 'application/json' } }, undefined],
    ['text', { headers: { 'content-type': 'text/plain' }, body: 'done' }, 'done'],
    ['no type', { body: 'done' }, 'done'],
    [
      'a type that ends in +json',
      { headers: { 'content-type': 'application/problem+json; charset=utf-8' }, body: '[1]' },
      [1],
    ],
    ['JSON null', { headers: { 'content-type': 'application/json' }, body: 'null' }, null],
    ['304', { status: 304 }, undefined],
  ])('gives a body from %s', async (_, answer, body) => {
    const api = await startApi({ answer: () => answer });
    expect((await aPartnerClient(api).get('/v1/x')).body).toEqual(body);
  });

  test('with HEAD gives the headers', async () => {
    const api = await startApi({
      answer: () => ({ headers: { 'content-type': 'application/json', 'content-length': '99' } }),
    });
    expect(await aPartnerClient(api).request('HEAD', '/v1/x')).toMatchObject({
      status: 200,
      body: undefined,
      headers: { 'content-length': '99' },
    });
  });

  test('gives text, bytes or a stream when asked', async () => {
    const api = await startApi({ answer: () => ({ body: { a: 1 } }) });
    const client = aPartnerClient(api);
    expect((await client.get('/v1/x', { responseType: 'text' })).body).toBe('{"a":1}');
    expect((await client.get('/v1/x', { responseType: 'bytes' })).body).toEqual(Buffer.from('{"a":1}'));
    const { body } = await client.get('/v1/x', { responseType: 'stream' });
    expect(Buffer.concat(await body.toArray()).toString()).toBe('{"a":1}');
  });

  test('[SDK-54] whose success is called JSON and is none is an error that says it was carried out', async () => {
    const api = await startApi({ answer: () => ({ headers: { 'content-type': 'application/json' }, body: '{"a":' }) });
    const error = await errorOf(aPartnerClient(api).post('/v1/x'));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 200, isRetryable: false, message: expect.stringContaining('carried out') });
    expect(api.calls).toHaveLength(1);
  });

  test('[SDK-54] whose answer is huge is given up at the limit, and not kept', async () => {
    let written = 0;
    const chunk = Buffer.alloc(1024 * 1024);
    const api = await startApi({
      answer: () => (response) => {
        response.writeHead(200, { 'content-type': 'application/octet-stream' });
        const more = () => {
          while (!response.destroyed && response.write(chunk)) written += chunk.length;
        };
        response.on('drain', more);
        more();
      },
    });
    expect(await errorOf(aPartnerClient(api).get('/v1/x'))).toMatchObject({
      kind: 'api',
      status: 200,
      message: expect.stringContaining('stream'),
    });
    expect(written).toBeLessThan(256 * 1024 * 1024);
  });

  test('[SDK-55] does not follow a redirect', async () => {
    const api = await startApi({ answer: () => ({ status: 307, headers: { location: '/v1/elsewhere' } }) });
    expect(await errorOf(aPartnerClient(api).get('/v1/x'))).toMatchObject({ kind: 'api', status: 307 });
    expect(api.calls).toHaveLength(1);
  });
});

describe('an answer that is an error', () => {
  test('[SDK-56] is told with status, code, reason, trace id and correlation id', async () => {
    const api = await startApi({
      answer: () => ({
        status: 422,
        headers: { 'x-trace-id': 'ef'.repeat(16) },
        body: { errors: [{ code: 'NOT_VALID', message: 'No such currency', path: 'source', arguments: [] }] },
      }),
    });
    const error = await errorOf(aPartnerClient(api).post('/v1/quotes?secret=1', {}, { correlationId: 'order-7' }));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      kind: 'api',
      message: `POST /v1/quotes was answered with 422 (NOT_VALID): No such currency [trace ${'ef'.repeat(16)}]`,
      status: 422,
      code: 'NOT_VALID',
      traceId: 'ef'.repeat(16),
      correlationId: 'order-7',
      isRetryable: false,
      body: { errors: [{ code: 'NOT_VALID' }] },
    });
  });

  test.each([
    [{ error: 'invalid_request', error_description: 'Missing x' }, 'invalid_request', 'Missing x'],
    [{ status: 403, error: 'Forbidden', message: 'No access', path: '/v1/x' }, 'Forbidden', 'No access'],
    [{ error: 'BAD_REQUEST', message: 'Wrong', errors: [{ field: 'f', message: 'm' }] }, 'BAD_REQUEST', 'Wrong'],
    [{ code: 'limit.reached', detail: 'Too much', errors: [] }, 'limit.reached', 'Too much'],
    [{ message: 'An error', request_id: '5' }, undefined, 'An error'],
    ['payment.exists', 'payment.exists', 'payment.exists'],
    [undefined, undefined, '409'],
  ])('[SDK-56] has its reason in any of the shapes: %j', async (body, code, text) => {
    const api = await startApi({ answer: () => ({ status: 409, body }) });
    const error = await errorOf(aPartnerClient(api).get('/v1/x'));
    expect(error).toMatchObject({ code, message: expect.stringContaining(text) });
  });

  test('[SDK-56] has the refusal code of Tollward before any other', async () => {
    const api = await startApi({
      answer: () => ({ status: 403, headers: { 'x-refusal-code': 'policy.region' }, body: { error: 'Forbidden' } }),
    });
    expect(await errorOf(aPartnerClient(api).get('/v1/x'))).toMatchObject({ code: 'policy.region' });
  });

  test('[SDK-56] says at most 300 characters of a long one', async () => {
    const api = await startApi({ answer: () => ({ status: 400, body: { message: 'x'.repeat(5000) } }) });
    const error = await errorOf(aPartnerClient(api).get('/v1/x'));
    expect(String(error).match(/x+\.\.\./)?.[0]).toHaveLength(303);
  });

  test('[SDK-56] puts nothing into its message that would steer a terminal, nor an endless word', async () => {
    const api = await startApi({
      answer: () => ({
        status: 400,
        headers: { 'x-refusal-code': 'c'.repeat(500), 'x-trace-id': 't'.repeat(500) },
        body: { message: 'a\u001b[2Jb\u202ec\nd' },
      }),
    });
    const error = await errorOf(aPartnerClient(api).get('/v1/x'));
    expect(error).toMatchObject({ code: undefined, traceId: `${'t'.repeat(128)}...` });
    expect(String(error)).toContain('a [2Jb c d');
  });

  test.each([403, 400])('[SDK-57] %i with a challenge is a ScaRequiredError, also without a body', async (status) => {
    const api = await startApi({
      answer: () => ({ status, headers: { 'x-2fa-approval-result': 'REJECTED', 'x-2fa-approval': 'be2f-1' } }),
    });
    const error = await errorOf(aPartnerClient(api).post('/v3/x', {}));
    expect(error).toBeInstanceOf(ScaRequiredError);
    expect(error).toMatchObject({ kind: 'sca-required', status, oneTimeToken: 'be2f-1', body: undefined });
  });

  test('[SDK-57] 403 without one is a refusal', async () => {
    const api = await startApi({ answer: () => ({ status: 403 }) });
    const error = await errorOf(aPartnerClient(api).post('/v3/x', {}));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).not.toBeInstanceOf(ScaRequiredError);
  });

  test('[SDK-36] 429 with a wait that is too long is a RateLimitedError at once', async () => {
    const api = await startApi({ answer: () => ({ status: 429, headers: { 'retry-after': '60' } }) });
    const error = await errorOf(aPartnerClient(api).get('/v1/x'));
    expect(error).toBeInstanceOf(RateLimitedError);
    expect(error).toMatchObject({ retryAfterMs: 60_000, isRetryable: true });
    expect(api.calls).toHaveLength(1);
  });

  test('has a date in Retry-After by the clock of the server', async () => {
    const headers = { date: 'Sun, 06 Nov 1994 08:49:37 GMT', 'retry-after': 'Sun, 06 Nov 1994 08:50:37 GMT' };
    const api = await startApi({ answer: () => ({ status: 429, headers }) });
    expect(await errorOf(aPartnerClient(api).get('/v1/x'))).toMatchObject({ retryAfterMs: 60_000 });
  });
});

describe('a call that fails for the moment', () => {
  test.each([
    ['503', { status: 503 }],
    ['a broken connection', 'reset'],
  ] as const)('[SDK-35] is repeated after %s with the same ids, when it is safe or has a key', async (_, failure) => {
    const api = await startApi({ answer: (_request, count) => (count % 3 < 2 ? failure : { body: {} }) });
    const client = aPartnerClient(api, quick);
    await client.get('/v1/x');
    await client.post('/v1/x', {}, { idempotencyKey: true });
    expect(api.calls).toHaveLength(6);
    for (const part of [api.calls.slice(0, 3), api.calls.slice(3)]) {
      for (const name of ['x-external-correlation-id', 'x-idempotence-uuid']) {
        expect(new Set(part.map(({ headers }) => headers[name])).size).toBe(1);
      }
    }
  });

  test.each([
    ['503', { status: 503 }, { kind: 'api' }],
    ['a broken connection', 'reset', { kind: 'connection', mayHaveArrived: true }],
  ] as const)('[SDK-35] is not repeated after %s without a key', async (_, failure, facts) => {
    const api = await startApi({ answer: () => failure });
    const error = await errorOf(aPartnerClient(api, quick).post('/v1/x', {}));
    expect(error).toMatchObject({ ...facts, isRetryable: false, correlationId: expect.any(String) });
    expect(api.calls).toHaveLength(1);
  });

  test('[SDK-35] is repeated when nobody listens yet, whatever it is', async () => {
    const api = await startApi();
    const client = aPartnerClient({ url: 'http://127.0.0.1:9' }, quick);
    const retries: ClientEvent[] = [];
    const lonely = aPartnerClient(
      { url: 'http://127.0.0.1:9' },
      { ...quick, onEvent: (event) => void (event.type === 'retry' && retries.push(event)) },
    );
    expect(await errorOf(lonely.post('/v1/x', {}))).toMatchObject({
      kind: 'connection',
      mayHaveArrived: false,
      isRetryable: true,
    });
    expect(retries).toHaveLength(2);
    await client.close();
    expect(api.calls).toHaveLength(0);
  });
});

describe('a token that is refused', () => {
  test('[SDK-51] is replaced once, with the same correlation id, for any method', async () => {
    const api = await startApi({
      answer: ({ headers }) => (headers.authorization === 'Bearer token-1' ? invalidToken : { body: {} }),
    });
    const client = aPartnerClient(api, { retry: { attempts: 1 } });
    const { correlationId } = await client.post('/v1/x', { a: 1 });
    expect(api.calls.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
    expect(api.calls.map(({ headers }) => headers['x-external-correlation-id'])).toEqual([
      correlationId,
      correlationId,
    ]);
    expect(api.calls.map(({ body }) => body)).toEqual(['{"a":1}', '{"a":1}']);
  });

  test('[SDK-51] is told by WWW-Authenticate as well', async () => {
    const challenge = 'Bearer realm="x", error="invalid_token", error_description="expired"';
    const api = await startApi({
      answer: (_, count) => (count === 0 ? { status: 401, headers: { 'www-authenticate': challenge } } : { body: {} }),
    });
    await aPartnerClient(api).get('/v1/x');
    expect(api.tokenRequests).toHaveLength(2);
  });

  test('[SDK-51] is told by any of several WWW-Authenticate', async () => {
    const api = await startApi({
      answer: (_, count) => (response) =>
        void response
          .writeHead(count === 0 ? 401 : 200, [
            'www-authenticate',
            'Basic',
            'www-authenticate',
            'Bearer error="invalid_token"',
          ])
          .end(),
    });
    await aPartnerClient(api).get('/v1/x');
    expect(api.tokenRequests).toHaveLength(2);
  });

  test('[SDK-51] twice ends the call', async () => {
    const api = await startApi({ answer: () => invalidToken });
    expect(await errorOf(aPartnerClient(api).get('/v1/x'))).toMatchObject({
      kind: 'api',
      status: 401,
      code: 'invalid_token',
    });
    expect(api.calls).toHaveLength(2);
  });

  test('[SDK-51] by an API that refuses all of them is not replaced with each call', async () => {
    const api = await startApi({ answer: () => invalidToken });
    const client = aPartnerClient(api);
    for (let count = 0; count < 5; count += 1) await errorOf(client.get('/v1/x'));
    expect((await client.fetch('/v1/x')).status).toBe(401);
    expect(api.tokenRequests).toHaveLength(2);
  });

  test('[SDK-51] is not replaced for another kind of 401', async () => {
    const api = await startApi({ answer: () => ({ status: 401, body: { error: 'missing_token' } }) });
    expect(await errorOf(aPartnerClient(api).get('/v1/x'))).toMatchObject({ status: 401 });
    expect(api.tokenRequests).toHaveLength(1);
  });

  test('[SDK-47] by many calls at once is replaced by one token request', async () => {
    const api = await startApi({
      answer: ({ headers }) => (headers.authorization === 'Bearer token-1' ? invalidToken : { body: {} }),
    });
    const client = aPartnerClient(api);
    await client.token();
    await Promise.all(Array.from({ length: 40 }, () => client.get('/v1/x')));
    expect(api.tokenRequests).toHaveLength(2);
  });

  test('[SDK-52] and repeated in the answer is in no error', async () => {
    const api = await startApi({
      answer: ({ headers }) => ({
        status: 401,
        headers: { 'x-echo': String(headers.authorization) },
        body: { error: 'unauthorized', error_description: `Bad ${headers.authorization}` },
      }),
    });
    const error = await errorOf(aPartnerClient(api).get('/v1/x'));
    expect(JSON.stringify(error)).not.toContain('token-1');
    expect(String(error)).toContain('Bad Bearer ***');
  });

  test('that was given with the call is not replaced', async () => {
    const api = await startApi({ answer: () => invalidToken });
    const client = aPartnerClient(api);
    const token = await client.token();
    expect(await errorOf(client.get('/v1/x', { token }))).toMatchObject({ status: 401 });
    expect(api.calls).toHaveLength(1);
  });
});

describe('a job', () => {
  test('[SDK-60] makes all its calls with one token, which has as much life as it asked for', async () => {
    const api = await startApi({
      answerToken: (_, count) => tokenReply(`token-${count + 1}`, count === 0 ? 60 : 3600),
    });
    const client = aPartnerClient(api);
    await client.get('/v1/before');
    const result = await client.job({ minimumRemainingSeconds: 600 }, async (job) => {
      await client.token({ fresh: true });
      await job.get('/v1/a');
      await job.post('/v1/b', {});
      return job.token.value;
    });
    expect(result).toBe('token-2');
    expect(api.calls.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer token-1',
      'Bearer token-2',
      'Bearer token-2',
    ]);
  });

  test('[SDK-60] does not start with a token that lives too short', async () => {
    const api = await startApi({ answerToken: () => tokenReply('short', 60) });
    const work = vi.fn();
    const error = await errorOf(aPartnerClient(api).job({ minimumRemainingSeconds: 600 }, work));
    expect(error).toBeInstanceOf(TokenError);
    expect(work).not.toHaveBeenCalled();
  });

  test('fails with what its work fails with, and its calls end with it', async () => {
    const api = await startApi();
    const problem = new Error('work');
    let left: { get: (path: string) => Promise<unknown> } | undefined;
    const job = aPartnerClient(api).job({ minimumRemainingSeconds: 0 }, async (caller) => {
      left = caller;
      throw problem;
    });
    expect(await errorOf(job)).toBe(problem);
    expect(await errorOf(left?.get('/v1/x') ?? Promise.resolve())).toMatchObject({ kind: 'configuration' });
  });
});

describe('what happens', () => {
  test('is told in order, with the ids to follow it by', async () => {
    const events: ClientEvent[] = [];
    const api = await startApi({ answer: (_, count) => (count === 0 ? invalidToken : { body: {} }) });
    const client = aPartnerClient(api, { onEvent: (event) => events.push(event) });
    const { correlationId } = await client.get('/v1/x', { query: { name: 'Ada' } });
    const ofCall = events.filter((event) => 'correlationId' in event && event.correlationId === correlationId);
    expect(ofCall.map((event) => ('attempt' in event ? [event.type, event.path, event.attempt] : []))).toEqual([
      ['request', '/v1/x', 1],
      ['response', '/v1/x', 1],
      ['retry', '/v1/x', 1],
      ['request', '/v1/x', 2],
      ['response', '/v1/x', 2],
    ]);
    expect(JSON.stringify(events)).not.toMatch(/token-\d|the-secret|Ada/);
  });

  test('is told to an observer whose errors change nothing', async () => {
    const api = await startApi();
    const onEvent = () => {
      throw new Error('observer');
    };
    expect((await aPartnerClient(api, { onEvent }).get('/v1/x')).status).toBe(200);
  });
});

test('a client without a certificate says that it has none', async () => {
  const api = await startApi();
  expect(await aPartnerClient(api).checkCertificate()).toBeNull();
});
