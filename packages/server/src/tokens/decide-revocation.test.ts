import { describe, expect, test } from 'vitest';
import { someCertificate, someClaims, someClient, someSecret, someTime } from '../testing/facts.js';
import { decideRevocation } from './decide-revocation.js';

const claims = someClaims();
const listOf = (length: number) => new Set(Array.from({ length }, (_, index) => index.toString(16).padStart(32, '0')));

describe('revoking a token', () => {
  test('lists it, up to 500 of a client, and then ends all tokens the client has', () => {
    for (const length of [0, 499]) {
      expect(decideRevocation(claims, someClient({ revokedTokens: listOf(length) }), someTime)).toBe('token');
    }
    for (const length of [500, 501]) {
      expect(decideRevocation(claims, someClient({ revokedTokens: listOf(length) }), someTime)).toBe('all-tokens');
    }
  });

  test.each([
    ['an unknown client', undefined],
    ['a revoked client', someClient({ revokedAt: someTime })],
    ['an ended generation', someClient({ generation: 6 })],
    ['a revoked secret', someClient({ secrets: [someSecret({ revokedAt: someTime })] })],
    ['a token that is listed already', someClient({ revokedTokens: new Set([claims.tokenId]) })],
    ['a token on a full list', someClient({ revokedTokens: listOf(500).add(claims.tokenId) })],
  ])('needs nothing for %s: it never comes back', (_case, client) => {
    expect(decideRevocation(claims, client, someTime)).toBe('nothing');
  });

  test('needs nothing from the moment it expires', () => {
    expect(decideRevocation(claims, someClient(), claims.expiresAt - 1)).toBe('token');
    expect(decideRevocation(claims, someClient(), claims.expiresAt)).toBe('nothing');
  });

  test('lists a token whose secret or certificate is paused, because a pause ends', () => {
    const pausedUntil = someTime + 1;
    const certificate = someCertificate({ pausedUntil });
    expect(decideRevocation(claims, someClient({ secrets: [someSecret({ pausedUntil })] }), someTime)).toBe('token');
    const paused = someClient({ certificates: new Map([[certificate.thumbprint, certificate]]) });
    expect(decideRevocation(claims, paused, someTime)).toBe('token');
  });
});
