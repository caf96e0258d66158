// OpenSSL's command line as the second opinion of the tests in this folder.

import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const opensslInstalled = spawnSync('openssl', ['version']).status === 0;

if (!opensslInstalled) {
  if (process.env['CI'] === 'true') throw new Error('The certificate tests need openssl, and CI must not skip them.');
  process.emitWarning('openssl is not installed: most certificate tests are skipped');
}

export interface Openssl {
  /** Runs openssl in the scratch directory and returns what it printed. */
  run(...args: string[]): string;
  write(name: string, content: string | Buffer): void;
  read(name: string): Buffer;
  /** Makes `<name>.key` and `<name>.csr`; returns the request in PEM. */
  request(name: string, options: RequestOptions): string;
  /** Makes `<name>.der` and `<name>.pem`, a self-signed certificate; returns its DER encoding. */
  selfSigned(name: string, options: CertificateOptions): Buffer;
  /** The same, signed by the certificate and key of `issuer`. */
  issued(name: string, issuer: string, options: CertificateOptions): Buffer;
  dispose(): void;
}

export interface RequestOptions {
  /** Options of `openssl genpkey`; a new key of P-256 when absent. */
  readonly key?: readonly string[];
  /** As `-subj` takes it; absent for an empty subject. */
  readonly subject?: string;
  /** Lines of an extension section. */
  readonly extensions?: readonly string[];
  /** More options of `openssl req`. */
  readonly options?: readonly string[];
}

export interface CertificateOptions extends RequestOptions {
  /** How long it lasts, from now on; 30 when left out. */
  readonly days?: number;
}

export const opensslKeys = {
  p256: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  p384: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  p521: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521'],
  secp256k1: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1'],
  ed25519: ['-algorithm', 'ED25519'],
} as const;

export function rsaKey(bits: number, exponent = 65_537): readonly string[] {
  return ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`, '-pkeyopt', `rsa_keygen_pubexp:${exponent}`];
}

/** Where any key will do: a start of openssl takes longer than making one. */
function newP256Key(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

// Primes take up to seconds to find, so a worker finds those of each kind of RSA key once.
const rsaKeys = new Map<string, string>();

function keyMadeBy(options: readonly string[], run: Openssl['run']): string {
  const kind = options.join(' ');
  const key = rsaKeys.get(kind) ?? run('genpkey', ...options);
  if (kind.startsWith('-algorithm RSA')) rsaKeys.set(kind, key);
  return key;
}

export function createOpenssl(): Openssl {
  const directory = mkdtempSync(join(tmpdir(), 'tollward-openssl-'));
  const run = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const write = (name: string, content: string | Buffer) => writeFileSync(join(directory, name), content);
  const read = (name: string) => readFileSync(join(directory, name));

  const prepare = (name: string, { key, extensions = [] }: RequestOptions) => {
    write(`${name}.key`, key === undefined ? newP256Key() : keyMadeBy(key, run));
    write(
      `${name}.cnf`,
      ['[req]', 'distinguished_name = subject', '[subject]', '[wanted]', ...extensions, ''].join('\n'),
    );
  };
  const arguments_ = (name: string, { subject = '/', options = [] }: RequestOptions) =>
    ['req', '-new', '-utf8', '-key', `${name}.key`, '-config', `${name}.cnf`, '-subj', subject].concat(options);

  const request = (name: string, wanted: RequestOptions): string => {
    prepare(name, wanted);
    const extensions = wanted.extensions === undefined ? [] : ['-reqexts', 'wanted'];
    run(...arguments_(name, wanted), ...extensions, '-out', `${name}.csr`);
    return read(`${name}.csr`).toString();
  };
  const certificate = (
    name: string,
    args: readonly string[],
    { extensions, days = 30 }: CertificateOptions,
  ): Buffer => {
    const wanted = extensions === undefined ? [] : ['-extensions', 'wanted'];
    run(...args, '-days', String(days), ...wanted, '-out', `${name}.pem`);
    const der = Buffer.from(
      read(`${name}.pem`)
        .toString()
        .replaceAll(/-----.*-----/g, ''),
      'base64',
    );
    write(`${name}.der`, der);
    return der;
  };

  return {
    run,
    write,
    read,
    request,
    selfSigned(name, wanted) {
      prepare(name, wanted);
      return certificate(name, [...arguments_(name, wanted), '-x509'], wanted);
    },
    issued(name, issuer, wanted) {
      request(name, wanted);
      const signer = ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial'];
      return certificate(name, ['x509', '-req', '-in', `${name}.csr`, ...signer, '-extfile', `${name}.cnf`], wanted);
    },
    dispose: () => rmSync(directory, { recursive: true }),
  };
}
