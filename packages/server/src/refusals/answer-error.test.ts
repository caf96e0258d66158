import { STATUS_CODES } from 'node:http';
import { refusalCodes } from '@tollward/protocol';
import { describe, expect, test } from 'vitest';
import { errorOf, shapeOf } from './answer-error.js';
import { catalogue, statusOf } from './catalogue.js';

const callPath = '/v3/profiles/77001234/quotes';

describe.each(refusalCodes)('the error in the answer to %s', (code) => {
  const entry = catalogue[code];

  test.each(['/oauth/token', '/2026Q3/oauth/revoke'])('at %s is that of RFC 6749', (path) => {
    expect([shapeOf(entry, path), errorOf(entry, path)]).toEqual(['oauth', entry.error]);
  });

  test('elsewhere is that of its shape', () => {
    const { shape, bearerError, error, contractError } = entry;
    const expected = shape === 'oauth' ? (bearerError ?? error) : (contractError ?? STATUS_CODES[statusOf(entry)]);
    expect([shapeOf(entry, callPath), errorOf(entry, callPath)]).toEqual([shape, expected]);
  });
});
