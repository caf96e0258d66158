import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AddressRange, formatAddressRange, isInRanges, parseAddressRange, parsePeerAddress } from './address.js';

function read(text: string): AddressRange {
  const range = parseAddressRange(text);
  if (range === undefined) throw new Error(`${text} was not read`);
  return range;
}

/** The numbers of an address, by hand. */
const octets = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 });
const groups = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 });

function toGroups(value: bigint): string {
  return Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16)).join(
    ':',
  );
}

function toOctets(value: bigint): string {
  return Array.from({ length: 4 }, (_, index) => (value >> BigInt(24 - 8 * index)) & 0xffn).join('.');
}

/** A block of one family, written out in full: its first address and its prefix. */
const blocks = fc.oneof(
  fc.record({ family: fc.constant(4), value: octets, prefix: fc.integer({ min: 0, max: 32 }) }),
  fc.record({ family: fc.constant(6), value: groups, prefix: fc.integer({ min: 0, max: 128 }) }),
);

function cleared({ family, value, prefix }: { family: number; value: readonly number[]; prefix: number }) {
  const [bits, size] = family === 4 ? [32, 8n] : [128, 16n];
  const number = value.reduce((sum, part) => (sum << size) | BigInt(part), 0n);
  const hostBits = BigInt(bits - prefix);
  const start = (number >> hostBits) << hostBits;
  const isMapped = family === 6 && start >> 32n === 0xffffn;
  return { number, start, prefix, isMapped, write: family === 4 ? toOctets : toGroups };
}

describe('an address range', () => {
  test.each([
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7/32', '203.0.113.7'],
    ['203.0.113.0/24', '203.0.113.0/24'],
    ['203.0.113.128/25', '203.0.113.128/25'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['255.255.255.255', '255.255.255.255'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8::1/128', '2001:db8::1'],
    ['2001:0db8::/32', '2001:db8::/32'],
    ['2001:db8:8000::/33', '2001:db8:8000::/33'],
    ['::/0', '::/0'],
    ['::', '::'],
    ['::1', '::1'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:cb00:7107', '203.0.113.7'],
    ['::ffff:203.0.113.0/120', '203.0.113.0/24'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
    ['64:ff9b::203.0.113.7', '64:ff9b::cb00:7107'],
    ['::203.0.113.7', '::cb00:7107'],
  ])('%s is kept as %s', (text, canonical) => {
    expect(formatAddressRange(read(text))).toBe(canonical);
  });

  test.each([
    [
      'bits behind the prefix',
      ['203.0.113.7/24', '203.0.113.128/24', '0.0.0.1/0', '2001:db8::1/32', '::1/0', '::1/127'],
    ],
    ['bits behind the prefix of a mapped block', ['::ffff:203.0.113.7/120', '::ffff:1.0.0.0/96']],
    ['a prefix that is too long', ['203.0.113.0/33', '::/129', '::ffff:203.0.113.7/129', '1.2.3.4/128']],
    ['a mapped block that is wider than IPv4', ['::ffff:0:0/95', '::ffff:203.0.113.0/24']],
    [
      'a prefix that is no plain number',
      ['1.2.3.4/', '1.2.3.4/032', '1.2.3.4/+8', '1.2.3.4/ 8', '1.2.3.4/8.0', '::/1e1'],
    ],
    ['a netmask', ['10.0.0.0/255.0.0.0', '10.0.0.0 255.0.0.0']],
    ['a leading zero', ['010.0.0.1', '10.00.0.1', '10.0.0.01', '00.0.0.0/0']],
    [
      'an IPv4 address that is short, hexadecimal or one number',
      ['10.1', '10.0.1', '0x0a000001', '0xa.0.0.1', '167772161', '1'],
    ],
    ['an IPv4 address that is too long or too large', ['1.2.3.4.5', '256.0.0.1', '1.2.3.400', '1.2.3.-4']],
    [
      'an IPv6 address that can not be',
      ['1::2::3', ':::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '12345::', 'g::', '::ffff:1.2.3'],
    ],
    ['a zone', ['fe80::1%eth0', 'fe80::1%1/64', 'fe80::/10%eth0', '::ffff:1.2.3.4%1']],
    ['white space, brackets, a port', [' 10.0.0.1', '10.0.0.1\n', '[::1]', '10.0.0.1:443', '10.0.0.1,10.0.0.2']],
    ['two prefixes', ['10.0.0.0/8/8', '/', '//', '/8']],
    ['no address at all', ['', '*', 'any', 'localhost', 'example.com/24', 'unknown', '\u0661.2.3.4', '１.2.3.4']],
  ])('with %s is refused', (_case, texts) => {
    for (const text of texts) expect(parseAddressRange(text), text).toBeUndefined();
  });

  test('is read exactly when no bit is set behind its prefix, and its canonical form reads as the same', () => {
    fc.assert(
      fc.property(blocks, (block) => {
        const { number, start, prefix, isMapped, write } = cleared(block);
        fc.pre(!isMapped);
        const canonical = formatAddressRange(read(`${write(start)}/${prefix}`));
        expect(formatAddressRange(read(canonical))).toBe(canonical);
        expect(parseAddressRange(`${write(number)}/${prefix}`) !== undefined).toBe(number === start);
      }),
      { numRuns: 500 },
    );
  });

  test('holds exactly the addresses that Node says it holds', () => {
    const nearby = fc.record({ block: blocks, other: groups, keep: fc.integer({ min: 0, max: 128 }) });
    let inside = 0;
    let outside = 0;
    fc.assert(
      fc.property(nearby, ({ block, other, keep }) => {
        const { start, prefix, isMapped, write } = cleared(block);
        fc.pre(!isMapped);
        // An address that shares some of the leading bits, so that both answers are common.
        const bits = write === toOctets ? 32 : 128;
        const noise = other.reduce((sum, part) => (sum << 16n) | BigInt(part), 0n) & ((1n << BigInt(bits)) - 1n);
        const hostBits = BigInt(Math.max(0, bits - keep));
        const address = write(((start >> hostBits) << hostBits) | (noise & ((1n << hostBits) - 1n)));
        const family = bits === 32 ? 'ipv4' : 'ipv6';
        const list = new BlockList();
        list.addSubnet(write(start), prefix, family);
        const expected = list.check(address, family);
        if (expected) inside += 1;
        else outside += 1;
        const { text } = parsePeerAddress(address);
        fc.pre(isIP(text) === isIP(address));
        expect(isInRanges(text, [read(`${write(start)}/${prefix}`)])).toBe(expected);
      }),
      { numRuns: 1_000 },
    );
    expect(Math.min(inside, outside), 'both answers were asked for').toBeGreaterThan(100);
  });

  test('never throws, and what it reads is a range in canonical form', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.stringMatching(/^[0-9a-fA-F:.%/x]{0,40}$/),
      fc.tuple(fc.ipV4(), fc.nat(40)).map(([address, prefix]) => `${address}/${prefix}`),
      fc.tuple(fc.ipV6(), fc.nat(140)).map(([address, prefix]) => `${address}/${prefix}`),
      fc.ipV4(),
      fc.ipV6(),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const range = parseAddressRange(text);
        if (range === undefined) return;
        const [address = '', prefix] = formatAddressRange(range).split('/');
        expect(isIP(address)).not.toBe(0);
        expect(isInRanges(address, [range])).toBe(true);
        if (prefix !== undefined) expect(Number(prefix)).toBeLessThan(isIP(address) === 4 ? 32 : 128);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('whether an address lies in a list', () => {
  const ranges = ['203.0.113.0/24', '198.51.100.7', '2001:db8::/32', '2001:db9::1'].map(read);

  test.each([
    ['203.0.113.0', true],
    ['203.0.113.255', true],
    ['203.0.112.255', false],
    ['203.0.114.0', false],
    ['198.51.100.7', true],
    ['198.51.100.8', false],
    ['2001:db8::', true],
    ['2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', true],
    ['2001:db9::', false],
    ['2001:db9::1', true],
    ['unknown', false],
    ['', false],
  ])('of %s: %s', (address, expected) => {
    expect(isInRanges(address, ranges)).toBe(expected);
  });

  test('an IPv4 peer of a dual-stack socket is an IPv4 address', () => {
    expect(isInRanges('::ffff:203.0.113.9', ranges)).toBe(true);
    expect(isInRanges(parsePeerAddress('::ffff:203.0.113.9').text, ranges)).toBe(true);
    expect(isInRanges('::ffff:203.0.114.9', ranges)).toBe(false);
  });

  test('all of IPv4 is not all of IPv6, and the other way round', () => {
    const [four, six] = [[read('0.0.0.0/0')], [read('::/0')]];
    expect([isInRanges('192.0.2.1', four), isInRanges('2001:db8::1', four)]).toEqual([true, false]);
    expect([isInRanges('192.0.2.1', six), isInRanges('2001:db8::1', six)]).toEqual([false, true]);
  });

  test('an empty list holds nobody', () => {
    expect(isInRanges('192.0.2.1', [])).toBe(false);
  });
});
