import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigurationError } from '../errors.js';
import { readRequest, resolveTarget } from './read-request.js';
import type { RequestOptions } from './request-options.js';

const environment = { origin: 'https://api.example.com', basePath: '', name: undefined };
const settings = { environment, timeoutMs: 60_000, minimumRemainingMs: undefined };
const read = (path: string, options: RequestOptions = {}, method = 'GET') =>
  readRequest(method, path, options, settings);
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe('a path', () => {
  test.each([
    ['/v1/profiles', '/v1/profiles'],
    ['/v1/profiles?type=business', '/v1/profiles?type=business'],
    ['/v1/files/a..b/.well-known/...', '/v1/files/a..b/.well-known/...'],
    ['/v1/names/M%C3%BCller%2FSohn', '/v1/names/M%C3%BCller%2FSohn'],
    ['https://api.example.com/v1/profiles?page=2', '/v1/profiles?page=2'],
  ])('is sent as %s', (path, target) => {
    expect(read(path).target).toBe(target);
  });

  test('stands below the path of the base URL, unless it is a whole URL', () => {
    const below = { origin: 'https://api.example.com', basePath: '/2026Q3' };
    expect(resolveTarget('/profiles', below).pathname).toBe('/2026Q3/profiles');
    expect(resolveTarget('https://api.example.com/2026Q3/profiles', below).pathname).toBe('/2026Q3/profiles');
  });

  test.each([
    'https://api.example.org/v1/profiles',
    'http://api.example.com/v1/profiles',
    'https://api.example.com:8443/v1/profiles',
    'https://api.example.com@evil.example/v1',
    'https://user:password@api.example.com/v1',
    'HTTPS://evil.example/',
    '//evil.example/v1',
    '/\\evil.example/v1',
    '\\\\evil.example',
    'javascript:alert(1)',
    'data:text/plain,x',
  ])('[SDK-37] to another host is refused, so that no token leaves for it: %s', (path) => {
    expect(() => read(path)).toThrow(ConfigurationError);
  });

  test.each([
    '/v1/profiles/../users',
    '/v1/profiles/..',
    '/v1/./profiles',
    '/v1/profiles/%2e%2e/users',
    '/v1/profiles/.%2E?x=1',
    'https://api.example.com/v1/../v2',
  ])('[SDK-37] that could be read as another one is refused: %s', (path) => {
    expect(() => read(path)).toThrow(ConfigurationError);
  });

  test.each(['', 'v1/profiles', '/v1/pro files', '/v1/profiles#part', '/v1/M\u00fcller', '/v1\r\nHost: evil.example'])(
    'that can not be sent is refused: %j',
    (path) => {
      expect(() => read(path)).toThrow(ConfigurationError);
    },
  );

  test('[SDK-37] keeps its host and its segments, whatever value is put in with encodeURIComponent', () => {
    const values = fc.string({ unit: 'grapheme' }).filter((value) => !/^\.{0,2}$/.test(value));
    fc.assert(
      fc.property(values, (value) => {
        const { target } = read(`/v1/profiles/${encodeURIComponent(value)}/quotes`);
        expect(target.split('/').map(decodeURIComponent)).toEqual(['', 'v1', 'profiles', value, 'quotes']);
      }),
    );
  });
});

describe('a query', () => {
  test('is added to that of the path, encoded, without what is undefined', () => {
    const query = { status: 'a&b=c', limit: 5, currency: ['EUR', 'USD'], offset: undefined, id: 9007199254740993n };
    expect(read('/v1/transfers?x=1', { query }).target).toBe(
      '/v1/transfers?x=1&status=a%26b%3Dc&limit=5&currency=EUR&currency=USD&id=9007199254740993',
    );
  });

  test('is no part of the path that is logged', () => {
    expect(read('/v1/transfers', { query: { name: 'Ada' } }).path).toBe('/v1/transfers');
  });

  test('[SDK-38] has no token', () => {
    expect(() => read('/v1/profiles', { query: { access_token: 'x' } })).toThrow(ConfigurationError);
    expect(() => read('/v1/profiles?Access_Token=x')).toThrow(ConfigurationError);
  });
});

describe('a body', () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;

  test('is JSON, with its type', () => {
    const { body, headers } = read('/v1/quotes', { body: { amount: 1 } }, 'POST');
    expect(body).toBe('{"amount":1}');
    expect(headers['content-type']).toBe('application/json');
    expect(read('/v1/quotes', { body: null }, 'post')).toMatchObject({ method: 'POST', body: 'null' });
  });

  test('may have another type, or be sent as it is', () => {
    const type = 'application/merge-patch+json';
    expect(read('/v1/q', { body: {}, contentType: type }, 'PATCH').headers['content-type']).toBe(type);
    const rawBody = new Uint8Array([1, 2]);
    expect(read('/v1/q', { rawBody }, 'PUT')).toMatchObject({ body: rawBody });
    expect(read('/v1/q', { rawBody }, 'PUT').headers).not.toHaveProperty('content-type');
  });

  test.each<[string, RequestOptions, string]>([
    ['two bodies', { body: {}, rawBody: 'x' }, 'POST'],
    ['one for GET', { body: {} }, 'GET'],
    ['a circle', { body: circle }, 'POST'],
    ['a function', { body: () => 1 }, 'POST'],
  ])('is not %s', (_, options, method) => {
    expect(() => read('/v1/q', options, method)).toThrow(ConfigurationError);
  });
});

describe('headers', () => {
  test('have a UUID to be found by, which is kept when it is given', () => {
    expect(read('/v1').headers['x-external-correlation-id']).toMatch(uuid);
    expect(read('/v1', { correlationId: 'order-7' }).headers['x-external-correlation-id']).toBe('order-7');
  });

  test('[SDK-39] have no correlation id that the API would ignore', () => {
    expect(read('/v1', { correlationId: 'x'.repeat(36) }).correlationId).toHaveLength(36);
    expect(() => read('/v1', { correlationId: 'x'.repeat(37) })).toThrow(ConfigurationError);
  });

  test('have an idempotency key when one is asked for, and the call may be repeated then', () => {
    const made = read('/v1', { idempotencyKey: true }, 'POST');
    expect(made.headers['x-idempotence-uuid']).toMatch(uuid);
    expect(made.repeatable).toBe(true);
    expect(read('/v1', { idempotencyKey: 'k-1' }, 'POST').headers['x-idempotence-uuid']).toBe('k-1');
    expect(read('/v1', {}, 'POST').repeatable).toBe(false);
  });

  test('[SDK-67] whose key was made here is repeated here, and by the caller only where that does no harm', () => {
    const by = (idempotencyKey: string | true | undefined, method: string) => {
      const { repeatable, repeatableByCaller } = read('/v1', { idempotencyKey }, method);
      return [repeatable, repeatableByCaller];
    };
    expect(by(true, 'POST')).toEqual([true, false]);
    expect(by('pay-7', 'POST')).toEqual([true, true]);
    expect(by(undefined, 'POST')).toEqual([false, false]);
    expect(by(true, 'GET')).toEqual([true, true]);
  });

  test.each<[string, unknown]>([
    ['an empty key', { idempotencyKey: '' }],
    ['a key that is no text', { idempotencyKey: 7 }],
    ['false as a key', { idempotencyKey: false }],
    ['an empty correlation id', { correlationId: '' }],
    ['a signal that is none', { signal: {} }],
    ['a copied token', { token: { expiresAt: new Date(), certificateThumbprint: null } }],
    ['an empty token', { token: { value: '' } }],
    ['a token with a line break', { token: { value: 'a\nb' } }],
    ['no token', { token: null }],
  ])('[SDK-67] are not made of %s', (_, options) => {
    expect(() => read('/v1', options as RequestOptions, 'POST')).toThrow(ConfigurationError);
  });

  test.each([
    'Authorization',
    'Host',
    'content-length',
    'Transfer-Encoding',
    'Content-Type',
    'X-External-Correlation-Id',
    'X-idempotence-uuid',
  ])('[SDK-38] of the client itself can not be given: %s', (name) => {
    expect(() => read('/v1', { headers: { [name]: 'x' } })).toThrow(ConfigurationError);
  });

  test.each<[string, RequestOptions]>([
    ['a value', { headers: { 'x-note': 'a\r\nauthorization: Bearer evil' } }],
    ['a value', { headers: { 'x-note': 'a\nb' } }],
    ['a value', { headers: { 'x-note': 'a\0b' } }],
    ['a value beyond ASCII', { headers: { 'x-note': '\u010a' } }],
    ['a name', { headers: { 'x-note: a\r\nx': 'b' } }],
    ['the correlation id', { correlationId: 'a\r\nx: b' }],
    ['the idempotency key', { idempotencyKey: 'a\r\nx: b' }],
    ['the content type', { contentType: 'a/b\r\nx: y', body: {} }],
  ])('[SDK-40] can not be injected through %s, which the error does not repeat', (_, options) => {
    const attempt = () => read('/v1', options, 'POST');
    expect(attempt).toThrow(ConfigurationError);
    expect(attempt).not.toThrow(/evil|\r|\n/);
  });
});

test.each(['', 'GET /v1 HTTP/1.1\r\nx:', 'CONNECT', 'TRACE'])('the method is not %j', (method) => {
  expect(() => read('/v1', {}, method)).toThrow(ConfigurationError);
});

test('an option that nobody reads is refused', () => {
  expect(() => read('/v1', { timeout: 5 } as RequestOptions)).toThrow(/timeoutMs/);
});
