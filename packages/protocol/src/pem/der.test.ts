import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readChildren, readDer } from './der.js';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const header = (length: number, ...bytes: number[]) => Uint8Array.from([...bytes, ...new Uint8Array(length)]);

describe('reading DER', () => {
  it.each([
    ['a short length', hex('30 03 020100'), { tag: 0x30, start: 2, end: 5 }],
    ['no content', hex('30 00'), { tag: 0x30, start: 2, end: 2 }],
    ['the longest length of one byte', header(127, 0x04, 0x7f), { tag: 0x04, start: 2, end: 129 }],
    ['a length of two bytes', header(128, 0x04, 0x81, 0x80), { tag: 0x04, start: 3, end: 131 }],
    ['a length of three bytes', header(256, 0x04, 0x82, 0x01, 0x00), { tag: 0x04, start: 4, end: 260 }],
  ])('accepts %s', (_name, bytes, element) => {
    expect(readDer(bytes)).toEqual(element);
  });

  it.each([
    ['nothing', hex('')],
    ['a tag alone', hex('30')],
    ['the indefinite length', hex('30 80 020100 0000')],
    ['a length in more bytes than needed', header(127, 0x04, 0x81, 0x7f)],
    ['a length with a leading zero', header(128, 0x04, 0x82, 0x00, 0x80)],
    ['a length of five bytes', header(128, 0x04, 0x84, 0x00, 0x00, 0x00, 0x80)],
    ['a length whose bytes are missing', hex('30 82 01')],
    ['content that is cut off', hex('30 03 0201')],
    ['a byte behind the end', hex('30 03 020100 0a')],
    ['a tag of several bytes', hex('3f 81 01 00')],
  ])('refuses %s', (_name, bytes) => {
    expect(readDer(bytes)).toBeUndefined();
  });

  it('gives the elements inside, and nothing when one of them reaches out', () => {
    const inside = (text: string) => {
      const bytes = hex(text);
      const element = readDer(bytes);
      return element && readChildren(bytes, element)?.map(({ tag }) => tag);
    };
    expect(inside('30 06 020100 040100')).toEqual([0x02, 0x04]);
    expect(inside('30 00')).toEqual([]);
    expect(inside('30 06 020100 040200')).toBeUndefined();
    expect(inside(`30 20 ${'0500'.repeat(16)}`)).toHaveLength(16);
    expect(inside(`30 22 ${'0500'.repeat(17)}`)).toBeUndefined();
  });

  it('never throws and never reaches beyond the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const element = readDer(bytes);
        for (const { end } of (element && readChildren(bytes, element)) ?? []) {
          expect(end).toBeLessThanOrEqual(bytes.length);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
