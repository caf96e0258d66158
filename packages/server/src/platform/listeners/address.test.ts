import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isInRanges, parseAddressRange, parsePeerAddress } from './address.js';

describe('the address of a peer', () => {
  test('is the IPv4 address, also in the form a dual-stack socket gives it', () => {
    const expected = { text: '203.0.113.7', limitKey: '203.0.113.7' };
    for (const remote of ['203.0.113.7', '::ffff:203.0.113.7', '::ffff:cb00:7107']) {
      expect(parsePeerAddress(remote)).toEqual(expected);
    }
  });

  test('counts all of a /64 as one, and the next /64 as another', () => {
    const keyOf = (remote: string) => parsePeerAddress(remote).limitKey;
    const key = keyOf('2001:db8:1:2::1');
    for (const same of ['2001:db8:1:2::2', '2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:0db8:0001:0002:0:0:0:1']) {
      expect(keyOf(same)).toBe(key);
    }
    for (const other of ['2001:db8:1:3::1', '2001:db8:2:2::1', '2001:db8:1:2']) expect(keyOf(other)).not.toBe(key);
  });

  test('keeps the whole IPv6 address for evidence', () => {
    expect(parsePeerAddress('2001:db8:1:2::9').text).toBe('2001:db8:1:2::9');
  });

  test('never gives an IPv4 and an IPv6 peer the same count', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV6(), (four, six) => {
        fc.pre(!six.toLowerCase().startsWith('::ffff:') && !six.includes('.'));
        const { limitKey } = parsePeerAddress(six);
        if (isIP(parsePeerAddress(six).text) === 6) expect(limitKey).not.toBe(parsePeerAddress(four).limitKey);
      }),
    );
  });

  test('of a socket that is gone, or of anything unreadable, is unknown', () => {
    for (const remote of [undefined, '', 'pipe', '1.2.3.4:80', '2001:db8::1::2']) {
      expect(parsePeerAddress(remote)).toEqual({ text: 'unknown', limitKey: 'unknown' });
    }
  });

  test('never throws, and its text is always fit for a log line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (remote) => {
        expect(parsePeerAddress(remote).text).toMatch(/^[0-9a-f.:]+$|^[0-9a-f:]+%[\w]+$|^unknown$/);
      }),
    );
  });
});

test('an IPv4-compatible IPv6 peer (RFC 4291 section 2.5.5.1) is an IPv6 peer, and outside of every IPv4 range', () => {
  const peer = parsePeerAddress('::203.0.113.7');
  expect(peer).toEqual({ text: '::cb00:7107', limitKey: '0.0.0.0.0.0.0.0' });
  const ranges = [parseAddressRange('203.0.113.0/24'), parseAddressRange('0.0.0.0/0')].filter(
    (range) => range !== undefined,
  );
  expect(isInRanges(peer.text, ranges)).toBe(false);
  expect(isInRanges('::203.0.113.7', ranges)).toBe(false);
  expect(isInRanges('203.0.113.7', ranges)).toBe(true);
});
