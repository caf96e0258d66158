import { describe, expect, test } from 'vitest';
import {
  certificateId,
  secretId,
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
    expect(decideStanding(someClaims(), client, someTime)).toEqual({ inForce: true, client });
    expect(decideStanding(someClaims({ binding: null }), client, someTime)).toEqual({ inForce: true, client });
  });

  test('needs the very secret and certificate the token was issued for, not any of the client', () => {
    const others = someClient({
      secrets: [someSecret({ id: `sec_${'9'.repeat(32)}` })],
      certificates: certificates({ thumbprint: thumbprintOf('b') }),
    });
    expect(decideStanding(someClaims({ binding: null }), others, someTime)).toMatchObject({
      inForce: false,
      problem: 'its client secret is gone',
    });
    const otherCertificate = someClient({ certificates: certificates({ thumbprint: thumbprintOf('b') }) });
    expect(decideStanding(someClaims(), otherCertificate, someTime)).toMatchObject({
      inForce: false,
      code: 'token_revoked',
      problem: 'its certificate is gone',
    });
  });

  test('ends with a token that was revoked by itself, and with no other', () => {
    const client = (tokenId: string) => someClient({ revokedTokens: new Set([tokenId]) });
    expect(decideStanding(someClaims(), client(someClaims().tokenId), someTime)).toMatchObject({
      inForce: false,
      code: 'token_revoked',
      problem: 'its client or an operator ended it',
    });
    expect(decideStanding(someClaims(), client('7f'.repeat(16)), someTime)).toMatchObject({ inForce: true });
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
    expect(decideStanding(someClaims(), client, someTime)).toMatchObject({
      inForce: false,
      code: 'token_revoked',
      problem,
    });
  });

  test('has ended with a revoked certificate, with a code of its own that says since when', () => {
    const client = someClient({ certificates: certificates({ revokedAt }) });
    expect(decideStanding(someClaims(), client, someTime)).toEqual({
      inForce: false,
      code: 'certificate_revoked',
      problem: 'its certificate was revoked',
      seen: `certificate ${certificateId}, revoked at ${revokedText}`,
      parameters: { revokedAt: revokedText },
      credentialId: certificateId,
    });
    expect(
      decideStanding(someClaims({ binding: null }), client, someTime).inForce,
      'an unbound token stands on none',
    ).toBe(true);
  });

  test('ends with a revocation even if the clock that dated it is ahead', () => {
    const ahead = someTime + 60_000;
    for (const client of [
      someClient({ revokedAt: ahead }),
      someClient({ secrets: [someSecret({ revokedAt: ahead })] }),
      someClient({ certificates: certificates({ revokedAt: ahead }) }),
    ]) {
      expect(decideStanding(someClaims(), client, someTime).inForce).toBe(false);
    }
  });

  test('names the secret or certificate that is the reason, and none when the client or its organisation is', () => {
    const reasonOf = (client: ReturnType<typeof someClient> | undefined) => {
      const verdict = decideStanding(someClaims(), client, someTime);
      return verdict.inForce ? 'none' : verdict.credentialId;
    };
    expect(reasonOf(someClient({ secrets: [someSecret({ revokedAt })] }))).toBe(secretId);
    expect(reasonOf(someClient({ certificates: certificates({ revokedAt }) }))).toBe(certificateId);
    expect(reasonOf(someClient({ revokedAt, secrets: [someSecret({ revokedAt })] }))).toBeUndefined();
    expect(reasonOf(someClient({ generation: 6 }))).toBeUndefined();
    expect(reasonOf(undefined)).toBeUndefined();
  });

  test('lets tokens of a replaced secret run out', () => {
    const client = someClient({ secrets: [someSecret({ usableUntil: someTime - 1 })] });
    expect(decideStanding(someClaims(), client, someTime).inForce).toBe(true);
  });

  test('pauses with its secret, another one of the client or not, and is in force again from the very end of the pause', () => {
    const other = someSecret({ id: `sec_${'9'.repeat(32)}` });
    const client = someClient({ secrets: [other, someSecret({ pausedUntil: someTime + 1 })] });
    expect(decideStanding(someClaims(), client, someTime)).toEqual({
      inForce: false,
      code: 'secret_paused',
      problem: 'its client secret is paused',
      seen: `secret ${secretId}, paused until 2026-03-01T12:00:00.001Z`,
      parameters: { pausedUntil: '2026-03-01T12:00:00.001Z' },
      credentialId: secretId,
    });
    expect(decideStanding(someClaims(), client, someTime + 1).inForce).toBe(true);
    const otherPaused = someClient({ secrets: [someSecret(), { ...other, pausedUntil: someTime + 1 }] });
    expect(decideStanding(someClaims(), otherPaused, someTime).inForce).toBe(true);
  });

  test('is called revoked, not paused, when its secret is both', () => {
    const client = someClient({ secrets: [someSecret({ revokedAt, pausedUntil: someTime + 1 })] });
    expect(decideStanding(someClaims(), client, someTime)).toMatchObject({ code: 'token_revoked' });
  });
});
