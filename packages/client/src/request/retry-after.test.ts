import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseHttpDate, parseRetryAfter } from './retry-after.js';

const now = Date.UTC(2026, 8, 14, 3, 43, 28);
const wholeSeconds = fc
  .date({ min: new Date('1990-01-01T00:00:00Z'), max: new Date('2074-12-31T23:59:59Z'), noInvalidDate: true })
  .map((date) => Math.floor(date.getTime() / 1000) * 1000);

describe('Retry-After', () => {
  test('[SDK-34] is a number of seconds', () => {
    fc.assert(
      fc.property(fc.nat(), (seconds) => {
        expect(parseRetryAfter(String(seconds), now)).toBe(seconds * 1000);
      }),
    );
  });

  test('[SDK-34] is a date, however long ago', () => {
    fc.assert(
      fc.property(wholeSeconds, (time) => {
        expect(parseRetryAfter(new Date(time).toUTCString(), now)).toBe(Math.max(time - now, 0));
      }),
    );
  });

  test.each(['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'])(
    '[SDK-34] is read in the form of RFC 9110 section 5.6.7: %s',
    (text) => {
      expect(parseHttpDate(text, now)).toBe(784_111_777_000);
    },
  );

  test('takes a year of two digits that would be more than 50 years ahead for one of the past', () => {
    expect(parseHttpDate('Sunday, 06-Nov-76 08:49:37 GMT', now)).toBe(Date.UTC(2076, 10, 6, 8, 49, 37));
    expect(parseHttpDate('Sunday, 06-Nov-77 08:49:37 GMT', now)).toBe(Date.UTC(1977, 10, 6, 8, 49, 37));
  });

  test.each(['', 'soon', '-1', '1.5', '5s', '1e3', '2026-09-14T03:43:28Z', 'Mon, 14 Sep 2026 03:43:28 +0200', '5, 6'])(
    'is not %j',
    (text) => {
      expect(parseRetryAfter(text, now)).toBeUndefined();
    },
  );

  test('never gives anything but a wait, whatever was sent', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d{1,400}$/)), (text) => {
        const waitMs = parseRetryAfter(text, now) ?? 0;
        expect(Number.isSafeInteger(waitMs) && waitMs >= 0).toBe(true);
      }),
    );
  });
});
