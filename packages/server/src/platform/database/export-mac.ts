// Proof that a file with an installation is as somebody with its master key wrote it: HMAC-SHA-256 (RFC 2104) under a key that
// HKDF (RFC 5869) makes of the master key.

import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { ParsedMasterKey } from '../keys/master-key.js';

const keyBytes = 32;

/** The last line of a file, over every byte before it. */
export const exportMacSchema = z.strictObject({
  /** Id of the master key. */
  masterKey: z.string().regex(/^[0-9a-f]{8}$/),
  hmacSha256: z.string().regex(/^[0-9a-f]{64}$/),
});

export type ExportMac = z.output<typeof exportMacSchema>;

export interface ExportMacMaker {
  update(text: string): void;
  finish(): ExportMac;
}

export function createExportMac({ id, secret }: ParsedMasterKey): ExportMacMaker {
  const hmac = createHmac('sha256', Buffer.from(hkdfSync('sha256', secret, '', 'tollward export', keyBytes)));
  return {
    update: (text) => void hmac.update(text),
    finish: () => ({ masterKey: id, hmacSha256: hmac.digest('hex') }),
  };
}

export function isSameMac(left: ExportMac, right: ExportMac): boolean {
  return timingSafeEqual(Buffer.from(left.hmacSha256, 'hex'), Buffer.from(right.hmacSha256, 'hex'));
}
