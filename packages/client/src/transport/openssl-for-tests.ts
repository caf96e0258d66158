// Certificates made by openssl, so that what reads them is not proved by itself.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Wanted {
  /** As `-subj` takes it. */
  readonly subject: string;
  /** Self-signed when left out. */
  readonly issuer?: Pair;
  /** An hour ago when left out. */
  readonly notBefore?: number;
  /** In 100 days when left out. */
  readonly notAfter?: number;
  /** As in `DNS:localhost`. */
  readonly names?: string;
  /** Whether it may sign others. */
  readonly isAuthority?: boolean;
  /** Options of `openssl genpkey`; P-256 when left out. */
  readonly keyKind?: readonly string[];
}

const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

export function makePair(wanted: Wanted): Pair {
  const { subject, issuer, notBefore = Date.now() - hourMs, notAfter = Date.now() + 100 * dayMs } = wanted;
  const directory = mkdtempSync(join(tmpdir(), 'tollward-client-'));
  const at = (name: string) => join(directory, name);
  try {
    const key = openssl([
      'genpkey',
      ...(wanted.keyKind ?? ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']),
    ]);
    writeFileSync(at('own.key'), key);
    writeFileSync(at('issuer.key'), issuer?.key ?? key);
    if (issuer !== undefined) writeFileSync(at('issuer.crt'), issuer.cert);
    writeFileSync(at('index'), '');
    writeFileSync(at('settings'), settings(directory, wanted));
    const config = ['-config', at('settings')];
    openssl(['req', '-new', ...config, '-key', at('own.key'), '-subj', subject, '-out', at('own.csr')]);
    openssl([
      ...[
        'ca',
        '-batch',
        '-notext',
        '-preserveDN',
        '-rand_serial',
        ...config,
        '-in',
        at('own.csr'),
        '-extensions',
        'wanted',
      ],
      ...['-keyfile', at('issuer.key'), ...(issuer === undefined ? ['-selfsign'] : ['-cert', at('issuer.crt')])],
      ...['-startdate', opensslTime(notBefore), '-enddate', opensslTime(notAfter), '-out', at('own.crt')],
    ]);
    return { cert: readFileSync(at('own.crt'), 'utf8'), key };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A PKCS #12 file. */
export function makePfx({ cert, key }: Pair, ...options: readonly string[]): Buffer {
  return execFileSync('openssl', ['pkcs12', '-export', ...options], {
    input: `${key}${cert}`,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

export function openssl(words: readonly string[], input = ''): string {
  return execFileSync('openssl', words, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Base64url SHA-256, as openssl computes it. */
export function thumbprintOf(cert: string): string {
  const hex = openssl(['x509', '-noout', '-fingerprint', '-sha256'], cert).split('=')[1] ?? '';
  return Buffer.from(hex.replaceAll(/[^0-9A-F]/g, ''), 'hex').toString('base64url');
}

function settings(directory: string, { names, isAuthority = false }: Wanted): string {
  return `
[req]
distinguished_name = subject
[subject]
[ca]
default_ca = own
[own]
database = ${join(directory, 'index')}
serial = ${join(directory, 'serial')}
new_certs_dir = ${directory}
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = optional
[wanted]
basicConstraints = ${isAuthority ? 'critical,CA:TRUE' : 'CA:FALSE'}
${names === undefined ? '' : `subjectAltName = ${names}`}
`;
}

/** YYYYMMDDhhmmssZ. */
function opensslTime(time: number): string {
  return `${new Date(time).toISOString().replaceAll(/\D/g, '').slice(0, 14)}Z`;
}
