// Keys, requests and certificates made and read by openssl, so that the oracle of the certificate tests is not our own
// X.509 code.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface MadeCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface MadeRequest {
  readonly csr: string;
  readonly key: string;
}

/** Options of `openssl genpkey`. */
export const keys = {
  p256: curve('P-256'),
  p384: curve('P-384'),
  p521: curve('P-521'),
  secp256k1: curve('secp256k1'),
  explicitP256: [...curve('P-256'), '-pkeyopt', 'ec_param_enc:explicit'],
  ed25519: ['-algorithm', 'ED25519'],
  rsa1024: rsa(1_024),
  rsa2047: rsa(2_047),
  rsa2048: rsa(2_048),
  rsa3072: rsa(3_072),
  rsa4096: rsa(4_096),
  // Of five primes, because two of this size take a minute to find.
  rsa8192: [...rsa(8_192), '-pkeyopt', 'rsa_keygen_primes:5'],
  rsaExponent3: [...rsa(2_048), '-pkeyopt', 'rsa_keygen_pubexp:3'],
} as const;
export type KeyKind = keyof typeof keys;

function curve(name: string): readonly string[] {
  return ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${name}`];
}

function rsa(bits: number): readonly string[] {
  return ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`];
}

export interface WantedRequest {
  /** As `-subj` takes it. */
  readonly subject: string;
  /** PEM; a new one of `keyKind` when absent. */
  readonly key?: string;
  readonly keyKind?: KeyKind;
  /** Lines of an extension section. */
  readonly extensions?: readonly string[];
  /** `-sha256` when absent. */
  readonly digest?: string;
}

export interface WantedCertificate extends WantedRequest {
  /** Self-signed when absent. */
  readonly issuer?: MadeCertificate;
  /** An hour ago when absent. */
  readonly notBefore?: number;
  /** In 30 days when absent. */
  readonly notAfter?: number;
  /** Hex; a random one when absent. */
  readonly serial?: string;
}

const hourMs = 3_600_000;

const settings = `
[req]
distinguished_name = subject
[subject]
[ca]
default_ca = own
[own]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = optional
`;

/** Makes a certificate for a key of its own. */
export function makeCertificate(wanted: WantedCertificate): MadeCertificate {
  const { issuer, notBefore = Date.now() - hourMs, notAfter = Date.now() + 30 * 24 * hourMs, serial } = wanted;
  return inDirectory(({ run, write, read }) => {
    const { csr, key } = makeRequest({ ...wanted, extensions: [] });
    write('own.csr', csr);
    write('issuer.key', issuer?.key ?? key);
    if (issuer !== undefined) write('issuer.crt', issuer.cert);
    write('index.txt', '');
    if (serial !== undefined) write('serial', serial);
    write('extensions.cnf', ['[wanted]', ...(wanted.extensions ?? []), ''].join('\n'));
    run(
      ...['ca', '-batch', '-notext', '-preserveDN', '-utf8', '-config', 'openssl.cnf', '-in', 'own.csr'],
      ...['-keyfile', 'issuer.key', ...(issuer === undefined ? ['-selfsign'] : ['-cert', 'issuer.crt'])],
      ...['-startdate', opensslTime(notBefore), '-enddate', opensslTime(notAfter)],
      ...(serial === undefined ? ['-rand_serial'] : []),
      ...(wanted.extensions === undefined ? [] : ['-extfile', 'extensions.cnf', '-extensions', 'wanted']),
      ...['-out', 'own.crt'],
    );
    return { cert: read('own.crt'), key };
  });
}

/** Makes a certificate request (PKCS #10). */
export function makeRequest({ subject, key, keyKind, extensions = [], digest }: WantedRequest): MadeRequest {
  return inDirectory(({ run, write, read }) => {
    write('own.key', key ?? makeKey(keyKind));
    write('req.cnf', [settings, '[wanted]', ...extensions, ''].join('\n'));
    const asked = extensions.length === 0 ? [] : ['-reqexts', 'wanted'];
    const signed = digest === undefined ? [] : [digest];
    run(
      ...['req', '-new', '-utf8', '-config', 'req.cnf', '-key', 'own.key', '-subj', subject],
      ...asked,
      ...signed,
      ...['-out', 'own.csr'],
    );
    return { csr: read('own.csr'), key: read('own.key') };
  });
}

// Primes take up to seconds to find, so a worker finds those of each kind of RSA key once.
const rsaKeys = new Map<KeyKind, string>();

/** A private key, PKCS #8 in PEM. A new one, but for RSA. */
export function makeKey(kind: KeyKind = 'p256'): string {
  const key = rsaKeys.get(kind) ?? openssl(['genpkey', ...keys[kind]]);
  if (kind.startsWith('rsa')) rsaKeys.set(kind, key);
  return key;
}

/** Runs openssl with `input` on its standard input. */
export function openssl(words: readonly string[], input = ''): string {
  return execFileSync('openssl', words, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
}

/** What `openssl x509` prints of a certificate, for example for `-subject`. */
export function printCertificate(cert: string, ...what: readonly string[]): string {
  return openssl(['x509', '-noout', ...what], cert).trim();
}

/** Whether openssl accepts the certificate for a TLS client when it trusts `issuer`. */
export function isTrusted(cert: string, issuer: string): boolean {
  return inDirectory(({ run, write }) => {
    write('leaf.pem', cert);
    write('issuer.pem', issuer);
    try {
      run('verify', '-partial_chain', '-trusted', 'issuer.pem', '-purpose', 'sslclient', '-x509_strict', 'leaf.pem');
      return true;
    } catch {
      return false;
    }
  });
}

/** The certificates of a chain, each in PEM. */
export function splitChain(pem: string): string[] {
  return pem.split(/(?<=-----END CERTIFICATE-----)\s*/).filter((part) => part !== '');
}

/** Cuts or changes the DER inside of a PEM block. */
export function changeDer(pem: string, change: (der: Buffer) => Buffer): string {
  const [first = '', ...rest] = pem.trim().split('\n');
  const der = change(Buffer.from(rest.slice(0, -1).join(''), 'base64'));
  return `${first}\n${der.toString('base64').replaceAll(/.{1,64}/g, '$&\n')}${rest.at(-1) ?? ''}\n`;
}

/** YYYYMMDDhhmmssZ. */
function opensslTime(time: number): string {
  return `${new Date(time).toISOString().replaceAll(/\D/g, '').slice(0, 14)}Z`;
}

interface Directory {
  readonly run: (...words: readonly string[]) => void;
  readonly write: (name: string, text: string) => void;
  readonly read: (name: string) => string;
}

/** A directory of its own for some runs of openssl. */
function inDirectory<T>(work: (directory: Directory) => T): T {
  const path = mkdtempSync(join(tmpdir(), 'tollward-conformance-'));
  writeFileSync(join(path, 'openssl.cnf'), settings);
  try {
    return work({
      run: (...words) => void execFileSync('openssl', words, { cwd: path, stdio: ['ignore', 'pipe', 'pipe'] }),
      write: (name, text) => writeFileSync(join(path, name), text),
      read: (name) => readFileSync(join(path, name), 'utf8'),
    });
  } finally {
    rmSync(path, { recursive: true });
  }
}
