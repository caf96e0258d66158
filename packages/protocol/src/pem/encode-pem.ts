// Textual encodings (RFC 7468 section 2).

import { encodeBase64 } from './base64.js';

/** One PEM block in lines of 64 characters, with a line feed at its end. */
export function encodePem(label: string, der: Uint8Array): string {
  const lines = encodeBase64(der).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
