// TLS as Tollward's listeners have it, for the servers it is compared with.

import { readFileSync } from 'node:fs';
import type { TlsOptions } from 'node:tls';

export interface TlsFiles {
  readonly keyFile: string;
  readonly certificateFile: string;
}

/** For TLS 1.2. */
export const CIPHERS = [
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');
export const CURVES = 'X25519:P-256:P-384';
export const TICKET_LIFETIME_SECONDS = 300;

const TLS13_CIPHERS = 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256';

export function serverTlsOptions({ keyFile, certificateFile }: TlsFiles): TlsOptions {
  return {
    key: readFileSync(keyFile),
    cert: readFileSync(certificateFile),
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: `${TLS13_CIPHERS}:${CIPHERS}`,
    honorCipherOrder: true,
    ecdhCurve: CURVES,
    requestCert: true,
    rejectUnauthorized: false,
    sessionTimeout: TICKET_LIFETIME_SECONDS,
  };
}
