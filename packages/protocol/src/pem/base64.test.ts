import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64, decodeBase64Start, decodeBase64Url, encodeBase64 } from './base64.js';

const someBytes = fc.uint8Array({ minLength: 1, maxLength: 200 });

describe('base64', () => {
  it('is written as Node writes it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(encodeBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
      }),
    );
  });

  it('gives back the bytes that went in, however its lines are wrapped', () => {
    fc.assert(
      fc.property(someBytes, fc.integer({ min: 1, max: 80 }), (bytes, width) => {
        const wrapped = Buffer.from(bytes)
          .toString('base64')
          .replace(new RegExp(`.{${width}}`, 'g'), '$&\r\n ');
        expect(decodeBase64(wrapped)).toEqual(bytes);
      }),
    );
  });

  it.each(['', '=', 'A', 'AB', 'ABC', 'AB=C', 'AB==CD==', 'AB*=', 'QUJ_', 'AB==', 'QUJD=', 'QQ=', 'QQ', 'QQ==='])(
    'refuses %j, which Node would read or half read',
    (text) => {
      expect(decodeBase64(text)).toBeUndefined();
    },
  );

  it('in its form for URLs needs no padding, and is as strict otherwise', () => {
    fc.assert(
      fc.property(someBytes, (bytes) => {
        expect(decodeBase64Url(Buffer.from(bytes).toString('base64url'))).toEqual(bytes);
      }),
    );
    for (const text of ['', 'A', 'AB', '-_-', 'QUJ*', 'Q=Q']) expect(decodeBase64Url(text)).toBeUndefined();
  });

  it('can be read from its start up to the first foreign character or as far as wanted', () => {
    expect(decodeBase64Start('..QU\nJD RA.QUJD', 100, 2)).toEqual([...Buffer.from('ABCD')]);
    expect(decodeBase64Start('QUJDRA', 2)).toEqual([...Buffer.from('AB')]);
  });
});
