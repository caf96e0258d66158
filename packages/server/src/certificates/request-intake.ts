// What a partner pasted, told apart before anything parses it: every parser answers a private key, a certificate and a
// cut-off request with the same "no start line". The text itself never appears in an answer.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { decodeBase64, encodePem } from './pem.js';

export type PasteProblem =
  | 'empty'
  | 'too-large'
  | 'private-key'
  | 'certificate'
  | 'several'
  | 'headers-missing'
  | 'binary'
  | 'text-around'
  | 'damaged'
  | 'not-a-request';

export type Paste =
  | { readonly ok: true; readonly der: Buffer }
  | { readonly ok: false; readonly problem: PasteProblem };

const mostBytes = 16 * 1024;

const privateKeyLabel = /BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY/i;
const pemStart = /-----BEGIN /g;
/** Two writings of the same label are in use (RFC 7468 section 7). */
const wholeRequest = /^-----BEGIN ((?:NEW )?CERTIFICATE REQUEST)-----([A-Za-z0-9+/=\s]*)-----END \1-----$/;

/** Finds the one certificate request in a text, or says what the text is instead. */
export function parsePastedRequest(pasted: string): Paste {
  // First of all, and whatever else is wrong: its owner must learn that this key is no longer a secret.
  if (privateKeyLabel.test(pasted)) return refuse('private-key');
  if (Buffer.byteLength(pasted) > mostBytes) return refuse('too-large');
  // A request that went through JSON or an environment variable has its line ends written out.
  const text = pasted.replaceAll(/(?:\\r)?\\n/g, '\n').trim();
  if (text === '') return refuse('empty');

  const starts = text.match(pemStart)?.length ?? 0;
  if (starts === 0) return refuse(classifyWithoutHeaders(text));
  if (starts > 1) return refuse('several');
  if (/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/.test(text)) return refuse('certificate');
  if (!/-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----/.test(text)) return refuse('not-a-request');
  if (!/-----END (?:NEW )?CERTIFICATE REQUEST-----/.test(text)) return refuse('damaged');
  if (!text.startsWith('-----') || !text.endsWith('-----')) return refuse('text-around');
  const der = decodeBase64(wholeRequest.exec(text)?.[2] ?? '');
  return der === undefined ? refuse('damaged') : { ok: true, der };
}

function classifyWithoutHeaders(text: string): PasteProblem {
  const der = decodeBase64(text);
  if (der !== undefined) {
    if (isPrivateKey(der)) return 'private-key';
    if (isCertificate(der)) return 'certificate';
    return startsLikeDer(der) ? 'headers-missing' : 'not-a-request';
  }
  // A binary file read as text: the second byte is not ASCII and arrives either as it is or as a replacement character.
  return /^0[\u{80}-\u{ff}\u{fffd}]/u.test(text) ? 'binary' : 'not-a-request';
}

/** A sequence with a length of two bytes, as every request of an allowed key has. */
function startsLikeDer(bytes: Buffer): boolean {
  return bytes[0] === 0x30 && (bytes[1] === 0x81 || bytes[1] === 0x82);
}

function isPrivateKey(der: Buffer): boolean {
  return (['pkcs8', 'pkcs1', 'sec1'] as const).some((type) =>
    succeeds(() => createPrivateKey({ key: der, format: 'der', type })),
  );
}

function isCertificate(der: Buffer): boolean {
  return succeeds(() => new X509Certificate(encodePem('CERTIFICATE', der)));
}

function succeeds(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch {
    return false;
  }
}

function refuse(problem: PasteProblem): Paste {
  return { ok: false, problem };
}
