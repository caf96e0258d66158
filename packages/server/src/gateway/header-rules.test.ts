import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isForbiddenHeader, passAnswerHeaders, passRequestHeaders, requestHeaderNames } from './header-rules.js';

const names = requestHeaderNames(['X-Money-Region']);

describe('a header that a policy may not let through', () => {
  test.each([
    ...['authorization', 'cookie', 'forwarded', 'via', 'host', 'content-length', 'expect', 'x-real-ip', 'x-signature'],
    ...['proxy-authorization', 'proxy-anything', 'x-forwarded', 'x-forwarded-for', 'x-forwarded-anything'],
    ...['client-cert', 'client-cert-chain', 'x-client-cert', 'x-client-certificate', 'ssl-client-cert', 'x-ssl-cert'],
    ...['tollward-assertion', 'tollward-anything', 'x-tollward-anything', 'x-2fa-approval', 'x-tw-jose-method'],
    ...['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'x-trace-id'],
    ...['x-external-correlation-id', 'one-time-token', 'x_money_region', 'x money', 'x-mönchen', ''],
  ])('%s', (name) => {
    expect(isForbiddenHeader(name)).toBe(true);
    expect(isForbiddenHeader(name.toUpperCase())).toBe(true);
  });

  test.each(['x-money-region', 'X-Money-Region', 'accept', 'idempotency-key', 'x-tws', 'x-forwarder'])(
    'is not %s',
    (name) => {
      expect(isForbiddenHeader(name)).toBe(false);
    },
  );
});

describe('the headers of a request that pass', () => {
  const word = fc.constantFrom('authorization', 'Cookie', 'X-Forwarded-For', 'tollward_assertion', 'via', 'x-tw-a');
  const other = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/);
  const passing = fc.constantFrom('Accept', 'x-money-REGION', 'Content-Type', 'x-idempotence-uuid');
  const value = fc.string();

  test('are those that were named, in any case, each as often and with the value that was sent', () => {
    const header = fc.tuple(fc.oneof(word, other, passing), value);
    fc.assert(
      fc.property(fc.array(header), (headers) => {
        const sent = headers.filter(([name]) => name.toLowerCase() !== 'connection');
        const expected = sent.filter(([name]) => names.has(name.toLowerCase()));
        expect(passRequestHeaders(sent.flat(), names)).toEqual(
          expected.flatMap(([name, text]) => [name.toLowerCase(), text]),
        );
        for (const [name] of expected) expect(isForbiddenHeader(name)).toBe(false);
      }),
    );
  });

  test('are none that Connection names, wherever it stands and however often it comes', () => {
    const headers = ['Accept', 'a', 'Connection', 'Range , x', 'Range', 'b', 'CONNECTION', 'aCCept', 'User-Agent', 'c'];
    expect(passRequestHeaders(headers, names)).toEqual(['user-agent', 'c']);
    expect(passRequestHeaders(['Connection', 'keep-alive', 'Accept', 'a'], names)).toEqual(['accept', 'a']);
  });
});

describe('the headers of an answer that pass', () => {
  const pass = (status: number, ...texts: readonly string[]) =>
    passAnswerHeaders(
      status,
      texts.map((text) => Buffer.from(text, 'latin1')),
    );

  test('are all but those of the connection and of the gateway', () => {
    const kept = ['x-a', 'b', 'link', '<c>', 'link', '<d>', 'x-text', '\xe4'];
    const dropped = ['Connection', 'close, X-Hop', 'x-hop', '1', 'Transfer-Encoding', 'chunked', 'SET-COOKIE', 'a=b'];
    const ours = [
      'X-Trace-Id',
      'x',
      'tollward-x',
      'y',
      'Access-Control-Allow-Origin',
      '*',
      'Alt-Svc',
      'h3=":1"',
      'X-2FA-Approval',
      'x',
    ];
    expect(pass(200, ...kept, ...dropped, ...ours)).toEqual({ headers: kept, refusal: undefined, isEncoded: false });
  });

  test('have a length, but not where there can be no body', () => {
    expect(pass(304, 'Content-Length', '5').headers).toEqual(['content-length', '5']);
    expect(pass(204, 'Content-Length', '5').headers).toEqual([]);
  });

  test('tell of a body that nobody decodes here', () => {
    expect(pass(200, 'Transfer-Encoding', 'gzip, chunked').isEncoded).toBe(true);
    expect(pass(200, 'Transfer-Encoding', 'Chunked').isEncoded).toBe(false);
  });

  test.each([
    ['the account is closed', 'the account is closed'],
    ['x'.repeat(200), 'x'.repeat(200)],
    ['x'.repeat(201), 'x'.repeat(200)],
    ['', undefined],
    ['two\tlines', 'two\ufffdlines'],
    ['\xe4', '\xe4'],
  ])('keep back what the upstream says of its no: %j', (text, refusal) => {
    expect(pass(403, 'Tollward-Refusal', text)).toMatchObject({ headers: [], refusal });
  });
});
