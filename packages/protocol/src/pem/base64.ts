// Base64 and base64url (RFC 4648 sections 4 and 5). Written out, because browsers and Node share no decoder that is strict:
// theirs skip over foreign characters or accept a cut-off end.

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** By character code; -1 for characters of neither alphabet. */
const values = new Int8Array(128).fill(-1);
for (let value = 0; value < 64; value += 1) values[alphabet.charCodeAt(value)] = value;
values['-'.charCodeAt(0)] = 62;
values['_'.charCodeAt(0)] = 63;

const whiteSpace = /\s+/g;

export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const group = (byteAt(bytes, at) << 16) | (byteAt(bytes, at + 1) << 8) | byteAt(bytes, at + 2);
    text += alphabet.charAt(group >> 18) + alphabet.charAt((group >> 12) & 63);
    text += at + 1 < bytes.length ? alphabet.charAt((group >> 6) & 63) : '=';
    text += at + 2 < bytes.length ? alphabet.charAt(group & 63) : '=';
  }
  return text;
}

/** @returns undefined unless the text, white space aside, is the one canonical and padded base64 of at least one byte */
export function decodeBase64(text: string): Uint8Array | undefined {
  const compact = text.replace(whiteSpace, '');
  const bytes = Uint8Array.from(decodeBase64Start(compact, compact.length));
  return bytes.length > 0 && encodeBase64(bytes) === compact ? bytes : undefined;
}

/** The same for base64url, with or without padding. */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  const compact = text.replace(whiteSpace, '').replace(/={0,2}$/, '');
  const standard = compact.replaceAll('-', '+').replaceAll('_', '/');
  return decodeBase64(standard.padEnd(Math.ceil(standard.length / 4) * 4, '='));
}

/** The bytes before the first character that is of neither alphabet. White space is passed over. */
export function decodeBase64Start(text: string, mostBytes: number, from = 0): readonly number[] {
  const bytes = [];
  let bits = 0;
  let bitCount = 0;
  for (let at = from; at < text.length && bytes.length < mostBytes; at += 1) {
    const code = text.charCodeAt(at);
    const value = values[code] ?? -1;
    if (value === -1) {
      if (code <= 0x20) continue;
      break;
    }
    bits = ((bits << 6) | value) & 0xffff;
    bitCount += 6;
    if (bitCount >= 8) {
      bitCount -= 8;
      bytes.push((bits >> bitCount) & 0xff);
    }
  }
  return bytes;
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
