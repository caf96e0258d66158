import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isId, newId } from './ids.js';

const prefixes = fc.constantFrom('org' as const, 'cli' as const, 'sec' as const, 'crt' as const, 'aud' as const);
const times = fc.integer({ min: 0, max: 2 ** 48 - 1 });

describe('an id', () => {
  test('is a prefix and a UUID of version 7', () => {
    // The example of RFC 9562 appendix A.6: its time, and its random bits 0xCC3, 0x18C4DC0C0C07398F.
    const bits = () => Buffer.from('0000000000000cc318c4dc0c0c07398f', 'hex');
    expect(newId('cli', 0x017f22e279b0, bits)).toBe('cli_017f22e279b07cc398c4dc0c0c07398f');
  });

  test('has time, version and variant at their places, whatever the random bits are', () => {
    fc.assert(
      fc.property(prefixes, times, fc.uint8Array({ minLength: 16, maxLength: 16 }), (prefix, now, bits) => {
        const id = newId(prefix, now, () => Buffer.from(bits));
        expect(id).toMatch(new RegExp(`^${prefix}_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$`));
        expect(Number.parseInt(id.slice(4, 16), 16)).toBe(now);
      }),
    );
  });

  test('sorts by time', () => {
    fc.assert(
      fc.property(times, times, (left, right) => {
        fc.pre(left < right);
        expect(newId('cli', left, randomBytes) < newId('cli', right, randomBytes)).toBe(true);
      }),
    );
  });

  test('leaves the bytes it was given as they were: they may be part of a pool', () => {
    const bits = Buffer.alloc(16, 0xff);
    newId('cli', 0, () => bits);
    expect(bits.equals(Buffer.alloc(16, 0xff))).toBe(true);
  });

  test('is recognised, and nothing else is', () => {
    const id = newId('cli', 1, randomBytes);
    expect(isId('cli', id)).toBe(true);
    for (const text of [
      '',
      'cli_',
      id.slice(4),
      id.slice(0, -1),
      `${id}0`,
      id.replace('cli', 'crt'),
      id.toUpperCase(),
    ]) {
      expect(isId('cli', text)).toBe(false);
    }
    expect(isId('cli', `${id.slice(0, -1)}g`)).toBe(false);
    expect(isId('cli', `${id.slice(0, -1)}\n`)).toBe(false);
  });
});
