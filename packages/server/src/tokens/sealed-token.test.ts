import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { someClaims, someTokenKey } from '../testing/facts.js';
import { sealToken, type TokenClaims, unsealToken } from './sealed-token.js';

const key = someTokenKey(7);
const findKey = (id: string) => (id === key.id ? key : undefined);
const open = (token: string) => unsealToken('sandbox', token, findKey);

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((array) => Buffer.from(array).toString('hex'));
const id = (prefix: string) => hex(16).map((text) => `${prefix}_${text}`);
const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const generation = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const claims: fc.Arbitrary<TokenClaims> = fc.record({
  kind: fc.constant('client_credentials'),
  tokenId: hex(16),
  issuedAt: time,
  expiresAt: time,
  organisationGeneration: generation,
  clientId: id('cli'),
  clientGeneration: generation,
  secretId: id('sec'),
  binding: fc.option(
    fc.record({
      certificateId: id('crt'),
      thumbprint: hex(32).map((text) => Buffer.from(text, 'hex').toString('base64url')),
    }),
  ),
});
const tokens = claims.map((some) => sealToken('sandbox', some, key, randomBytes));
const prefix = 'tlw_sbx_at_';

function body(token: string): Buffer {
  return Buffer.from(token.slice(prefix.length), 'base64url');
}

/** Seals bytes by the format's description, not by the code under test. */
function sealByHand(plaintext: Buffer, additionalPrefix = prefix): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', Buffer.alloc(32, 7), nonce);
  cipher.setAAD(Buffer.concat([Buffer.from(additionalPrefix), Buffer.alloc(4, 7)]));
  const sealed = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return prefix + Buffer.concat([Buffer.alloc(4, 7), nonce, sealed, cipher.getAuthTag()]).toString('base64url');
}

/** The plaintext of an unbound token, by the format's description. */
function plaintext(version: number, kind: number, bound: number, extra = 0): Buffer {
  return Buffer.concat([Buffer.of(version, kind, bound), Buffer.alloc(68 + extra, 1)]);
}

describe('a sealed token', () => {
  test('opens to exactly what was sealed, whatever the claims are', () => {
    fc.assert(
      fc.property(claims, (some) => {
        const token = sealToken('sandbox', some, key, randomBytes);
        expect(token).toMatch(/^tlw_sbx_at_[A-Za-z0-9_-]+$/);
        expect(open(token)).toEqual({ ok: true, claims: some });
      }),
    );
  });

  test('has the layout its format describes, so that another program can read it', () => {
    const some = someClaims();
    const bytes = body(sealToken('sandbox', some, key, randomBytes));
    const decipher = createDecipheriv('aes-256-gcm', Buffer.alloc(32, 7), bytes.subarray(4, 16));
    decipher.setAAD(Buffer.concat([Buffer.from(prefix), bytes.subarray(0, 4)]));
    decipher.setAuthTag(bytes.subarray(-16));
    const plain = Buffer.concat([decipher.update(bytes.subarray(16, -16)), decipher.final()]).toString('hex');
    const number = (value: number, length: number) => value.toString(16).padStart(2 * length, '0');
    expect(plain).toBe(
      '010101' +
        number(some.issuedAt, 6) +
        number(some.expiresAt, 6) +
        number(some.organisationGeneration, 4) +
        number(some.clientGeneration, 4) +
        some.tokenId +
        some.clientId.slice(4) +
        some.secretId.slice(4) +
        some.binding?.certificateId.slice(4) +
        Buffer.from(some.binding?.thumbprint ?? '', 'base64url').toString('hex'),
    );
  });

  test('takes a nonce of its own from the source of randomness', () => {
    const ownKey = someTokenKey(9);
    const given: string[] = [];
    const random = (length: number) => {
      const bytes = randomBytes(length);
      given.push(bytes.toString('hex'));
      return bytes;
    };
    const nonceOf = (token: string) => Buffer.from(token.slice(11), 'base64url').toString('hex', 4, 16);
    const nonces = Array.from({ length: 100 }, () => nonceOf(sealToken('sandbox', someClaims(), ownKey, random)));
    expect(new Set(nonces).size, 'no nonce twice').toBe(100);
    expect(nonces.every((nonce) => given.includes(nonce))).toBe(true);
  });
});

describe('unsealToken', () => {
  test('refuses a token with any one bit flipped', () => {
    fc.assert(
      fc.property(tokens, fc.nat(), (token, seed) => {
        const bytes = body(token);
        const bit = seed % (bytes.length * 8);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const expected = bit < 32 ? 'unknown-key' : 'changed';
        expect(open(prefix + bytes.toString('base64url'))).toEqual({ ok: false, problem: expected });
      }),
      { numRuns: 300 },
    );
  });

  test('refuses a token with any one character changed, removed or added', () => {
    const characters = fc.oneof(
      fc.constantFrom(...'AZaz09_-'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    );
    fc.assert(
      fc.property(tokens, fc.nat(), characters, (token, seed, other) => {
        const at = seed % token.length;
        const changed = token.slice(0, at) + other + token.slice(at + 1);
        if (changed !== token) expect(open(changed).ok).toBe(false);
        expect(open(token.slice(0, at) + token.slice(at + 1)).ok).toBe(false);
        expect(open(token.slice(0, at) + other + token.slice(at)).ok).toBe(false);
        expect(open(token + other).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  test('refuses every other spelling of the same bytes', () => {
    const token = sealToken('sandbox', someClaims(), key, randomBytes);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const spellings = [...alphabet]
      .map((last) => token.slice(0, -1) + last)
      .filter((text) => body(text).equals(body(token)));
    expect(spellings.length, 'the last character has unused bits').toBeGreaterThan(1);
    expect(spellings.filter((text) => open(text).ok)).toEqual([token]);
    for (const text of [`${token}=`, `${token}==`, ` ${token}`, `${token}\n`]) {
      expect(open(text)).toEqual({ ok: false, problem: 'not-a-token' });
    }
  });

  test('refuses every beginning of a token', () => {
    const token = sealToken('sandbox', someClaims(), key, randomBytes);
    for (let length = 0; length < token.length; length += 1) expect(open(token.slice(0, length)).ok).toBe(false);
  });

  test('names the environment of a token that is of the other one, without opening it', () => {
    const token = sealToken('production', someClaims(), key, randomBytes);
    const neverAsked = () => {
      throw new Error('no key is needed to say that');
    };
    expect(unsealToken('sandbox', token, neverAsked)).toEqual({
      ok: false,
      problem: 'other-environment',
      environment: 'production',
    });
  });

  test('does not open a token whose prefix was moved to the other environment, even under the same key', () => {
    const token = sealToken('sandbox', someClaims(), key, randomBytes);
    const moved = token.replace('tlw_sbx_', 'tlw_prd_');
    expect(unsealToken('production', moved, findKey)).toEqual({ ok: false, problem: 'changed' });
    expect(unsealToken('production', moved, () => undefined)).toEqual({ ok: false, problem: 'unknown-key' });
  });

  test('does not open a token with another key of the same id', () => {
    const token = sealToken('sandbox', someClaims(), key, randomBytes);
    const impostor = { ...key, secret: createSecretKey(Buffer.alloc(32, 8)) };
    expect(unsealToken('sandbox', token, () => impostor)).toEqual({ ok: false, problem: 'changed' });
  });

  test('reads version 1 of kind 1 only, even when the seal holds', () => {
    expect(open(sealByHand(plaintext(1, 1, 0))).ok, 'the hand-made token is a good one').toBe(true);
    expect(open(sealByHand(plaintext(0, 1, 0)))).toEqual({ ok: false, problem: 'changed' });
    expect(open(sealByHand(plaintext(2, 1, 0)))).toEqual({ ok: false, problem: 'changed' });
    expect(open(sealByHand(plaintext(1, 2, 0)))).toEqual({ ok: false, problem: 'changed' });
  });

  test('refuses claims that say they are bound but carry no certificate, and the reverse', () => {
    expect(open(sealByHand(plaintext(1, 1, 1, 48))).ok, 'the hand-made token is a good one').toBe(true);
    for (const bytes of [plaintext(1, 1, 1), plaintext(1, 1, 0, 48), plaintext(1, 1, 2), plaintext(1, 1, 2, 48)]) {
      expect(open(sealByHand(bytes))).toEqual({ ok: false, problem: 'changed' });
    }
    for (const extra of [1, 47, 49]) {
      expect(open(sealByHand(plaintext(1, 1, 1, extra)))).toEqual({ ok: false, problem: 'not-a-token' });
    }
  });

  test("never throws on a stranger's text", () => {
    const texts = fc.oneof(
      fc.string(),
      fc.base64String().map((text) => prefix + text),
      fc.string().map((text) => prefix + text),
    );
    fc.assert(
      fc.property(texts, (text) => {
        expect(open(text).ok).toBe(false);
      }),
    );
    expect(open(prefix + 'A'.repeat(1_000_000)).ok).toBe(false);
  });
});
