// What a POSIX shell reads as it is meant.

import type { PartnerFiles } from './partner-files.js';

export function quote(path: string): string {
  return /^[\w./@%+=,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** Options of curl: trust this server, and be this partner to it. */
export function tlsOptions(caFile: string, { certificateFile, keyFile }: PartnerFiles): readonly string[] {
  return [
    `--cacert ${quote(caFile)}`,
    // curl takes what follows a plain colon for the password of the key.
    `--cert ${quote(certificateFile.replaceAll(/[\\:]/g, '\\$&'))}`,
    `--key ${quote(keyFile)}`,
  ];
}
