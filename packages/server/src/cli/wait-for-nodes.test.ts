import { expect, test } from 'vitest';
import { describeConfirmed } from './wait-for-nodes.js';

const node = (name: string, state: 'confirmed' | 'refusing') => ({ id: `nod_${name}`, name, state });

test.each([
  [['confirmed'], 'The one node knows it, after 7 ms.'],
  [['confirmed', 'confirmed'], 'All 2 nodes know it, after 7 ms.'],
  [
    ['confirmed', 'refusing'],
    '1 of 2 nodes knows it, after 7 ms; n1 can not read the database, answers nobody from memory, and learns of it before it does again.',
  ],
] as const)('%j: only nodes that know it are said to', (states, text) => {
  expect(
    describeConfirmed(
      states.map((state, index) => node(`n${index}`, state)),
      7,
    ),
  ).toBe(text);
});
