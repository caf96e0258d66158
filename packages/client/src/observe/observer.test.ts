import { expect, test } from 'vitest';
import { TokenError } from '../errors.js';
import { describeEvent } from './observer.js';

test('an event is one line of the debug log, whatever is in it', () => {
  const validTo = new Date('2026-09-14T03:43:28Z');
  expect(
    describeEvent({ type: 'certificate:expiring', subject: 'CN=a\nb', thumbprint: 'x', validTo, daysLeft: 3 }),
  ).toBe("certificate:expiring subject='CN=a\\nb' thumbprint='x' validTo=2026-09-14T03:43:28.000Z daysLeft=3");
});

test('an error in an event is its name and message, without what hangs on it', () => {
  const error = new TokenError('No token.', { cause: new Error('inner') });
  expect(describeEvent({ type: 'token:renewal-failed', error })).toBe(
    'token:renewal-failed error=TokenError: No token.',
  );
});
