import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { someSecret, someTime } from '../testing/facts.js';
import { decideMatchedSecret, isRemembered, parseBasicCredentials } from './decide-client-authentication.js';

function basic(text: string): string {
  return `Basic ${Buffer.from(text).toString('base64')}`;
}

/** The form encoding of RFC 6749 appendix B, by the platform's own implementation. */
function formEncode(text: string): string {
  return new URLSearchParams([['v', text]]).toString().slice(2);
}

// RFC 6749 appendix A.1 and A.2: both parts are printable ASCII.
const printable = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) });
const clientIds = printable.filter((text) => text !== '' && !text.includes(':'));

describe('parseBasicCredentials', () => {
  test('reads credentials that were sent as they are', () => {
    fc.assert(
      fc.property(clientIds, printable, (clientId, secret) => {
        const parsed = parseBasicCredentials(basic(`${clientId}:${secret}`));
        expect(parsed).toMatchObject({ ok: true, readings: expect.arrayContaining([{ clientId, secret }]) });
      }),
    );
  });

  test('reads credentials that were form-encoded first', () => {
    fc.assert(
      fc.property(clientIds, printable, (clientId, secret) => {
        const parsed = parseBasicCredentials(basic(`${formEncode(clientId)}:${formEncode(secret)}`));
        expect(parsed).toMatchObject({ ok: true, readings: expect.arrayContaining([{ clientId, secret }]) });
      }),
    );
  });

  test('reads a percent-encoded hyphen and underscore, as some libraries send them', () => {
    const parsed = parseBasicCredentials(basic('cli%5Fa:tlw%5Fsbx%2Dx'));
    expect(parsed).toMatchObject({ ok: true, readings: [{}, { clientId: 'cli_a', secret: 'tlw_sbx-x' }] });
  });

  test('gives one reading where both are the same, and never more than two', () => {
    expect(parseBasicCredentials(basic('cli_a:tlw_b'))).toEqual({
      ok: true,
      readings: [{ clientId: 'cli_a', secret: 'tlw_b' }],
    });
    expect(parseBasicCredentials(basic('cli_a:100%'))).toEqual({
      ok: true,
      readings: [{ clientId: 'cli_a', secret: '100%' }],
    });
  });

  test('splits at the first colon: a secret may hold more', () => {
    expect(parseBasicCredentials(basic('a:b:c'))).toMatchObject({ readings: [{ clientId: 'a', secret: 'b:c' }] });
  });

  test('takes any case of the scheme, several spaces, and base64 with or without padding', () => {
    const encoded = Buffer.from('a:b').toString('base64');
    for (const header of [`basic ${encoded}`, `BASIC   ${encoded}`]) {
      expect(parseBasicCredentials(header)).toMatchObject({ ok: true });
    }
    const padded = Buffer.from('a:bc').toString('base64');
    expect(padded).toMatch(/=$/);
    expect(parseBasicCredentials(`Basic ${padded.replaceAll('=', '')}`)).toMatchObject({ ok: true });
  });

  test.each([
    [undefined, 'missing'],
    ['', 'not-basic'],
    ['Bearer abc', 'not-basic'],
    ['Basics abc', 'not-basic'],
    ['Basic', 'malformed'],
    ['Basic ', 'malformed'],
    ['Basic !!!!', 'malformed'],
    [`Basic ${Buffer.from('no colon').toString('base64')}`, 'malformed'],
    [`Basic ${Buffer.from(':no client').toString('base64')}`, 'malformed'],
    [`${basic('a:b')} trailing`, 'malformed'],
    [basic(`a:${'b'.repeat(1_024)}`), 'malformed'],
  ])('answers %s with %s', (header, problem) => {
    expect(parseBasicCredentials(header)).toEqual({ ok: false, problem });
  });

  test('refuses a second spelling of the same bytes', () => {
    // "YTpi" is a:b. With one character of padding cut away the last one has unused bits.
    expect(parseBasicCredentials('Basic YTo=')).toMatchObject({ ok: true });
    expect(parseBasicCredentials('Basic YTp=')).toEqual({ ok: false, problem: 'malformed' });
  });

  test('gives no reading with a control or non-ASCII character, which no client id or secret holds', () => {
    for (const text of ['a\0:b', 'a:b\0', 'a\n:b', 'ä:b', 'a:\u{1f600}']) {
      expect(parseBasicCredentials(basic(text))).toEqual({ ok: false, problem: 'malformed' });
    }
    expect(parseBasicCredentials(basic('a%00:b'))).toEqual({ ok: true, readings: [{ clientId: 'a%00', secret: 'b' }] });
    const notUtf8 = Buffer.from([0x61, 0xff, 0x3a]).toString('base64');
    expect(parseBasicCredentials(`Basic ${notUtf8}`)).toEqual({ ok: false, problem: 'malformed' });
  });

  test('never throws and never reads a control character, whatever comes', () => {
    const headers = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary' }).map(basic),
      fc.base64String().map((text) => `Basic ${text}`),
    );
    fc.assert(
      fc.property(headers, (header) => {
        const parsed = parseBasicCredentials(header);
        for (const { clientId, secret } of parsed.ok ? parsed.readings : []) {
          expect(clientId + secret).toMatch(/^[\x20-\x7e]+$/);
        }
      }),
      { numRuns: 500 },
    );
  });
});

test('a secret is remembered for 30 days after its end, and for ever while it has none', () => {
  const secret = { id: 's', usableUntil: null, endedAt: null, revokedAt: null, pausedUntil: null };
  const end = 1_000;
  const lastMoment = end + 30 * 86_400_000 - 1;
  expect(isRemembered(secret, Number.MAX_SAFE_INTEGER)).toBe(true);
  for (const ended of [{ usableUntil: end }, { revokedAt: end }, { usableUntil: lastMoment, revokedAt: end }]) {
    expect(isRemembered({ ...secret, ...ended }, lastMoment)).toBe(true);
    expect(isRemembered({ ...secret, ...ended }, lastMoment + 1)).toBe(false);
  }
});

describe('a secret that matched', () => {
  const accepted = { accepted: true };

  test('gets tokens until its overlap ends, not a millisecond longer, and none once it is revoked', () => {
    expect(decideMatchedSecret(someSecret(), someTime)).toEqual(accepted);
    const ending = someSecret({ usableUntil: someTime });
    expect(decideMatchedSecret(ending, someTime - 1)).toEqual(accepted);
    expect(decideMatchedSecret(ending, someTime)).toMatchObject({ accepted: false, code: 'secret_replaced' });
    for (const revokedAt of [someTime, someTime + 60_000]) {
      const verdict = decideMatchedSecret(someSecret({ revokedAt }), someTime);
      expect(verdict).toMatchObject({ accepted: false, code: 'secret_revoked' });
    }
  });

  test('gets none while it is paused, and tokens again from the very end of the pause', () => {
    const paused = someSecret({ pausedUntil: someTime });
    expect(decideMatchedSecret(paused, someTime - 1)).toMatchObject({ accepted: false, code: 'secret_paused' });
    expect(decideMatchedSecret(paused, someTime)).toEqual(accepted);
  });

  test('is called by what lasts longest: revoked before replaced, replaced before paused', () => {
    const paused = { pausedUntil: someTime + 1 };
    const replaced = { ...paused, usableUntil: someTime - 1 };
    const revoked = { ...replaced, revokedAt: someTime - 2 };
    expect(decideMatchedSecret(someSecret(replaced), someTime)).toMatchObject({ code: 'secret_replaced' });
    expect(decideMatchedSecret(someSecret(revoked), someTime)).toMatchObject({ code: 'secret_revoked' });
  });
});
