import { describe, expect, test } from 'vitest';
import {
  certificateId,
  someCertificate,
  someClaims,
  someClient,
  someSecret,
  someTime,
  thumbprintOf,
} from '../testing/facts.js';
import { decideStanding } from './decide-standing.js';

const revokedAt = someTime;
const revokedText = '2026-03-01T12:00:00.000Z';

function certificates(changes: Parameters<typeof someCertificate>[0]) {
  const certificate = someCertificate(changes);
  return new Map([[certificate.thumbprint, certificate]]);
}

describe('what a token stands on', () => {
  test('is in force when client, generations, secret and certificate are', () => {
    const client = someClient();
    expect(decideStanding(someClaims(), client)).toEqual({ inForce: true, client });
    expect(decideStanding(someClaims({ binding: null }), client)).toEqual({ inForce: true, client });
  });

  test('needs the very secret and certificate the token was issued for, not any of the client', () => {
    const others = someClient({
      secrets: [someSecret({ id: `sec_${'9'.repeat(32)}` })],
      certificates: certificates({ thumbprint: thumbprintOf('b') }),
    });
    expect(decideStanding(someClaims({ binding: null }), others)).toMatchObject({
      inForce: false,
      problem: 'its client secret is gone',
    });
    const otherCertificate = someClient({ certificates: certificates({ thumbprint: thumbprintOf('b') }) });
    expect(decideStanding(someClaims(), otherCertificate)).toMatchObject({
      inForce: false,
      code: 'token_revoked',
      problem: 'its certificate is gone',
    });
  });

  test.each([
    ['an unknown client', undefined, 'its client is gone'],
    ['a revoked client', someClient({ revokedAt }), 'its client was revoked'],
    ['a client of a higher generation', someClient({ generation: 6 }), 'older tokens of this client were ended'],
    ['a client of a lower generation', someClient({ generation: 4 }), 'older tokens of this client were ended'],
    [
      'another organisation generation',
      someClient({ organisationGeneration: 4 }),
      'older tokens of this organisation were ended',
    ],
    ['a revoked secret', someClient({ secrets: [someSecret({ revokedAt })] }), 'its client secret was revoked'],
  ])('has ended with %s', (_case, client, problem) => {
    expect(decideStanding(someClaims(), client)).toMatchObject({
      inForce: false,
      code: 'token_revoked',
      problem,
    });
  });

  test('has ended with a revoked certificate, with a code of its own that says since when', () => {
    const client = someClient({ certificates: certificates({ revokedAt }) });
    expect(decideStanding(someClaims(), client)).toEqual({
      inForce: false,
      code: 'certificate_revoked',
      problem: 'its certificate was revoked',
      seen: `certificate ${certificateId}, revoked at ${revokedText}`,
      parameters: { revokedAt: revokedText },
    });
    expect(decideStanding(someClaims({ binding: null }), client).inForce, 'an unbound token stands on none').toBe(true);
  });

  test('ends with a revocation even if the clock that dated it is ahead', () => {
    const ahead = someTime + 60_000;
    for (const client of [
      someClient({ revokedAt: ahead }),
      someClient({ secrets: [someSecret({ revokedAt: ahead })] }),
      someClient({ certificates: certificates({ revokedAt: ahead }) }),
    ]) {
      expect(decideStanding(someClaims(), client).inForce).toBe(false);
    }
  });

  test('lets tokens of a replaced secret run out', () => {
    const client = someClient({ secrets: [someSecret({ usableUntil: someTime - 1 })] });
    expect(decideStanding(someClaims(), client).inForce).toBe(true);
  });
});
