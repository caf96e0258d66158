// Certificates made by openssl, so that the oracle of the certificate tests is not our own X.509 code.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface MadeCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface Wanted {
  /** As `-subj` takes it. */
  readonly subject: string;
  /** PEM; a new P-256 key when absent. */
  readonly key?: string;
  readonly issuer?: MadeCertificate;
}

/** Makes a certificate, self-signed unless an issuer is given, with a serial number of openssl's choice. */
export function makeCertificate({ subject, key, issuer }: Wanted): MadeCertificate {
  const directory = mkdtempSync(join(tmpdir(), 'tollward-conformance-'));
  const run = (...args: string[]): void =>
    void execFileSync('openssl', args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
  try {
    if (key === undefined) run('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'own.key');
    else write('own.key', key);
    write('req.cnf', '[req]\ndistinguished_name = subject\n[subject]\n');
    const request = ['req', '-new', '-utf8', '-config', 'req.cnf', '-key', 'own.key', '-subj', subject];
    if (issuer === undefined) {
      run(...request, '-x509', '-days', '30', '-out', 'own.crt');
    } else {
      write('issuer.crt', issuer.cert);
      write('issuer.key', issuer.key);
      run(...request, '-out', 'own.csr');
      const signed = ['-CA', 'issuer.crt', '-CAkey', 'issuer.key', '-CAcreateserial', '-days', '30', '-out', 'own.crt'];
      run('x509', '-req', '-in', 'own.csr', ...signed);
    }
    const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
    return { cert: read('own.crt'), key: read('own.key') };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
