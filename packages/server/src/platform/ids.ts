// Identifiers: a prefix that names the kind of thing, and a UUID version 7 (RFC 9562 section 5.7) as 32 hex digits. The
// time in front keeps index inserts together; the 74 random bits keep ids from being guessed.

import type { RandomBytes } from './random.js';

export type IdPrefix = 'org' | 'cli' | 'sec' | 'crt' | 'aud' | 'nod' | 'aut';

export function newId(prefix: IdPrefix, now: number, random: RandomBytes): string {
  const bytes = Buffer.alloc(16);
  random(16).copy(bytes);
  bytes.writeUIntBE(now, 0, 6);
  bytes[6] = 0x70 | (bytes.readUInt8(6) & 0x0f);
  bytes[8] = 0x80 | (bytes.readUInt8(8) & 0x3f);
  return `${prefix}_${bytes.toString('hex')}`;
}

export function isId(prefix: IdPrefix, text: string): boolean {
  return text.length === 36 && text.startsWith(`${prefix}_`) && /^[0-9a-f]{32}$/.test(text.slice(4));
}
