// A self-signed P-256 certificate for the servers Tollward is compared with: the same kind of key Tollward's listeners use by default.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { TlsFiles } from './server-tls.js';

export function createServerCertificate(directory: string): TlsFiles {
  const keyFile = join(directory, 'bare.key');
  const certificateFile = join(directory, 'bare.pem');
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  try {
    execFileSync('openssl', ['req', '-x509', '-days', '1', ...curve, ...names, '-out', certificateFile], {
      stdio: 'pipe',
    });
  } catch (cause) {
    throw new Error('The bench makes a throw-away certificate with the openssl command, which is missing or failed.', {
      cause,
    });
  }
  return { keyFile, certificateFile };
}
