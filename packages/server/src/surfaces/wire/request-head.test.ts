import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRequestHead, type RequestHead } from './request-head.js';

interface Head {
  readonly url?: string;
  readonly httpVersion?: string;
  /** Beside `Host: localhost`. */
  readonly headers?: readonly string[];
  readonly rawHeaders?: readonly string[];
}

function parse({ url = '/oauth/token', httpVersion = '1.1', headers = [], rawHeaders }: Head) {
  const message = { url, httpVersion, rawHeaders: rawHeaders ?? ['Host', 'localhost', ...headers] };
  return parseRequestHead(message as unknown as IncomingMessage);
}

function accepted(head: Head): RequestHead {
  const parsed = parse(head);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.head;
}

describe('a request head that can be read in one way', () => {
  test('gives the facts of the request', () => {
    const headers = [
      ...['AUTHORIZATION', 'Basic abc', 'content-type', 'application/json', 'Content-Length', '12'],
      ...['Accept-Encoding', 'gzip', 'X-External-Correlation-Id', 'order 7', 'X-Other', 'ignored'],
    ];
    expect(accepted({ url: '/oauth/token?a=b?c', headers })).toEqual({
      path: '/oauth/token',
      query: 'a=b?c',
      authorization: 'Basic abc',
      contentType: 'application/json',
      contentEncoding: undefined,
      contentLength: 12,
      acceptsGzip: true,
      accept: undefined,
      correlationId: 'order 7',
      hasBody: true,
      expectsContinue: false,
      asksToUpgrade: false,
    });
  });

  test('waits to be asked for its body when it says so in HTTP/1.1', () => {
    const rawHeaders = ['Host', 'a', 'Expect', '100-Continue'];
    expect(parse({ httpVersion: '1.1', rawHeaders })).toMatchObject({ head: { expectsContinue: true } });
    expect(parse({ httpVersion: '1.0', rawHeaders })).toMatchObject({ head: { expectsContinue: false } });
  });

  test('asks for another protocol when an Upgrade header is there, whatever it names', () => {
    for (const headers of [
      ['Upgrade', 'websocket'],
      ['UPGRADE', ''],
      ['Connection', 'Upgrade', 'upgrade', 'h2c'],
    ]) {
      expect(accepted({ headers }).asksToUpgrade, headers.join()).toBe(true);
    }
    expect(accepted({ headers: ['Connection', 'Upgrade', 'Upgrade-Insecure-Requests', '1'] }).asksToUpgrade).toBe(
      false,
    );
  });

  test('takes a query of every printable character but #', () => {
    const characters = Array.from({ length: 0x7f - 0x21 }, (_, index) => String.fromCharCode(0x21 + index));
    const query = characters.filter((character) => character !== '#').join('');
    expect(accepted({ url: `/a?${query}` }).query).toBe(query);
  });

  test('tells an absent query from an empty one', () => {
    expect(accepted({ url: '/a' }).query).toBeUndefined();
    expect(accepted({ url: '/a?' }).query).toBe('');
  });

  test('has a body when its length says so, or when it comes in chunks', () => {
    expect(accepted({}).hasBody).toBe(false);
    expect(accepted({ headers: ['Content-Length', '0'] }).hasBody).toBe(false);
    expect(accepted({ headers: ['Transfer-Encoding', 'Chunked'] }).hasBody).toBe(true);
  });

  test('of HTTP/1.0 needs no Host', () => {
    expect(parse({ httpVersion: '1.0', rawHeaders: [] }).ok).toBe(true);
  });

  test('takes Accept as it comes, in one header or in several', () => {
    expect(accepted({ headers: ['Accept', 'application/json;q=0.5'] }).accept).toBe('application/json;q=0.5');
    expect(accepted({ headers: ['Accept', 'a/b', 'accept', 'c/d'] }).accept).toBe('a/b, c/d');
  });

  test.each([
    ['gzip', true],
    ['deflate, GZIP;q=0.5, br', true],
    ['gzip;q=0', false],
    ['gzip; q=0.000', false],
    ['gzip;q=0.001', true],
    ['identity', false],
    ['x-gzip', false],
    ['', false],
  ])('with Accept-Encoding "%s" takes gzip: %s', (value, takes) => {
    expect(accepted({ headers: ['Accept-Encoding', value] }).acceptsGzip).toBe(takes);
  });

  test.each([
    ['a'.repeat(36), true],
    ['a'.repeat(37), false],
    ['', false],
    ['tab\there', false],
    ['ümlaut', false],
  ])('keeps the correlation id "%s": %s', (value, kept) => {
    const { correlationId } = accepted({ headers: ['X-External-Correlation-Id', value] });
    expect(correlationId).toBe(kept ? value : undefined);
  });

  test('keeps no correlation id when two came, rather than choosing one', () => {
    const headers = ['X-External-Correlation-Id', 'a', 'x-external-correlation-id', 'b'];
    expect(accepted({ headers }).correlationId).toBeUndefined();
  });
});

describe('a request head that can not be read in one way is refused', () => {
  test.each(['Authorization', 'Content-Type', 'Content-Length', 'Transfer-Encoding', 'Content-Encoding', 'Host'])(
    'when %s is there twice, equal or not',
    (name) => {
      const value = name === 'Transfer-Encoding' ? 'chunked' : '5';
      for (const second of [value, '6']) {
        const rawHeaders = ['X-First', 'a', name, value, name.toLowerCase(), second];
        const parsed = parse({ rawHeaders });
        expect(parsed).toEqual({ ok: false, code: 'ambiguous_request', problem: `the header ${name} twice` });
      }
    },
  );

  test.each([
    '//evil.example/a',
    '/a//b',
    '/a/./b',
    '/a/../b',
    '/..',
    '/a/.',
    '/a\\b',
    '/a%2fb',
    '/a%2Fb',
    '/a%5cb',
    '/%2e%2e/b',
    '/a%00b',
    '/a#b',
    'http://localhost/oauth/token',
    'oauth/token',
    '*',
    '',
  ])('when its target is "%s"', (url) => {
    expect(parse({ url })).toMatchObject({ ok: false, code: 'ambiguous_request' });
  });

  test.each(['#', 'a=1#b', '#?a=1', 'a=\xe4', 'a=\x80', 'a=\u0100', 'a=\x7f', 'a=\x00', 'a=b c', 'a=\t'])(
    'when its query is %j, which some readers cut or change',
    (query) => {
      expect(parse({ url: `/a?${query}` })).toMatchObject({ ok: false, code: 'ambiguous_request' });
    },
  );

  test.each(['identity', 'gzip, chunked', 'chunked, chunked', 'chunked;a=b', ' chunked', ''])(
    'when its transfer encoding is "%s"',
    (value) => {
      expect(parse({ headers: ['Transfer-Encoding', value] })).toMatchObject({ ok: false, code: 'ambiguous_request' });
    },
  );

  test('when HTTP/1.0 claims to send chunks', () => {
    const headers = ['Transfer-Encoding', 'chunked'];
    expect(parse({ httpVersion: '1.0', headers })).toMatchObject({ ok: false, code: 'ambiguous_request' });
  });

  test('when it expects something unknown', () => {
    expect(parse({ headers: ['Expect', '100-Continue'] }).ok).toBe(true);
    expect(parse({ headers: ['Expect', '200-maybe'] })).toMatchObject({ ok: false, code: 'ambiguous_request' });
  });

  test('when HTTP/1.1 comes without a Host, or with an empty one', () => {
    expect(parse({ rawHeaders: [] })).toMatchObject({ ok: false, code: 'malformed_request' });
    expect(parse({ rawHeaders: ['Host', ''] })).toMatchObject({ ok: false, code: 'malformed_request' });
  });

  test.each(['0.9', '2.0', '1.2'])('when it is of HTTP/%s', (httpVersion) => {
    expect(parse({ httpVersion })).toMatchObject({ ok: false, code: 'malformed_request' });
  });

  test('when it has more than 100 headers', () => {
    const many = (count: number) => Array.from({ length: count }, (_, index) => [`X-${index}`, 'a']).flat();
    expect(parse({ headers: many(99) }).ok).toBe(true);
    expect(parse({ headers: many(100) })).toMatchObject({ ok: false, code: 'header_too_large' });
  });

  test('without repeating what the caller sent', () => {
    const secret = 'tlw_sbx_cs_abcdef';
    for (const head of [
      { url: `//${secret}` },
      { url: `/a?${secret}#` },
      { headers: ['Expect', secret] },
      { headers: ['Transfer-Encoding', secret] },
    ]) {
      expect(JSON.stringify(parse(head))).not.toContain(secret);
    }
  });
});

test('reading a head never throws, and a path that is believed is a plain one', () => {
  const names = fc.oneof(
    fc.constantFrom('Host', 'authorization', 'Content-Length', 'Transfer-Encoding', 'Expect', 'Accept-Encoding'),
    fc.string(),
  );
  const header = fc.tuple(names, fc.oneof(fc.string(), fc.constantFrom('chunked', 'gzip;q=0', '5')));
  const piece = fc.constantFrom('/', '.', '..', '%2e', '%2F', '\\', 'a', '?', '#', '%', '//');
  const urls = fc.oneof(
    fc.string(),
    fc.array(piece).map((pieces) => `/${pieces.join('')}`),
  );
  fc.assert(
    fc.property(urls, fc.constantFrom('1.1', '1.0', '2.0', ''), fc.array(header), (url, httpVersion, headers) => {
      const parsed = parse({ url, httpVersion, headers: headers.flat() });
      if (!parsed.ok) return;
      const { path } = parsed.head;
      // The platform's own URL parser resolves what we refuse; it has to agree that there was nothing to resolve.
      const resolved = new URL(`http://localhost${path}`).pathname;
      expect(decodeSafely(resolved).split('/').length).toBe(decodeSafely(path).split('/').length);
      expect(path.split('/').slice(1, -1)).not.toContain('');
    }),
    { numRuns: 1_000 },
  );
});

function decodeSafely(path: string): string {
  return path.replaceAll(/%2f/gi, '/').replaceAll(/%5c/gi, '\\').replaceAll('\\', '/');
}
