import { type RefusalCode, refusalCodes } from '@tollward/protocol';
import { describe, expect, test } from 'vitest';
import { catalogue, publicText, statusOf } from './catalogue.js';

/**
 * What the code that refuses fills in, by hand. The tests of those places (the token endpoint, the pipeline, the wire
 * surface) prove that they do; a text that asks for more fails here.
 */
const filled: Partial<Record<RefusalCode, readonly string[]>> = {
  ambiguous_request: ['problem'],
  method_not_allowed: ['allowed'],
  address_rate_limited: ['limit', 'window'],
  address_failures_limited: ['limit', 'window'],
  body_not_form: ['problem'],
  parameter_missing: ['parameter'],
  parameter_repeated: ['parameter'],
  secret_other_environment: ['secretEnvironment', 'environment', 'environment', 'secretEnvironment'],
  secret_replaced: ['replacedAt'],
  secret_revoked: ['revokedAt'],
  grant_type_unsupported: ['supported'],
  mtls_required: ['mtlsUrl'],
  certificate_not_yet_valid: ['notBefore'],
  certificate_expired: ['notAfter'],
  certificate_revoked: ['revokedAt'],
  certificate_paused: ['pausedUntil'],
  secret_paused: ['pausedUntil'],
  address_not_allowed: ['address'],
  token_other_environment: ['tokenEnvironment', 'environment'],
  token_expired: ['expiredAt'],
  token_revoked: ['problem'],
  token_not_bound: ['mtlsUrl'],
  client_rate_limited: ['limit', 'window'],
  route_rate_limited: ['rateClass', 'limit', 'window'],
  token_kind_not_allowed: ['kind', 'allowed'],
  profile_missing: ['parameter'],
  profile_malformed: ['parameter'],
  region_not_allowed: ['country'],
  request_body_too_large: ['limit'],
};

describe.each(refusalCodes)('the catalogue entry of %s', (code) => {
  const entry = catalogue[code];

  test('asks for exactly the words that its refusals bring', () => {
    const places = [...entry.text.matchAll(/\{(\w*)\}/g)].map(([, name]) => name);
    expect(places).toEqual(filled[code] ?? []);
    expect(entry.contractText ?? '').not.toContain('{');
    expect(entry.remedy).not.toContain('{');
  });

  test('is an error with a text and a remedy, in characters that every header can carry', () => {
    expect(statusOf(entry)).toBeGreaterThanOrEqual(400);
    expect(entry.status === null, 'whether an upstream answers').toBe(code === 'upstream_refused');
    expect(entry.error).toMatch(/^[a-z_]+$/);
    for (const text of [entry.text, entry.remedy]) expect(text).toMatch(/^[\x20-\x7e]{10,}$/);
  });
});

// A client that only checks its copy of a token never finds that its key was revoked.
test('whose token is not known is told to get a new one', () => {
  const { text, remedy } = catalogue.token_malformed;
  expect([text, remedy]).toEqual([
    expect.stringContaining('get a new one'),
    expect.stringContaining('get a new token'),
  ]);
});

describe('publicText', () => {
  test('fills every place, and leaves one that nobody filled to be seen', () => {
    expect(publicText('{a} and {b} and {a}', { a: '1', b: '2' })).toBe('1 and 2 and 1');
    expect(publicText('{a} and {b}', { a: '1' })).toBe('1 and {b}');
    expect(publicText('nothing to fill')).toBe('nothing to fill');
  });

  test('does not read what it filled in as a pattern of its own', () => {
    expect(publicText('{a} {b}', { a: '{b} $& $1', b: '2' })).toBe('{b} $& $1 2');
  });
});
