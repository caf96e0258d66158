import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isFormContentType, maximumBodyBytes, parseForm, readBody } from './form-body.js';

const text = fc.string({ unit: 'binary' });
const uniquePairs = fc.uniqueArray(fc.tuple(text, text), { selector: ([name]) => name });

describe('parseForm', () => {
  test('reads what URLSearchParams writes, leaving out parameters without a value', () => {
    fc.assert(
      fc.property(uniquePairs, (pairs) => {
        const parsed = parseForm(new URLSearchParams(pairs).toString());
        const sent = pairs.filter(([, value]) => value !== '');
        expect(parsed).toEqual({ ok: true, parameters: new Map(sent) });
      }),
      { numRuns: 500 },
    );
  });

  test('reads every form it accepts as URLSearchParams does', () => {
    const piece = fc.constantFrom('a', 'b', '=', '&', '+', '%41', '%C3%A4', '%', '%zz', '%ff', '/', '"');
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const body = pieces.join('');
        const parsed = parseForm(body);
        if (!parsed.ok) return;
        const oracle = [...new URLSearchParams(body)].filter(([, value]) => value !== '');
        expect([...parsed.parameters]).toEqual(oracle);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['a=1&a=2', 'a'],
    ['a=1&a=1', 'a'],
    ['a=1&%61=2', 'a'],
    ['a=&a=1', 'a'],
    ['a&a', 'a'],
    ['x+y=1&x%20y=2', 'x y'],
  ])('refuses %s, which has a parameter twice however it is spelt', (body, parameter) => {
    expect(parseForm(body)).toEqual({ ok: false, problem: 'repeated', parameter });
  });

  test.each(['a=%', 'a=%4', 'a=%zz', '%ff=1', 'a=%C3', 'a=%ED%A0%80', 'a=%C0%AF'])(
    'refuses %s, whose escapes are not UTF-8',
    (body) => {
      expect(parseForm(body)).toMatchObject({ ok: false, problem: 'malformed' });
    },
  );

  test('refuses every byte that a form has to escape', () => {
    for (let byte = 0; byte < 256; byte += 1) {
      const parsed = parseForm(`a=x${String.fromCharCode(byte)}`);
      if (byte <= 0x20 || byte >= 0x7f) expect(parsed).toMatchObject({ ok: false, problem: 'malformed' });
    }
  });

  test('is not confused by names of built-in properties', () => {
    expect(parseForm('__proto__=1&constructor=2')).toEqual({
      ok: true,
      parameters: new Map([
        ['__proto__', '1'],
        ['constructor', '2'],
      ]),
    });
  });

  test('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (body) => {
        expect(parseForm(body)).toHaveProperty('ok');
      }),
    );
  });
});

describe('readBody', () => {
  const requestOf = (...chunks: readonly Buffer[]) =>
    Readable.from(chunks, { objectMode: false }) as unknown as IncomingMessage;

  test('gives one character per byte, whatever the bytes are', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const read = await readBody(requestOf(bytes.subarray(0, 200), bytes.subarray(200)), 256);
    expect(read.ok && Buffer.from(read.body, 'latin1').equals(bytes)).toBe(true);
  });

  test('takes 8 KiB and not a byte more, announced or not', async () => {
    const full = Buffer.alloc(maximumBodyBytes, 'a');
    const tooLarge = { ok: false, problem: 'too-large' };
    expect(maximumBodyBytes).toBe(8_192);
    expect(await readBody(requestOf(full), undefined)).toMatchObject({ ok: true });
    expect(await readBody(requestOf(full), full.length)).toMatchObject({ ok: true });
    expect(await readBody(requestOf(full, Buffer.from('a')), undefined)).toEqual(tooLarge);
    const untouched = requestOf(full);
    expect(await readBody(untouched, full.length + 1)).toEqual(tooLarge);
    expect(untouched.readableFlowing, 'an announced one is not read at all').toBeNull();
  });

  test('does not take a beginning for the whole', async () => {
    const aborted = new Readable({ read: () => undefined });
    const reading = readBody(aborted as unknown as IncomingMessage, 10);
    aborted.push('grant');
    aborted.destroy();
    expect(await reading).toEqual({ ok: false, problem: 'aborted' });
  });
});

describe('the content type of a form', () => {
  test.each([
    ['application/x-www-form-urlencoded', true],
    ['Application/X-WWW-Form-Urlencoded', true],
    ['application/x-www-form-urlencoded;charset=UTF-8', true],
    ['application/x-www-form-urlencoded ; charset=iso-8859-1', true],
    ['application/x-www-form-urlencoded\t ;charset=UTF-8', true],
    ['application/x-www-form-urlencoded\n', false],
    ['application/x-www-form-urlencodedx', false],
    ['xapplication/x-www-form-urlencoded', false],
    ['application/x-www-form-urlencoded, application/json', false],
    ['multipart/form-data; boundary=a', false],
    ['application/json', false],
    ['', false],
    [undefined, false],
  ])('"%s" is one: %s', (contentType, is) => {
    expect(isFormContentType(contentType)).toBe(is);
  });
});
