import { refusalCodes } from '@tollward/protocol';
import { describe, expect, test } from 'vitest';
import { catalogue, type Refusal } from '../../refusals/index.js';
import { someTime } from '../../testing/facts.js';
import { answerRefusal } from './errors.js';

const tokenPath = '/oauth/token';
const callPath = '/v1/authenticated/playground';

function refusalOf(refusal: Refusal['refusal'], changes: Partial<Refusal> = {}): Refusal {
  return { refusal, step: 'edge', expected: 'EXPECTED-EVIDENCE', seen: 'SEEN-EVIDENCE', ...changes };
}

function answer(refusal: Refusal, path: string) {
  const { body, headers = [], ...rest } = answerRefusal(refusal, path, someTime);
  const pairs = new Map<string, string>();
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    expect(pairs.has(name), `${name} once`).toBe(false);
    pairs.set(name, headers[index + 1] ?? '');
  }
  return { ...rest, json: JSON.parse(String(body)) as Record<string, unknown>, headers: pairs };
}

/** RFC 9110 section 11.2: a scheme, then parameters with token or quoted values. */
const challenge = /^(Basic|Bearer) [a-z_]+="(?:[^"\\]|\\.)*"(?:, [a-z_]+="(?:[^"\\]|\\.)*")*$/;

describe.each(refusalCodes)('the answer to %s', (code) => {
  test.each([tokenPath, '/2026Q3/oauth/token'])('at %s has the shape of RFC 6749 section 5.2', (path) => {
    const { json, status } = answer(refusalOf(code), path);
    expect(status).toBe(catalogue[code].status ?? 502);
    expect(Object.keys(json)).toEqual(['error', 'error_description']);
    expect(json['error']).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
    // A bearer check never happens at this path; its text may hold quotes.
    if (code !== 'token_missing') expect(json['error_description']).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
  });

  test('elsewhere has the shape of its family, and a challenge exactly when the status is 401', () => {
    const { json, status, headers } = answer(refusalOf(code), callPath);
    const shapes = [
      ['error', 'error_description'],
      ['timestamp', 'status', 'error', 'message', 'path'],
    ];
    expect(shapes).toContainEqual(Object.keys(json));
    if (status === 401) expect(headers.get('www-authenticate')).toMatch(challenge);
    else expect(headers.has('www-authenticate')).toBe(false);
  });

  test('names its code, is never cached and shows no evidence', () => {
    for (const path of [tokenPath, callPath]) {
      const { json, headers } = answer(refusalOf(code), path);
      expect(headers.get('x-refusal-code')).toBe(code);
      expect(headers.get('cache-control')).toBe('no-store');
      expect(JSON.stringify([json, [...headers]])).not.toContain('EVIDENCE');
    }
  });
});

describe('the answers the contract fixes', () => {
  test('a failed client authentication is 401 invalid_client with a Basic challenge', () => {
    const { status, json, headers } = answer(refusalOf('client_authentication_failed'), tokenPath);
    expect(status).toBe(401);
    expect(json).toEqual({ error: 'invalid_client', error_description: 'Client authentication failed' });
    expect(headers.get('www-authenticate')).toBe('Basic realm="tollward"');
  });

  test('a missing grant type is 400 invalid_request', () => {
    const { status, json } = answer(refusalOf('grant_type_missing'), tokenPath);
    expect([status, json]).toEqual([400, { error: 'invalid_request', error_description: 'Missing grant type' }]);
  });

  test('a bad token says only that it is invalid; the challenge says why', () => {
    const { status, json, headers } = answer(
      refusalOf('token_expired', { parameters: { expiredAt: '2026-03-01T11:00:00.000Z' } }),
      callPath,
    );
    expect([status, json]).toEqual([401, { error: 'invalid_token', error_description: 'Invalid token' }]);
    expect(headers.get('www-authenticate')).toBe(
      'Bearer realm="tollward", error="invalid_token", error_description="The access token expired at 2026-03-01T11:00:00.000Z: get a new one."',
    );
  });

  test('a request without a token gets a challenge without an error code (RFC 6750 section 3.1)', () => {
    const { json, headers } = answer(refusalOf('token_missing'), callPath);
    expect(json['error']).toBe('missing_token');
    expect(headers.get('www-authenticate')).toBe('Bearer realm="tollward"');
  });

  test('a bad certificate is invalid_client at the token endpoint and invalid_token at a call', () => {
    const refusal = refusalOf('certificate_missing');
    expect(answer(refusal, tokenPath).json['error']).toBe('invalid_client');
    const { json, headers } = answer(refusal, callPath);
    expect(json['error']).toBe('invalid_token');
    expect(headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  test('the status shape carries reason phrase, path and a time with a numeric offset', () => {
    expect(answer(refusalOf('route_unknown'), '/nowhere').json).toEqual({
      timestamp: '2026-03-01T12:00:00.000+0000',
      status: 404,
      error: 'Not Found',
      message: 'There is nothing at this path.',
      path: '/nowhere',
    });
  });
});

describe('the answers of a gateway', () => {
  const path = '/v3/profiles/77001234/quotes';

  test('[POL-21] a profile of somebody else is refused in the words of the contract, and so is one that does not exist', () => {
    const { status, json } = answer(refusalOf('profile_not_accessible'), path);
    expect([status, json]).toEqual([
      403,
      { timestamp: '2026-03-01T12:00:00.000+0000', status: 403, error: 'unauthorized', message: 'Unauthorized', path },
    ]);
  });

  test.each([
    ['token_kind_not_allowed', 403, 'Forbidden'],
    ['embedded_model_off', 403, 'Forbidden'],
    ['region_not_allowed', 403, 'Forbidden'],
    ['sca_not_available', 403, 'Forbidden'],
    ['profile_missing', 400, 'Bad Request'],
    ['profile_malformed', 400, 'Bad Request'],
    ['parameter_repeated', 400, 'Bad Request'],
    ['request_body_too_large', 413, 'Payload Too Large'],
    ['upstream_unreachable', 502, 'Bad Gateway'],
    ['upstream_failed', 502, 'Bad Gateway'],
    ['upstream_timeout', 504, 'Gateway Timeout'],
  ] as const)('%s is %d in the status shape', (code, status, error) => {
    expect(answer(refusalOf(code), path).json).toMatchObject({ status, error, path });
  });

  test('a token in the query is 400 invalid_request (RFC 6750 section 3.1)', () => {
    const { status, json } = answer(refusalOf('token_in_query'), path);
    expect([status, json['error']]).toEqual([400, 'invalid_request']);
  });

  test('a call that needs strong customer authentication gets no challenge that it could not answer', () => {
    const { headers } = answer(refusalOf('sca_not_available'), path);
    expect([...headers.keys()].filter((name) => name.startsWith('x-2fa'))).toEqual([]);
  });
});

describe('the headers of a refusal', () => {
  test('a challenge stays one quoted string whatever fills the text', () => {
    const { headers } = answer(
      refusalOf('token_revoked', { parameters: { problem: 'a "quote" and a \\ in it' } }),
      callPath,
    );
    expect(headers.get('www-authenticate')).toMatch(challenge);
    expect(headers.get('www-authenticate')).toContain("a 'quote' and a ' in it");
  });

  test('a limit says who limited and for how long', () => {
    const byClient = answer(refusalOf('client_rate_limited', { retryAfterSeconds: 7 }), callPath).headers;
    expect([byClient.get('retry-after'), byClient.get('x-rate-limited-by')]).toEqual(['7', 'tollward-client']);
    const byRoute = answer(refusalOf('route_rate_limited', { retryAfterSeconds: 1 }), callPath).headers;
    expect([byRoute.get('retry-after'), byRoute.get('x-rate-limited-by')]).toEqual(['1', 'tollward-route']);
    for (const code of ['address_rate_limited', 'address_failures_limited'] as const) {
      expect(answer(refusalOf(code), callPath).headers.get('x-rate-limited-by')).toBe('tollward-address');
    }
    expect(answer(refusalOf('route_unknown'), callPath).headers.has('retry-after')).toBe(false);
  });

  test('a wrong method is told the right one', () => {
    const { headers, json } = answer(refusalOf('method_not_allowed', { parameters: { allowed: 'POST' } }), callPath);
    expect(headers.get('allow')).toBe('POST');
    expect(json['message']).toContain('POST');
  });

  test('closes the connection of an address over its limits, after what makes the next bytes doubtful, and only then', () => {
    const closing = refusalCodes.filter((code) => answerRefusal(refusalOf(code), callPath, someTime).closes);
    expect(closing).toEqual([
      'malformed_request',
      'ambiguous_request',
      'header_too_large',
      'request_timeout',
      'address_rate_limited',
      'address_failures_limited',
      'body_too_large',
      'request_body_too_large',
    ]);
  });
});
