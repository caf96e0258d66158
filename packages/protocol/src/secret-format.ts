// The format of every secret Tollward hands out: `tlw_<sbx|prd>_<kind>_<43 base62><6 base62>`.
// The 43 characters are 256 random bits; the last 6 are the CRC-32 (ISO 3309, as in zlib) of everything before them,
// so that a scanner tells a leaked secret from a look-alike and a cut-off paste is recognised without a lookup.

import { type Environment, environmentFromShortName, environmentShortName } from './environment.js';

/** `rt` refresh token, `ac` authorization code, `pat` personal token, `cs` client secret. */
export const secretKinds = ['rt', 'ac', 'pat', 'cs'] as const;
export type SecretKind = (typeof secretKinds)[number];

export const secretEntropyBytes = 32;

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const bodyLength = 43;
const checksumLength = 6;

const wholeSecret = /^tlw_(sbx|prd)_(rt|ac|pat|cs)_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;

/** Matches the start of anything secret that Tollward hands out, access tokens included, wherever it stands in a text. */
const anySecret = /tlw_(?:sbx|prd)_(?:at|rt|ac|pat|cs)_[0-9A-Za-z_-]*/g;

export type ParsedSecret =
  | { readonly ok: true; readonly environment: Environment; readonly kind: SecretKind }
  | { readonly ok: false; readonly problem: 'not-a-secret' | 'checksum' };

/**
 * Writes a secret.
 *
 * @param entropy exactly 32 random bytes
 * @throws RangeError when `entropy` has another length
 */
export function formatSecret(environment: Environment, kind: SecretKind, entropy: Uint8Array): string {
  if (entropy.length !== secretEntropyBytes) {
    throw new RangeError(`a secret is made of ${secretEntropyBytes} random bytes, not ${entropy.length}`);
  }
  let value = 0n;
  for (const byte of entropy) value = (value << 8n) | BigInt(byte);
  const unchecked = `tlw_${environmentShortName(environment)}_${kind}_${base62(value, bodyLength)}`;
  return unchecked + base62(BigInt(crc32(unchecked)), checksumLength);
}

/** Tells whether `text` has the form of a secret. It says nothing about whether anybody was ever given it. */
export function parseSecret(text: string): ParsedSecret {
  const match = wholeSecret.exec(text);
  const environment = environmentFromShortName(match?.[1] ?? '');
  const kind = secretKinds.find((candidate) => candidate === match?.[2]);
  if (environment === undefined || kind === undefined) return { ok: false, problem: 'not-a-secret' };
  const unchecked = text.slice(0, -checksumLength);
  if (base62(BigInt(crc32(unchecked)), checksumLength) !== text.slice(-checksumLength)) {
    return { ok: false, problem: 'checksum' };
  }
  return { ok: true, environment, kind };
}

/** Replaces every secret and access token in `text` by its prefix and `***`. */
export function redactSecrets(text: string): string {
  return text.includes('tlw_')
    ? text.replace(anySecret, (found) => `${/^tlw_..._[a-z]+_/.exec(found)?.[0] ?? ''}***`)
    : text;
}

function base62(value: bigint, length: number): string {
  let rest = value;
  let text = '';
  for (let position = 0; position < length; position += 1) {
    text = alphabet.charAt(Number(rest % 62n)) + text;
    rest /= 62n;
  }
  return text;
}

function crc32(text: string): number {
  let crc = 0xffffffff;
  for (let index = 0; index < text.length; index += 1) {
    crc ^= text.charCodeAt(index);
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
