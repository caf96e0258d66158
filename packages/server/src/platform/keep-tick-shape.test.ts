import { expect, test } from 'vitest';
import { keepTickShape } from './keep-tick-shape.js';

test('this Node has objects of ticks that can be kept', () => {
  expect(keepTickShape()).toBe(true);
});
