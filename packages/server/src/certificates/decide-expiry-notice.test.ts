import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { someTime } from '../testing/facts.js';
import { daysLeft, decideExpiryAdvice, decideExpiryNotice, type EndingCertificate } from './decide-expiry-notice.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const noticeAt = (leftMs: number, lastNotice: number | null = null) =>
  decideExpiryNotice(someTime + leftMs, lastNotice, someTime);

describe('a notice of expiry', () => {
  test.each([
    [30 * dayMs + 1, undefined],
    [30 * dayMs, 30],
    [14 * dayMs + 1, 30],
    [14 * dayMs, 14],
    [7 * dayMs + 1, 14],
    [7 * dayMs, 7],
    [dayMs + 1, 7],
    [dayMs, 1],
    [1, 1],
    [0, 0],
    [-400 * dayMs, 0],
  ])('with %i ms left is %s, and not given again', (leftMs, notice) => {
    expect(noticeAt(leftMs)).toBe(notice);
    if (notice !== undefined) expect(noticeAt(leftMs, notice)).toBeUndefined();
  });

  test('is the nearest one after a long stop', () => {
    expect(noticeAt(3 * dayMs, 30)).toBe(7);
    expect(noticeAt(-dayMs, 30)).toBe(0);
  });

  test('is not given a second time when the clock is set back', () => {
    expect(noticeAt(10 * dayMs, 7)).toBeUndefined();
    expect(noticeAt(10 * dayMs, 0)).toBeUndefined();
  });

  test('is given at each threshold once when somebody looks every hour', () => {
    const given: [notice: number, hoursLeft: number][] = [];
    for (let hoursLeft = 800; hoursLeft > -800; hoursLeft -= 1) {
      const notice = noticeAt(hoursLeft * hourMs, given.at(-1)?.[0] ?? null);
      if (notice !== undefined) given.push([notice, hoursLeft]);
    }
    expect(given).toEqual([
      [30, 720],
      [14, 336],
      [7, 168],
      [1, 24],
      [0, 0],
    ]);
  });

  test('never repeats or goes back, whenever and however often somebody looks', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -40 * dayMs, max: 40 * dayMs })), (looks) => {
        const given: number[] = [];
        for (const leftMs of looks) {
          const notice = noticeAt(leftMs, given.at(-1) ?? null);
          if (notice !== undefined) given.push(notice);
        }
        expect(given).toEqual([...new Set(given)].sort((left, right) => right - left));
      }),
    );
  });
});

test.each([
  [30 * dayMs, 30],
  [29.5 * dayMs, 30],
  [1, 1],
  [0, 0],
  [-1, 0],
  [-90 * dayMs, 0],
])('of %d ms the days left are %i', (leftMs, days) => {
  expect(daysLeft(someTime + leftMs, someTime)).toBe(days);
});

describe('the advice about a certificate that ends', () => {
  const clientId = `cli_${'1'.repeat(32)}`;
  const lately = new Date(someTime - 7 * dayMs + 1);
  const longAgo = new Date(someTime - 7 * dayMs);
  const adviceOn = (changes: Partial<EndingCertificate>) =>
    decideExpiryAdvice(
      {
        clientId,
        origin: 'issued',
        notAfter: new Date(someTime + dayMs),
        lastUsedAt: lately,
        lastUsedFrom: '192.0.2.1',
        usesKnownSince: longAgo,
        laterOne: false,
        ...changes,
      },
      someTime,
    );
  const never = { lastUsedAt: null, lastUsedFrom: null };
  const over = { notAfter: new Date(someTime) };

  test.each<[string, Partial<EndingCertificate>, string]>([
    ['that is used', {}, 'warn'],
    ['that is used, with a later one', { laterOne: true }, 'warn'],
    ['that is not used', { lastUsedAt: longAgo }, 'warn'],
    ['that is not used, with a later one', { lastUsedAt: longAgo, laterOne: true }, 'info'],
    ['that was never used', never, 'warn'],
    ['that was never used, with a later one', { ...never, laterOne: true }, 'info'],
    ['of unknown use, with a later one', { ...never, laterOne: true, usesKnownSince: lately }, 'warn'],
    ['that is over and used', over, 'error'],
    ['that is over and used, with a later one', { ...over, laterOne: true }, 'error'],
    ['that is over and not used', { ...over, lastUsedAt: longAgo }, 'warn'],
    ['that is over and not used, with a later one', { ...over, lastUsedAt: longAgo, laterOne: true }, 'info'],
    ['that is over and of unknown use', { ...over, ...never, usesKnownSince: lately }, 'warn'],
  ])('is for one %s as loud as it matters', (_case, changes, level) => {
    expect(adviceOn(changes).level).toBe(level);
  });

  test('says who used it last, or since when nobody is known to', () => {
    expect(adviceOn({ lastUsedAt: longAgo }).situation).toBe(
      'last used at 2026-02-22T12:00:00.000Z from 192.0.2.1; the client has none that ends later',
    );
    expect(adviceOn({ ...never, laterOne: true }).situation).toBe(
      'no use is known since 2026-02-22T12:00:00.000Z; the client has another that ends later',
    );
  });

  test.each<[string, Partial<EndingCertificate>, RegExp]>([
    ['to renew one that is used', {}, /^register its successor with "tollward certs issue cli_1+" and move/],
    [
      'to upload again what was uploaded',
      { origin: 'uploaded' },
      /^register its successor with "tollward certs upload/,
    ],
    ['to renew one that is not used only if it is needed', { lastUsedAt: longAgo }, /^if it is still needed, register/],
    [
      'to find out what the later one is for',
      { laterOne: true },
      /^check in "tollward clients show cli_1+" .*if not, reg/,
    ],
    [
      'to find out whether anything needs it',
      { laterOne: true, lastUsedAt: longAgo },
      /^check in "tollward clients show cli_1+" whether anything still needs it; if so, register/,
    ],
  ])('is %s', (_case, changes, remedy) => {
    expect(adviceOn(changes).remedy).toMatch(remedy);
  });
});
