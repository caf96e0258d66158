import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTokenAnswer } from './parse-token-answer.js';

const sentAt = Date.parse('2026-09-14T03:00:00Z');
const answer = { access_token: 'abc', token_type: 'bearer', expires_in: 43_199 };

describe('the answer of a token endpoint', () => {
  test('[SDK-41] gives a token of any form and length', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[!-~]{1,5000}$/), (value) => {
        expect(parseTokenAnswer({ ...answer, access_token: value }, sentAt)).toEqual({
          ok: true,
          value,
          lifeMs: 43_199_000,
        });
      }),
    );
  });

  test.each([
    ['expires_in, when both are there', { expires_in: 60, expires_at: '2026-09-14T15:00:00Z' }, 60_000],
    ['expires_in as text', { expires_in: '60' }, 60_000],
    ['expires_at without it', { expires_in: undefined, expires_at: '2026-09-14T03:01:00.500Z' }, 60_500],
    [
      'expires_at, when expires_in is no number',
      { expires_in: null, expires_at: '2026-09-14T05:00:00+01:00' },
      3_600_000,
    ],
  ])('[SDK-42] has a life from %s', (_, members, lifeMs) => {
    expect(parseTokenAnswer({ ...answer, ...members }, sentAt)).toMatchObject({ ok: true, lifeMs });
  });

  test.each(['bearer', 'Bearer', 'BEARER', undefined])('may call the type %s', (token_type) => {
    expect(parseTokenAnswer({ ...answer, token_type }, sentAt).ok).toBe(true);
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['text', 'abc'],
    ['a list', []],
    ['an empty token', { ...answer, access_token: '' }],
    ['a token that is no text', { ...answer, access_token: 5 }],
    ['a token with a line break', { ...answer, access_token: 'a\r\nb' }],
    ['another type of token', { ...answer, token_type: 'DPoP' }],
    ['no life', { ...answer, expires_in: undefined }],
    ['an unreadable life', { ...answer, expires_in: 'soon' }],
    ['a life that is over', { ...answer, expires_in: 0 }],
    ['a life before now', { ...answer, expires_in: undefined, expires_at: '2026-09-14T02:59:59Z' }],
    ['a life longer than time', { ...answer, expires_in: 1e300 }],
  ])('is refused with %s', (_, body) => {
    expect(parseTokenAnswer(body, sentAt).ok).toBe(false);
  });

  test('never throws, and never gives a life that is none', () => {
    fc.assert(
      fc.property(
        fc.record({ access_token: fc.anything(), expires_in: fc.anything(), expires_at: fc.anything() }),
        (body) => {
          const parsed = parseTokenAnswer(body, sentAt);
          expect(!parsed.ok || parsed.lifeMs > 0).toBe(true);
        },
      ),
    );
  });
});
