import { expect, test } from 'vitest';
import { parseRequirements } from './requirements.js';

const row = { id: 'ONE-01', clause: 'x 1', text: 'one', applies: true, suite: 'unit' };
const parse = (...rows: readonly unknown[]) => parseRequirements(JSON.stringify(rows));

test('rows are read as they stand', () => {
  const excluded = { ...row, id: 'ONE-02', applies: false, reason: 'elsewhere' };
  expect(parse(row, excluded)).toEqual([row, excluded]);
});

test.each([
  ['an id that stands twice', [row, row], 'stands twice'],
  ['an id of another form', [{ ...row, id: 'one' }], 'not an id'],
  ['a missing clause', [{ ...row, clause: undefined }], 'has no clause'],
  ['an empty text', [{ ...row, text: '' }], 'has no text'],
  ['an unknown suite', [{ ...row, suite: 'slow' }], 'needs a suite'],
  ['a row that says nothing about applying', [{ ...row, applies: 'yes' }], 'needs "applies"'],
  ['a row that does not apply and gives no reason', [{ ...row, applies: false }], 'has no reason'],
  ['a row that is no object', [null], 'not an object'],
])('%s is refused', (_what, rows, message) => {
  expect(() => parse(...rows)).toThrow(message);
});

test('a file that is no array is refused', () => {
  expect(() => parseRequirements('{}')).toThrow('expected an array');
});
