import { expect, it } from 'vitest';
import { encodePem } from './encode-pem.js';

it('writes PEM as RFC 7468 has it: lines of 64 characters, the last one shorter', () => {
  expect(encodePem('EXAMPLE', new Uint8Array(50).fill(0xff))).toBe(
    `-----BEGIN EXAMPLE-----\n${'/'.repeat(64)}\n//8=\n-----END EXAMPLE-----\n`,
  );
  expect(encodePem('EXAMPLE', new Uint8Array(48))).toBe(
    `-----BEGIN EXAMPLE-----\n${'A'.repeat(64)}\n-----END EXAMPLE-----\n`,
  );
});
