import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRandomPool } from './random.js';

/** Fills every block with the numbers after those of the block before, so that each 4 bytes are there once. */
function countingSource() {
  const fills: number[] = [];
  let next = 0;
  return {
    fills,
    fill: (block: Buffer) => {
      fills.push(block.length);
      for (let at = 0; at + 4 <= block.length; at += 4) block.writeUInt32BE(next++, at);
    },
  };
}

function overlap(left: Buffer, right: Buffer): boolean {
  if (left.buffer !== right.buffer) return false;
  return left.byteOffset < right.byteOffset + right.length && right.byteOffset < left.byteOffset + left.length;
}

describe('the random pool', () => {
  test('hands out no byte twice, in whatever pieces it is asked', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 6_000 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(lengths, (pieces) => {
        const random = createRandomPool(countingSource().fill);
        const handedOut: Buffer[] = [];
        for (const length of pieces) {
          const piece = random(length);
          expect(piece).toHaveLength(length);
          for (const other of handedOut) expect(overlap(piece, other)).toBe(false);
          handedOut.push(piece);
        }
      }),
    );
  });

  test('fills a block for many callers, and a fresh one when it is used up', () => {
    const { fill, fills } = countingSource();
    const random = createRandomPool(fill);
    for (let count = 0; count < 256; count += 1) random(16);
    expect(fills).toEqual([4_096]);
    random(16);
    expect(fills).toEqual([4_096, 4_096]);
  });

  test('leaves what it handed out alone when it fills the next block', () => {
    const random = createRandomPool(countingSource().fill);
    const early = random(16);
    const copy = Buffer.from(early);
    for (let count = 0; count < 600; count += 1) random(16);
    expect(early.equals(copy)).toBe(true);
  });

  test('gives more than a block when asked for more', () => {
    const { fill, fills } = countingSource();
    expect(createRandomPool(fill)(10_000)).toHaveLength(10_000);
    expect(fills).toEqual([10_000]);
  });

  test('takes its bytes from the generator of the system by default', () => {
    const drawn = Array.from({ length: 8 }, () => createRandomPool()(16).toString('hex'));
    expect(new Set(drawn).size).toBe(8);
    expect(drawn).not.toContain('0'.repeat(32));
  });
});
