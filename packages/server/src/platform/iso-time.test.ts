import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createIsoTime } from './iso-time.js';

test('writes each time as a date does, whatever was written before', () => {
  const isoTime = createIsoTime();
  const time = fc.integer({ min: -8_640_000_000_000_000, max: 8_640_000_000_000_000 });
  const near = fc
    .tuple(time, fc.integer({ min: -3_000, max: 3_000 }))
    .map(([start, offset]) => [start, start + offset]);
  fc.assert(
    fc.property(near, (times) => {
      for (const one of times.filter((each) => Math.abs(each) <= 8_640_000_000_000_000)) {
        expect(isoTime(one)).toBe(new Date(one).toISOString());
      }
    }),
  );
});
