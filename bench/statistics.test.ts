import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { median, percentile } from './statistics.js';

describe('percentile', () => {
  it('is the smallest value that the given share of all values does not exceed', () => {
    const values = fc.array(fc.integer(), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 100 }), (sample, hundredths) => {
        const found = percentile(sample, hundredths / 100);
        const atMost = (limit: number): number => sample.filter((value) => value <= limit).length;
        expect(sample).toContain(found);
        expect(atMost(found) * 100).toBeGreaterThanOrEqual(hundredths * sample.length);
        const smaller = sample.filter((value) => value < found);
        expect(smaller.length * 100).toBeLessThan(hundredths * sample.length);
      }),
    );
  });

  it('says NaN when there is nothing to rank', () => {
    expect(percentile([], 0.5)).toBeNaN();
  });
});

describe('median', () => {
  it.each([
    [[3, 1, 2], 2],
    [[4, 1, 2, 3], 2.5],
    [[10, 9], 9.5],
    [[7], 7],
  ])('of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });
});
