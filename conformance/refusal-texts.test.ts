// Every refusal of a credential, read aloud: one sentence that tells the engineer of a partner what to do next.

import { type RefusalCode, refusalCodes } from '@tollward/protocol';
import { refusalText } from '@tollward/server/testing';
import { describe, expect, test } from 'vitest';

/** What a request is refused for before or beside any credential. */
const aboutTheRequest = [
  'malformed_request',
  'ambiguous_request',
  'header_too_large',
  'request_timeout',
  'route_unknown',
  'method_not_allowed',
  'address_rate_limited',
  'address_failures_limited',
  'client_rate_limited',
  'route_rate_limited',
  'body_too_large',
  'body_not_form',
  'parameter_missing',
  'parameter_repeated',
  'parameter_in_query',
  'request_body_too_large',
  'grant_type_missing',
  'grant_type_unsupported',
  'upstream_unreachable',
  'upstream_timeout',
  'upstream_failed',
  'upstream_refused',
  'injected_fault',
  'temporarily_unavailable',
  'internal_error',
] as const satisfies readonly RefusalCode[];

/** The longest that the places of a text are filled with. */
const longest: Readonly<Record<string, string>> = {
  environment: 'production',
  secretEnvironment: 'production',
  tokenEnvironment: 'production',
  mtlsUrl: 'https://api-mtls.sandbox.example.com',
  address: '2001:db8:1234:5678:9abc:def0:1234:5678',
  problem: 'older tokens of this organisation were ended',
  kind: 'a client-credentials token',
  allowed: 'a client-credentials token of a client with the embedded model or a user token or a personal token',
  parameter: 'profileId',
  country: 'GB',
  ...Object.fromEntries(
    ['replacedAt', 'revokedAt', 'pausedUntil', 'notBefore', 'notAfter', 'expiredAt'].map((name) => [
      name,
      '2026-12-31T23:59:59.999Z',
    ]),
  ),
};

const imperative = /(?:^|[:,] (?:or |and )?)(use|send|get|ask|leave|repeat|switch|authenticate|have|deploy)\b/i;

describe('the text of a refusal', () => {
  const codes = refusalCodes.filter((code) => !aboutTheRequest.some((other) => other === code));

  const fixed: readonly (readonly [RefusalCode, string])[] = [
    ['client_authentication_failed', 'Client authentication failed'],
    ['profile_not_accessible', 'Unauthorized'],
  ];
  for (const [code, text] of fixed) {
    test(`[REF-06] ${code} is the one the contract fixes, and its remedy is in the explanation`, () => {
      expect(codes).toContain(code);
      expect(refusalText(code, {})).toBe(text);
    });
  }

  for (const code of codes.filter((each) => !fixed.some(([other]) => other === each))) {
    test(`[REF-06] ${code} is one sentence that says what to do next`, () => {
      const text = refusalText(code, longest);
      expect(text).toMatch(/^[A-Z].*[^.]\.$/);
      expect(text).not.toMatch(/[{}]/);
      expect(text).not.toMatch(/[.!?] /);
      expect(text).toMatch(imperative);
      expect(text.length).toBeLessThanOrEqual(200);
      // RFC 6749 section 5.2: the characters an error_description may have.
      expect(text).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
    });
  }
});
