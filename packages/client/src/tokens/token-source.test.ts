import { afterEach, describe, expect, test, vi } from 'vitest';
import { RateLimitedError, TokenError } from '../errors.js';
import { takeLine } from '../lines.js';
import {
  aWorld,
  errorOf,
  type LoopbackOptions,
  type Reply,
  someParts,
  startApi,
  stopLoopback,
  type TestParts,
  theSecret,
  tokenReply,
} from '../loopback-for-tests.js';
import { openDeadline } from '../request/deadline.js';

afterEach(stopLoopback);

const minuteMs = 60_000;
const noWish = { minimumRemainingMs: undefined };

async function take(parts: TestParts, wish: Parameters<TestParts['tokens']['take']>[1] = noWish) {
  const deadline = openDeadline({
    timeoutMs: 10_000,
    signal: undefined,
    steadyClock: parts.world.steadyClock,
    reason: () => new Error('late'),
  });
  const { line, release } = await takeLine(parts.transport, deadline);
  try {
    return await parts.tokens.take(line, wish);
  } finally {
    release();
    deadline.end();
  }
}

async function aSource(loopback: LoopbackOptions = {}, changes: Parameters<typeof someParts>[1] = {}) {
  const api = await startApi(loopback);
  const parts = someParts(api, changes);
  return { api, parts, world: parts.world };
}

const refusal = (error: string, status = 401): Reply => ({
  status,
  headers: { 'x-trace-id': 'ab'.repeat(16) },
  body: { error, error_description: 'Client authentication failed' },
});

describe('a token request', () => {
  test('[SDK-46] is a form with Basic authentication, encoded as RFC 6749 section 2.3.1 says', async () => {
    const { api, parts } = await aSource({}, { clientId: 'a:b', clientSecret: 'p+q/%' });
    expect((await take(parts)).value).toBe('token-1');
    const [request] = api.tokenRequests;
    expect(request).toMatchObject({ method: 'POST', target: '/oauth/token', body: 'grant_type=client_credentials' });
    expect(request?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    const [scheme, credentials = ''] = request?.headers.authorization?.split(' ') ?? [];
    expect(scheme).toBe('Basic');
    expect(Buffer.from(credentials, 'base64').toString()).toBe('a%3Ab:p%2Bq%2F%25');
  });

  test('has the path of the base URL before its own', async () => {
    const api = await startApi();
    await take(someParts({ url: `${api.url}/2026Q3` }));
    expect(api.tokenRequests[0]?.target).toBe('/2026Q3/oauth/token');
  });

  test('[SDK-47] is sent once for any number of calls that begin together', async () => {
    const { api, parts } = await aSource();
    const tokens = await Promise.all(Array.from({ length: 50 }, () => take(parts)));
    expect(new Set(tokens.map(({ value }) => value))).toEqual(new Set(['token-1']));
    expect(api.tokenRequests).toHaveLength(1);
    expect(parts.heldLines()).toBe(0);
  });

  test('[SDK-47] that fails fails for all who wait, and a later call tries again', async () => {
    const { api, parts, world } = await aSource({
      answerToken: (_, count) => (count === 0 ? refusal('invalid_client') : tokenReply('later')),
    });
    const errors = await Promise.all(Array.from({ length: 5 }, () => errorOf(take(parts))));
    for (const error of errors) expect(error).toBeInstanceOf(TokenError);
    expect(errors[0]).toMatchObject({
      code: 'invalid_client',
      status: 401,
      traceId: 'ab'.repeat(16),
      isRetryable: false,
    });
    // One that locks out after some failures must not see one for each call.
    for (const wish of [noWish, { ...noWish, fresh: true }]) expect(await errorOf(take(parts, wish))).toBe(errors[0]);
    expect(api.tokenRequests).toHaveLength(1);
    world.now += 5_000;
    expect((await take(parts)).value).toBe('later');
    expect(parts.heldLines()).toBe(0);
  });

  test.each<[string, (count: number) => ReturnType<NonNullable<LoopbackOptions['answerToken']>>]>([
    ['503', () => ({ status: 503 })],
    ['502', () => ({ status: 502 })],
    ['504', () => ({ status: 504 })],
    ['429', () => ({ status: 429, headers: { 'retry-after': '1' } })],
    ['a broken connection', () => 'reset'],
  ])('[SDK-48] is repeated after %s: it has no effect but a token', async (_, failure) => {
    const { api, parts } = await aSource({
      answerToken: (_request, count) => (count < 2 ? failure(count) : tokenReply('third')),
    });
    expect((await take(parts)).value).toBe('third');
    expect(api.tokenRequests).toHaveLength(3);
    const ids = api.tokenRequests.map(({ headers }) => headers['x-external-correlation-id']);
    expect(new Set(ids).size).toBe(1);
  });

  test('[SDK-48] is not repeated when the wait would be too long', async () => {
    const { api, parts } = await aSource({ answerToken: () => ({ status: 429, headers: { 'retry-after': '3600' } }) });
    const error = await errorOf(take(parts));
    expect(error).toBeInstanceOf(RateLimitedError);
    expect(error).toMatchObject({ retryAfterMs: 3_600_000, isRetryable: true });
    expect(api.tokenRequests).toHaveLength(1);
  });

  test.each<[string, Reply]>([
    ['JSON that is none', { headers: { 'content-type': 'application/json' }, body: '{"access_token":' }],
    ['a page', { headers: { 'content-type': 'text/html' }, body: '<h1>Welcome</h1>' }],
    ['a redirect', { status: 302, headers: { location: 'https://evil.example/' } }],
    ['an empty answer', { status: 200 }],
  ])('that is answered with %s is a TokenError', async (_, answer) => {
    const { parts } = await aSource({ answerToken: () => answer });
    expect(await errorOf(take(parts))).toMatchObject({ kind: 'token', isRetryable: false });
  });
});

describe('a secret that is a function', () => {
  test('[SDK-49] is asked for each token', async () => {
    const secret = vi.fn(async () => 'from-the-vault\n');
    const { api, parts } = await aSource({}, { clientSecret: secret });
    expect(secret).not.toHaveBeenCalled();
    await take(parts);
    await take(parts, { ...noWish, fresh: true });
    expect(secret).toHaveBeenCalledTimes(2);
    const sent = Buffer.from(api.tokenRequests[0]?.headers.authorization?.slice(6) ?? '', 'base64').toString();
    expect(sent).toBe('client-1:from-the-vault');
  });

  test('[SDK-49] is read again once after invalid_client, as it may have been rotated meanwhile', async () => {
    const secrets = ['old', 'new'];
    const { api, parts } = await aSource(
      { answerToken: (_, count) => (count === 0 ? refusal('invalid_client') : tokenReply('with-the-new')) },
      { clientSecret: () => secrets.shift() ?? 'none', retry: { attempts: 1 } },
    );
    expect((await take(parts)).value).toBe('with-the-new');
    const sent = api.tokenRequests.map(({ headers }) =>
      Buffer.from(headers.authorization?.slice(6) ?? '', 'base64').toString(),
    );
    expect(sent).toEqual(['client-1:old', 'client-1:new']);
  });

  test('[SDK-49] is read again only once, and the same secret is not sent twice', async () => {
    const changing = await aSource(
      { answerToken: () => refusal('invalid_client') },
      { clientSecret: vi.fn().mockReturnValueOnce('one').mockReturnValueOnce('two').mockReturnValue('three') },
    );
    expect(await errorOf(take(changing.parts))).toMatchObject({ code: 'invalid_client' });
    expect(changing.api.tokenRequests).toHaveLength(2);
    const same = await aSource({ answerToken: () => refusal('invalid_client') }, { clientSecret: () => 'same' });
    expect(await errorOf(take(same.parts))).toMatchObject({ code: 'invalid_client' });
    expect(same.api.tokenRequests).toHaveLength(1);
  });

  test('that fails is a TokenError, and is asked again after a second at the earliest', async () => {
    const secret = vi.fn().mockRejectedValueOnce(new Error('vault sealed')).mockResolvedValue('secret');
    const { parts, world } = await aSource({}, { clientSecret: secret, world: aWorld({ random: 0 }) });
    const error = await errorOf(take(parts));
    expect(error).toMatchObject({ kind: 'token', code: 'secret-unavailable', isRetryable: true });
    world.now += 999;
    expect(await errorOf(take(parts))).toBe(error);
    expect(secret).toHaveBeenCalledTimes(1);
    world.now += 1;
    expect((await take(parts)).value).toBe('token-1');
  });

  test('that gives no secret is a ConfigurationError, and nothing is sent', async () => {
    const { api, parts } = await aSource({}, { clientSecret: () => '' });
    expect(await errorOf(take(parts))).toMatchObject({ kind: 'configuration' });
    expect(api.tokenRequests).toHaveLength(0);
  });
});

describe('a token in memory', () => {
  test('[SDK-43] is used while the next one is fetched in the background', async () => {
    const { api, parts, world } = await aSource();
    await take(parts);
    world.now += 50 * minuteMs;
    expect((await take(parts)).value).toBe('token-1');
    await vi.waitFor(() => expect(parts.events.filter(({ type }) => type === 'token:fetched')).toHaveLength(2));
    expect((await take(parts)).value).toBe('token-2');
    expect(api.tokenRequests).toHaveLength(2);
  });

  test('[SDK-43] outlives a renewal that failed, which is an event and no error', async () => {
    const { api, parts, world } = await aSource({
      answerToken: (_, count) => (count === 0 ? tokenReply('first') : refusal('invalid_client')),
    });
    await take(parts);
    world.now += 50 * minuteMs;
    expect((await take(parts)).value).toBe('first');
    await vi.waitFor(() => expect(parts.events.map(({ type }) => type)).toContain('token:renewal-failed'));
    // Not with each call: the next try is later.
    expect((await take(parts)).value).toBe('first');
    world.now += 5_000;
    expect(await errorOf(take(parts, { ...noWish, fresh: true }))).toBeInstanceOf(TokenError);
    expect(api.tokenRequests).toHaveLength(3);
    world.now += 10 * minuteMs;
    expect(await errorOf(take(parts))).toBeInstanceOf(TokenError);
  });

  test('[SDK-45] is not believed longer when the clock is set back', async () => {
    const { parts, world } = await aSource();
    await take(parts);
    world.now += 61 * minuteMs;
    world.setBy = -600 * minuteMs;
    expect((await take(parts)).value).toBe('token-2');
  });

  test('[SDK-50] is one for each certificate', async () => {
    let thumbprint = 'first';
    const { parts } = await aSource({}, { thumbprint: () => thumbprint });
    expect(await take(parts)).toMatchObject({ value: 'token-1', certificateThumbprint: 'first' });
    thumbprint = 'second';
    expect(await take(parts)).toMatchObject({ value: 'token-2', certificateThumbprint: 'second' });
    thumbprint = 'first';
    expect((await take(parts)).value).toBe('token-1');
  });

  test('[SDK-51] that was refused is forgotten, but not the one fetched since', async () => {
    const { api, parts } = await aSource();
    const refused = await take(parts);
    parts.tokens.forget(refused);
    const next = await take(parts);
    parts.tokens.forget(refused);
    expect((await take(parts)).value).toBe(next.value);
    expect(api.tokenRequests).toHaveLength(2);
  });

  test('[SDK-51] that was refused and never worked is replaced once, and then after a while', async () => {
    const { api, parts, world } = await aSource();
    expect(parts.tokens.forget(await take(parts))).toBe(true);
    const second = await take(parts);
    expect(parts.tokens.forget(second)).toBe(false);
    expect((await take(parts)).value).toBe(second.value);
    expect(api.tokenRequests).toHaveLength(2);
    world.now += 5_000;
    expect(parts.tokens.forget(second)).toBe(true);
    expect((await take(parts)).value).toBe('token-3');
  });

  test('[SDK-51] that was refused after it worked is replaced, however often', async () => {
    const { api, parts } = await aSource();
    for (let count = 1; count <= 3; count += 1) {
      const token = await take(parts);
      parts.tokens.noteAccepted(token);
      expect(parts.tokens.forget(token)).toBe(true);
    }
    expect(api.tokenRequests).toHaveLength(3);
  });

  test('is not given to who asks for a fresh one', async () => {
    const { parts } = await aSource();
    await take(parts);
    expect((await take(parts, { ...noWish, fresh: true })).value).toBe('token-2');
    expect((await take(parts)).value).toBe('token-2');
  });

  test('[SDK-44] lives too short for what was asked: that is said, and not tried for ever', async () => {
    const { api, parts, world } = await aSource({ answerToken: () => tokenReply('short', 20) });
    expect(await errorOf(take(parts, { minimumRemainingMs: minuteMs }))).toMatchObject({ code: 'life-too-short' });
    expect(await errorOf(take(parts, { minimumRemainingMs: minuteMs }))).toMatchObject({ code: 'life-too-short' });
    expect(api.tokenRequests).toHaveLength(1);
    expect((await take(parts)).value).toBe('short');
    world.now += 5_000;
    expect(await errorOf(take(parts, { minimumRemainingMs: minuteMs }))).toMatchObject({ code: 'life-too-short' });
    expect(api.tokenRequests).toHaveLength(2);
  });

  test('ends when it says, counted from when it was asked for', async () => {
    const world = aWorld();
    const { parts } = await aSource(
      {
        answerToken: () => {
          world.now += 10_000;
          return tokenReply('slow', 60);
        },
      },
      { world },
    );
    const asked = world.now;
    expect((await take(parts)).expiresAt).toEqual(new Date(asked + 60_000));
  });
});

test('[SDK-68] a connection that breaks under a token request is no call that may have arrived', async () => {
  const { parts } = await aSource({ answerToken: () => 'reset' });
  expect(await errorOf(take(parts))).toMatchObject({
    kind: 'connection',
    mayHaveArrived: false,
    isRetryable: true,
    message: expect.stringContaining('While getting a token'),
  });
});

test('[SDK-52] a token that the endpoint repeats in a refusal, or a secret, is in no error', async () => {
  const credentials = Buffer.from(`client-1:${theSecret}`).toString('base64');
  const { parts } = await aSource({
    answerToken: () => ({
      status: 401,
      body: { error: 'invalid_client', error_description: `bad secret ${theSecret} in ${credentials}` },
    }),
  });
  const error = await errorOf(take(parts));
  expect(String(error)).toContain('bad secret *** in ***');
});
