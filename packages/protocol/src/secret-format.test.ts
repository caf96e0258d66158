import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { environments } from './environment.js';
import { formatSecret, parseSecret, redactSecrets, secretEntropyBytes, secretKinds } from './secret-format.js';

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const entropy = fc.uint8Array({ minLength: secretEntropyBytes, maxLength: secretEntropyBytes });
const parts = fc.record({
  environment: fc.constantFrom(...environments),
  kind: fc.constantFrom(...secretKinds),
  entropy,
});
const secrets = parts.map((part) => formatSecret(part.environment, part.kind, part.entropy));
const characters = fc.oneof(fc.constantFrom(...digits, '_', '-'), fc.string({ unit: 'binary', minLength: 1 }));

/** Reads base 62 by Horner's rule, from the front, where the writer divides from the back. */
function readBase62(text: string): bigint {
  return [...text].reduce((value, digit) => value * 62n + BigInt(digits.indexOf(digit)), 0n);
}

describe('a secret', () => {
  test('is written as a second implementation writes it', () => {
    // Made with Python's int.from_bytes and zlib.crc32 from the bytes 0 to 31.
    const bytes = Uint8Array.from({ length: 32 }, (_, index) => index);
    expect(formatSecret('sandbox', 'cs', bytes)).toBe('tlw_sbx_cs_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf3LosDY');
  });

  test('tells its environment and kind', () => {
    fc.assert(
      fc.property(parts, ({ environment, kind, entropy: bytes }) => {
        expect(parseSecret(formatSecret(environment, kind, bytes))).toEqual({ ok: true, environment, kind });
      }),
    );
  });

  test('holds all of its entropy in 43 characters, however small the number is', () => {
    const edges = fc.constantFrom(new Uint8Array(32), new Uint8Array(32).fill(255));
    fc.assert(
      fc.property(fc.oneof(entropy, edges), (bytes) => {
        const body = formatSecret('production', 'rt', bytes).slice('tlw_prd_rt_'.length, -6);
        expect(body).toMatch(/^[0-9A-Za-z]{43}$/);
        expect(readBase62(body)).toBe(BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
      }),
    );
  });

  test('ends in the CRC-32 of everything before it, as zlib computes it', () => {
    fc.assert(
      fc.property(secrets, (secret) => {
        expect(readBase62(secret.slice(-6))).toBe(BigInt(crc32(secret.slice(0, -6))));
      }),
    );
  });

  test.each([0, 16, 31, 33, 64])('is not made of %i bytes', (length) => {
    expect(() => formatSecret('sandbox', 'cs', new Uint8Array(length))).toThrow(RangeError);
  });
});

describe('parseSecret', () => {
  test('refuses a secret with a changed character', () => {
    fc.assert(
      fc.property(secrets, fc.nat(), characters, (secret, seed, other) => {
        const at = seed % secret.length;
        const changed = secret.slice(0, at) + other + secret.slice(at + 1);
        fc.pre(changed !== secret);
        expect(parseSecret(changed).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test('refuses a secret with a removed or an inserted character', () => {
    fc.assert(
      fc.property(secrets, fc.nat(), characters, (secret, seed, other) => {
        const at = seed % (secret.length + 1);
        expect(parseSecret(secret.slice(0, at) + other + secret.slice(at)).ok).toBe(false);
        const removed = seed % secret.length;
        expect(parseSecret(secret.slice(0, removed) + secret.slice(removed + 1)).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test('refuses a secret moved to another environment or kind, for its checksum', () => {
    const secret = formatSecret('sandbox', 'cs', new Uint8Array(32).fill(9));
    expect(parseSecret(secret.replace('_sbx_', '_prd_'))).toEqual({ ok: false, problem: 'checksum' });
    expect(parseSecret(secret.replace('_cs_', '_rt_'))).toEqual({ ok: false, problem: 'checksum' });
    expect(parseSecret(secret.replace('_cs_', '_at_'))).toEqual({ ok: false, problem: 'not-a-secret' });
  });

  test('refuses a secret with white space around it', () => {
    const secret = formatSecret('sandbox', 'cs', new Uint8Array(32).fill(9));
    for (const text of [`${secret}\n`, ` ${secret}`, `${secret} `]) expect(parseSecret(text).ok).toBe(false);
  });

  test('finds no secret in a text that is none', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseSecret(text)).toEqual({ ok: false, problem: 'not-a-secret' });
      }),
    );
  });
});

describe('redactSecrets', () => {
  test('leaves nothing of the entropy of a secret or token, wherever it stands', () => {
    const token = fc
      .tuple(fc.constantFrom('sbx', 'prd'), fc.stringMatching(/^[A-Za-z0-9_-]{20,60}$/))
      .map(([environment, body]) => ({ prefix: `tlw_${environment}_at_`, body }));
    const secret = secrets.map((text) => {
      const prefix = /^tlw_..._[a-z]+_/.exec(text)?.[0] ?? '';
      return { prefix, body: text.slice(prefix.length) };
    });
    fc.assert(
      fc.property(fc.string(), fc.oneof(token, secret), fc.string(), (before, { prefix, body }, after) => {
        const redacted = redactSecrets(`${before}${prefix}${body}${after}`);
        expect(redacted).toContain(`${prefix}***`);
        expect(redacted).not.toContain(body.slice(0, 8));
        expect(redacted.startsWith(`${before}${prefix}***`)).toBe(true);
      }),
    );
  });

  test('redacts every secret of a text, and one that was cut off', () => {
    const secret = formatSecret('production', 'pat', new Uint8Array(32).fill(1));
    expect(redactSecrets(`a ${secret} b ${secret.slice(0, 20)}`)).toBe('a tlw_prd_pat_*** b tlw_prd_pat_***');
  });

  test('changes nothing else', () => {
    const texts = fc.string().filter((text) => !text.includes('tlw_'));
    fc.assert(
      fc.property(texts, (text) => {
        expect(redactSecrets(text)).toBe(text);
      }),
    );
    expect(redactSecrets('tlw_ and tlw_xyz_cs_abc are not ours')).toBe('tlw_ and tlw_xyz_cs_abc are not ours');
  });
});
