import { describe, expect, test } from 'vitest';
import { someTime } from '../testing/facts.js';
import { decideRegistration, type Registered } from './decide-registration.js';

const sha256 = 'ab'.repeat(32);

function registered(name: string, changes: Partial<Registered> = {}): Registered {
  return { name, sha256: `of ${name}`, notAfter: new Date(someTime + 1), revokedAt: null, ...changes };
}

function decide(ofClient: readonly Registered[], isTaken = false) {
  return decideRegistration({ name: 'new', sha256, ofClient, isTaken, now: someTime });
}

function many(count: number, changes: Partial<Registered> = {}): Registered[] {
  return Array.from({ length: count }, (_, index) => registered(`certificate ${index}`, changes));
}

describe('registering a certificate', () => {
  test('is possible up to ten active ones, and not beyond', () => {
    expect(decide([])).toBeUndefined();
    expect(decide(many(9))).toBeUndefined();
    expect(decide(many(10))).toBe('too-many');
  });

  test('does not count those that are revoked or expired, from the very moment on', () => {
    const revoked = many(20, { revokedAt: new Date(someTime - 1) });
    const expired = many(20, { notAfter: new Date(someTime) });
    expect(decide([...revoked, ...expired, ...many(9)])).toBeUndefined();
    expect(decide([...revoked, ...expired, ...many(10)])).toBe('too-many');
  });

  test('needs a name that no certificate of the client has or had', () => {
    expect(decide([registered('new')])).toBe('name-taken');
    expect(decide([registered('new', { revokedAt: new Date(someTime) })])).toBe('name-taken');
    expect(decide([registered('new', { notAfter: new Date(someTime - 1) })])).toBe('name-taken');
    expect(decide([registered('New'), registered('new ')])).toBeUndefined();
  });

  test('of the same certificate again says whose it is, before anything else', () => {
    const full = [registered('new'), ...many(10)];
    const revokedAt = new Date(someTime);
    expect(decide([...full, registered('old', { sha256 })], true)).toBe('registered');
    expect(decide([...full, registered('old', { sha256, revokedAt })])).toBe('registered-and-revoked');
    expect(decide([...full, registered('old', { sha256, revokedAt })], true)).toBe('registered-and-revoked');
    expect(decide(full, true)).toBe('registered-elsewhere');
  });
});
