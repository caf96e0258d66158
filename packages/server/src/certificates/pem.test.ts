import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64, encodePem } from './pem.js';

const bytes = fc.uint8Array({ minLength: 1, maxLength: 400 }).map((array) => Buffer.from(array));

describe('PEM', () => {
  it('has the form of RFC 7468: lines of 64 characters, the last one shorter', () => {
    expect(encodePem('EXAMPLE', Buffer.alloc(50, 0xff))).toBe(
      `-----BEGIN EXAMPLE-----\n${'/'.repeat(64)}\n//8=\n-----END EXAMPLE-----\n`,
    );
    expect(encodePem('EXAMPLE', Buffer.alloc(48))).toBe(
      `-----BEGIN EXAMPLE-----\n${'A'.repeat(64)}\n-----END EXAMPLE-----\n`,
    );
  });

  it('gives back the bytes that went in, however its lines are wrapped', () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 80 }), (original, width) => {
        const wrapped = original.toString('base64').replace(new RegExp(`.{${width}}`, 'g'), '$&\r\n ');
        expect(decodeBase64(wrapped)).toEqual(original);
      }),
    );
  });

  it.each(['', 'A', 'AB', 'ABC', 'AB=C', 'AB==CD==', 'AB*=', 'QUJ_', 'AB==', 'QUJD='])(
    'refuses %j as base64',
    (text) => {
      expect(decodeBase64(text)).toBeUndefined();
    },
  );
});
