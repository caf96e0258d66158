// docs/secret-format.md is what others build their scanners by, so what it says is tried.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { environments, formatSecret, parseSecret, secretKinds } from '@tollward/protocol';
import { describe, expect, test } from 'vitest';

const document = readFileSync(new URL('../docs/secret-format.md', import.meta.url), 'utf8');
const blocks = [...document.matchAll(/^```\n([\s\S]*?)\n```$/gm)].map(([, text = '']) => text);
const [parts = '', secretExpression = '', example = '', tokenExpression = ''] = blocks;

describe('the published format of secrets', () => {
  test('has a regular expression that finds every kind of secret in a text, whole', () => {
    for (const environment of environments) {
      for (const kind of secretKinds) {
        const secret = formatSecret(environment, kind, randomBytes(32));
        expect(new RegExp(secretExpression).exec(`password="${secret}",`)?.[0]).toBe(secret);
        expect(new RegExp(secretExpression).test(secret.slice(0, -1)), 'cut off').toBe(false);
        expect(new RegExp(secretExpression).test(`${secret}0`), 'too long').toBe(false);
      }
    }
  });

  test('has a worked example that follows from the bits and the checksum it names', () => {
    const bits = Uint8Array.from({ length: 32 }, (_, index) => index);
    expect(formatSecret('sandbox', 'cs', bits)).toBe(example);
    expect(parts.replaceAll(' ', '')).toBe(example);
    expect(document).toContain(`its CRC-32 is ${crc32(example.slice(0, -6))}, in base62 \`${example.slice(-6)}\``);
    expect(parseSecret(example)).toEqual({ ok: true, environment: 'sandbox', kind: 'cs' });
  });

  test('has a regular expression for access tokens that does not take client secrets', () => {
    const token = `tlw_prd_at_${randomBytes(200).toString('base64url')}`;
    expect(new RegExp(tokenExpression).exec(`Bearer ${token}`)?.[0]).toBe(token);
    expect(new RegExp(tokenExpression).test(example)).toBe(false);
  });
});
