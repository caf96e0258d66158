import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeAgo, describeDuration, durationWithin, parseDuration } from './duration.js';

describe('durations', () => {
  it.each([
    ['0s', 0],
    ['30s', 30],
    ['15m', 900],
    ['24h', 86_400],
    ['7d', 604_800],
  ])('reads %s as %i seconds', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  it.each(['', '30', 's', '1.5h', '-1h', '+1h', '1 h', '1H', '1h30m', '1w', '٣h', '12345678s', '1h\n'])(
    'does not read %j',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it('never throws, and reads nothing but digits and a unit', () => {
    fc.assert(fc.property(fc.string(), (text) => parseDuration(text) === undefined || /^[0-9]+[smhd]$/.test(text)));
  });

  it('takes the limits themselves, and says the limits for what is beyond', () => {
    const parse = durationWithin('60s', '24h');
    expect([parse('1m'), parse('1d')]).toEqual([60, 86_400]);
    for (const text of ['59s', '86401s', 'soon']) expect(() => parse(text)).toThrow(/between 60s and 24h/);
  });

  it.each([
    [1, '1 second'],
    [119, '119 seconds'],
    [120, '2 minutes'],
    [7_199, '119 minutes'],
    [7_200, '2 hours'],
    [172_799, '47 hours'],
    [172_800, '2 days'],
  ])('says %i seconds as %s', (seconds, text) => {
    expect(describeDuration(seconds)).toBe(text);
  });

  it('says "just now" for what a clock a little ahead has not seen yet', () => {
    expect(describeAgo(new Date(10_000), 9_000)).toBe('just now');
    expect(describeAgo(new Date(10_000), 190_000)).toBe('3 minutes ago');
  });
});
