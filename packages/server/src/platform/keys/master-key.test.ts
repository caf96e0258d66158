import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SecretValue } from '../secret-value.js';
import { createMasterKey, MasterKeyError } from './master-key.js';

function secretOf(byte: number) {
  return new SecretValue(Buffer.alloc(32, byte).toString('base64'));
}

function keyOf(byte: number) {
  return createMasterKey(secretOf(byte));
}

const masterKey = keyOf(1);
const place = { environment: 'sandbox', table: 'token_keys', row: 'a1' };
const bytes = fc.uint8Array().map((array) => Buffer.from(array));

describe('a value sealed by the master key', () => {
  test('opens at its place, whatever it is', () => {
    fc.assert(
      fc.property(bytes, (plaintext) => {
        expect(masterKey.open(masterKey.seal(plaintext, place), place).equals(plaintext)).toBe(true);
      }),
    );
  });

  test('opens with a second instance of the same key', () => {
    expect(
      keyOf(1)
        .open(masterKey.seal(Buffer.from('seed'), place), place)
        .toString(),
    ).toBe('seed');
  });

  test('is never the same twice and does not hold the plaintext', () => {
    const plaintext = Buffer.from('a private key of some length');
    const [first, second] = [masterKey.seal(plaintext, place), masterKey.seal(plaintext, place)];
    expect(first.equals(second)).toBe(false);
    expect(first.includes(plaintext)).toBe(false);
  });

  test('does not open at another environment, table or row', () => {
    const sealed = masterKey.seal(Buffer.from('seed'), place);
    for (const moved of [
      { ...place, environment: 'production' },
      { ...place, table: 'hmac_keys' },
      { ...place, row: 'a2' },
      { environment: 'sandbox', table: 'token_keysa', row: '1' },
    ]) {
      expect(() => masterKey.open(sealed, moved)).toThrow(/changed or moved/);
    }
  });

  test('does not open with any bit changed, or cut', () => {
    fc.assert(
      fc.property(bytes, fc.nat(), (plaintext, seed) => {
        const sealed = masterKey.seal(plaintext, place);
        const bit = seed % (sealed.length * 8);
        const changed = Buffer.from(sealed);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(() => masterKey.open(changed, place)).toThrow(MasterKeyError);
        expect(() => masterKey.open(sealed.subarray(0, seed % sealed.length), place)).toThrow(MasterKeyError);
      }),
    );
  });

  test('does not open with another key, and the error tells the two apart without showing either', () => {
    const sealed = masterKey.seal(Buffer.from('seed'), place);
    const open = () => keyOf(2).open(sealed, place);
    expect(open).toThrow(MasterKeyError);
    expect(open).toThrow(/was sealed by master key [0-9a-f]{8}, the one configured is [0-9a-f]{8}\./);
    expect(open).not.toThrow(new RegExp(Buffer.alloc(4, 2).toString('hex')));
  });
});

describe('two master keys', () => {
  const [old, next] = [secretOf(1), secretOf(2)];

  test('open what either sealed, and seal with the main one', () => {
    const both = createMasterKey(next, old);
    expect(both.open(keyOf(1).seal(Buffer.from('seed'), place), place).toString()).toBe('seed');
    expect(both.open(keyOf(2).seal(Buffer.from('seed'), place), place).toString()).toBe('seed');
    expect(
      keyOf(2)
        .open(both.seal(Buffer.from('seed'), place), place)
        .toString(),
    ).toBe('seed');
    expect(() => keyOf(1).open(both.seal(Buffer.from('seed'), place), place)).toThrow(MasterKeyError);
    expect([both.id, both.otherId]).toEqual([keyOf(2).id, keyOf(1).id]);
  });

  test('seal anew what the other one sealed, and leave alone what the main one did', () => {
    const both = createMasterKey(next, old);
    const resealed = both.reseal(keyOf(1).seal(Buffer.from('seed'), place), place);
    expect(resealed && keyOf(2).open(resealed, place).toString()).toBe('seed');
    expect(both.reseal(keyOf(2).seal(Buffer.from('seed'), place), place)).toBeUndefined();
    expect(() => both.reseal(keyOf(3).seal(Buffer.from('seed'), place), place)).toThrow(
      /those configured are [0-9a-f]{8} and [0-9a-f]{8}\. Configure/,
    );
    expect(() => both.reseal(keyOf(2).seal(Buffer.from('seed'), place), { ...place, row: 'b' })).toThrow(/moved/);
  });

  test('are refused when they are the same one, or the other one can not be read', () => {
    expect(() => createMasterKey(old, secretOf(1))).toThrow(/are the same one/);
    expect(() => createMasterKey(old, new SecretValue('short'))).toThrow(/The other master key must be 32 bytes/);
  });
});

describe('the text of a master key', () => {
  test('may end in a line feed, as files do', () => {
    const text = `${Buffer.alloc(32, 1).toString('base64')}\n`;
    const opened = createMasterKey(new SecretValue(text)).open(masterKey.seal(Buffer.from('seed'), place), place);
    expect(opened.toString()).toBe('seed');
  });

  test.each([
    ['nothing', ''],
    ['31 bytes', Buffer.alloc(31, 1).toString('base64')],
    ['33 bytes', Buffer.alloc(33, 1).toString('base64')],
    ['hex', Buffer.alloc(32, 1).toString('hex')],
    ['base64url', Buffer.alloc(32, 0xfb).toString('base64url')],
    ['no padding', Buffer.alloc(32, 1).toString('base64').replaceAll('=', '')],
    ['another spelling of the same bytes', `${Buffer.alloc(32, 1).toString('base64').slice(0, -2)}F=`],
    ['a space inside', Buffer.alloc(32, 1).toString('base64').replace('AQ', 'A Q')],
  ])('is refused when it is %s, and not repeated', (_case, text) => {
    let message = '';
    try {
      createMasterKey(new SecretValue(text));
    } catch (error) {
      message = error instanceof MasterKeyError ? error.message : '';
    }
    expect(message).toContain('32 bytes in base64');
    if (text !== '') expect(message).not.toContain(text.slice(0, 10));
  });
});
