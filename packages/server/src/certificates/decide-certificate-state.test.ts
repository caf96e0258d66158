import { expect, test } from 'vitest';
import { someTime } from '../testing/facts.js';
import { decideCertificateState } from './decide-certificate-state.js';

const validity = { notBefore: new Date(someTime), notAfter: new Date(someTime + 1_000), revokedAt: null };

test.each([
  [someTime - 1, 'not yet valid'],
  [someTime, 'in force'],
  [someTime + 999, 'in force'],
  [someTime + 1_000, 'expired'],
])('a certificate is, at %i, %s', (now, state) => {
  expect(decideCertificateState(validity, now)).toBe(state);
});

test('a revoked certificate is revoked at any time', () => {
  for (const now of [someTime - 1, someTime, someTime + 1_000]) {
    expect(decideCertificateState({ ...validity, revokedAt: new Date(someTime) }, now)).toBe('revoked');
  }
});
