import { expect, onTestFinished, test, vi } from 'vitest';
import { TokenError } from '../errors.js';
import { describeEvent, openObserver } from './observer.js';

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

test('an observer that throws, or rejects later, disturbs nobody', async () => {
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  onTestFinished(() => void process.off('unhandledRejection', unhandled));
  const told = vi.fn();
  const event = { type: 'token:renewal-failed', error: new Error('x') } as const;
  openObserver((given) => {
    told(given);
    throw new Error('at once');
  })(event);
  openObserver(async (given) => {
    told(given);
    throw new Error('later');
  })(event);
  expect(told.mock.calls).toEqual([[event], [event]]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled).not.toHaveBeenCalled();
});
