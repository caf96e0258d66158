// Looks for a private key anywhere in a text: whoever sent one must learn it, whatever else is wrong with it.
// Every search goes forward through the text once, with a bounded look at each place.

import { decodeBase64Start } from './base64.js';
import { writtenOutLineEnds } from './pem-lines.js';
import { type KeyFinding, privateKeyStartBytes, recogniseKeyStart } from './private-key-start.js';

/** What is parsed. Labels are searched beyond it. */
const mostCharacters = 64 * 1024;

/** Without dashes only capitals count, so that "begin with the private key" stays a sentence. */
const labels = [
  /[-=_\u2010-\u2015\u2212]\s{0,2}(?:BEGIN|END)[\w\s%+]{0,40}PRIVATE[\w\s%+]{0,4}KEY/i,
  /(?:BEGIN|END)[A-Z0-9\s%+_]{0,40}PRIVATE[\s%20+_]{1,4}KEY/,
  // PuTTY, and what `openssl pkey -text` prints.
  /PuTTY-User-Key-File|Private-Lines:|Private-Key:/i,
  // Base64 of "openssh-key-v1".
  /b3BlbnNzaC1rZXktdj/,
];

/** RFC 7518 section 6 and RFC 8037 section 2: `d` is private in every kind of key, `k` is the key itself. */
const jwkPrivateMember = /(?<![\w-])(?:d|k|priv)\\?["']?\s{0,8}:\s{0,8}\\?["'][\w-]{16}/;

/** A sequence is `M` in base64, and the upper half of the length byte behind it A to I. The other is that of "-----BEGIN". */
const base64Starts = /(?<![A-Za-z0-9+/_])(?:M[A-I]|LS0tLS1CRUdJTi)/g;
const hexStarts = /(?<![A-Za-z0-9])30[\s:]?[0-8][0-9a-f]/gi;

/** Takes a binary file too, as what becomes of it when it is decoded as text. */
export function findPrivateKey(text: string): KeyFinding | undefined {
  // Zero bytes stand between the letters of UTF-16; the other characters are invisible where people copy from.
  const visible = text.replaceAll('\0', '').replace(/\u00ad|\u200b|\u200c|\u200d|\u2060|\ufeff/g, '');
  if (isLabelled(visible)) return 'private-key';

  const part = visible.slice(0, mostCharacters);
  if (/kty/.test(part) && jwkPrivateMember.test(part)) return 'private-key';
  const binary = recogniseKeyStart(
    Array.from(text.slice(0, privateKeyStartBytes), (character) => character.charCodeAt(0)),
  );
  return binary ?? findEncoded(part.replace(writtenOutLineEnds, '\n'));
}

function isLabelled(text: string): boolean {
  return labels.some((label) => label.test(text));
}

function findEncoded(text: string): KeyFinding | undefined {
  for (const { 0: start, index } of text.matchAll(base64Starts)) {
    if (start.startsWith('L')) {
      if (isLabelled(String.fromCharCode(...decodeBase64Start(text, 64, index)))) return 'private-key';
    } else {
      const finding = recogniseKeyStart(decodeBase64Start(text, privateKeyStartBytes, index));
      if (finding !== undefined) return finding;
    }
  }
  for (const { index } of text.matchAll(hexStarts)) {
    const finding = recogniseKeyStart(decodeHexStart(text, index));
    if (finding !== undefined) return finding;
  }
  return undefined;
}

/** Pairs of digits, with one character between them at most. */
function decodeHexStart(text: string, from: number): readonly number[] {
  const bytes = [];
  for (let at = from; bytes.length < privateKeyStartBytes; at += 2) {
    if (isBetweenPairs(text.charCodeAt(at))) at += 1;
    const byte = Number.parseInt(text.slice(at, at + 2), 16);
    if (Number.isNaN(byte)) break;
    bytes.push(byte);
  }
  return bytes;
}

function isBetweenPairs(code: number): boolean {
  return code <= 0x20 || code === ':'.charCodeAt(0);
}
