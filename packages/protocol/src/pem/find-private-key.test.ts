import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describePaste, encodePem, readPaste } from './index.js';

const opensslInstalled = spawnSync('openssl', ['version']).status === 0;
if (!opensslInstalled && process.env['CI'] === 'true') {
  throw new Error('The tests of pasted keys need openssl, and CI must not skip them.');
}

const wantedKinds = ['certificate', 'certificate-request'] as const;

const bodyOf = (pem: string) => pem.replace(/-----[^\n]*-----\n/g, '');
const derOf = (pem: string) => Buffer.from(bodyOf(pem), 'base64');
const utf16 = (text: string) => Buffer.from(`\u{feff}${text}`, 'utf16le');

describe.skipIf(!opensslInstalled)('a private key in what people paste', () => {
  let directory: string;
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const read = (name: string) => readFileSync(join(directory, name));

  let key: string;
  let certificate: string;
  let request: string;
  let forms: ReadonlyMap<string, string>;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tollward-key-'));
    writeFileSync(join(directory, 'openssl.cnf'), '[req]\ndistinguished_name = subject\n[subject]\n');
    const ecKey = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    const made = ['-key', 'key.pem', '-subj', '/O=Example Bank', '-config', 'openssl.cnf'];
    openssl('genpkey', ...ecKey, '-out', 'key.pem');
    openssl('genpkey', '-algorithm', 'RSA', '-out', 'rsa.pem');
    key = read('key.pem').toString();
    request = openssl('req', '-new', ...made);
    openssl('req', '-new', '-x509', ...made, '-out', 'certificate.pem');
    certificate = read('certificate.pem').toString();
    const secret = ['-passout', 'pass:secret'];
    openssl('genpkey', '-algorithm', 'ED25519', '-out', 'ed25519.pem');
    openssl('genpkey', ...ecKey, '-pkeyopt', 'ec_param_enc:explicit', '-out', 'explicit.pem');
    const openssh = Buffer.concat([Buffer.from('openssh-key-v1\0\0\0\0\u{4}none'), randomBytes(200)]);
    forms = new Map([
      ['PKCS #8 with RSA', read('rsa.pem').toString()],
      ['PKCS #8 with a curve', key],
      ['PKCS #8 with a written out curve', read('explicit.pem').toString()],
      ['PKCS #8 with Ed25519', read('ed25519.pem').toString()],
      ['PKCS #1', openssl('rsa', '-in', 'rsa.pem', '-traditional')],
      ['SEC1', openssl('ec', '-in', 'key.pem')],
      ['encrypted PKCS #8', openssl('pkcs8', '-topk8', '-in', 'rsa.pem', ...secret)],
      ['encrypted PKCS #8 with scrypt', openssl('pkcs8', '-topk8', '-in', 'key.pem', '-scrypt', ...secret)],
      ['encrypted PKCS #8 of old', openssl('pkcs8', '-topk8', '-in', 'key.pem', '-v1', 'PBE-SHA1-3DES', ...secret)],
      ['OpenSSH', encodePem('OPENSSH PRIVATE KEY', openssh)],
    ]);
  });

  afterAll(() => rmSync(directory, { recursive: true }));

  const expectFound = (input: string | Uint8Array) => {
    for (const wanted of wantedKinds) expect(readPaste(input, wanted)).toMatchObject({ problem: 'private-key' });
    expect(describePaste(input)).toMatchObject({ problem: 'private-key' });
  };
  const expectFoundInEveryForm = (disguise: (pem: string) => string | Uint8Array) => {
    for (const pem of forms.values()) expectFound(disguise(pem));
  };

  it('is compromised, and its owner is told what to do', () => {
    for (const wanted of wantedKinds) {
      expect(readPaste(key, wanted)).toMatchObject({
        problem: 'private-key',
        remedy: expect.stringMatching(
          /compromised. Make a new key, revoke what was issued for it, and send only the cert/,
        ),
      });
    }
  });

  it.each<[string, (pem: string) => string | Uint8Array]>([
    ['in PEM', (pem) => pem],
    ['in the bytes of a file', (pem) => Buffer.from(pem)],
    ['in UTF-16', (pem) => utf16(pem)],
    ['in UTF-16 of the other byte order', (pem) => utf16(pem).swap16()],
    ['in UTF-16 that was read as UTF-8', (pem) => utf16(pem).toString('utf8')],
    ['with line ends of Windows', (pem) => pem.replaceAll('\n', '\r\n')],
    ['with written out line ends', (pem) => pem.replaceAll('\n', '\\n')],
    ['with written out line ends of Windows', (pem) => pem.replaceAll('\n', '\\r\\n')],
    ['in one line', (pem) => pem.replaceAll('\n', ' ')],
    ['in small letters', (pem) => pem.toLowerCase()],
    ['without its last line', (pem) => pem.replace(/-----END.*\n/, '')],
    ['without its first line', (pem) => pem.replace(/^-----BEGIN.*\n/, '')],
    ['cut in half', (pem) => pem.slice(0, pem.length / 2)],
    ['with long dashes', (pem) => pem.replaceAll('--', '\u{2014}')],
    ['without dashes', (pem) => pem.replaceAll('-', '')],
    ['without dashes and the start of its body', (pem) => pem.replaceAll('-', '').replace(/\n.{9}/, '\n')],
    ['with invisible characters', (pem) => pem.replaceAll('E', 'E\u{200b}')],
    ['in a URL', (pem) => encodeURIComponent(pem)],
    ['in quotes', (pem) => JSON.stringify(pem)],
    ['in JSON', (pem) => JSON.stringify({ note: 'ours', key: pem })],
    ['in text', (pem) => `This is our key:\n\n${pem}\nThank you`],
    ['behind a request', (pem) => request + pem],
    ['before a certificate', (pem) => pem + certificate],
    ['behind two certificates', (pem) => certificate.repeat(2) + pem],
    ['behind more text than is parsed', (pem) => `${'x'.repeat(1_000_000)}${pem}`],
    ['under the label of a certificate', (pem) => encodePem('CERTIFICATE', derOf(pem))],
    ['without label', bodyOf],
    ['without label, behind a written out line end', (pem) => `our key:\\n${bodyOf(pem)}`],
    ['without label, cut in half', (pem) => bodyOf(pem).slice(0, bodyOf(pem).length / 2)],
    ['without label, in text', (pem) => `our key is "${bodyOf(pem).replaceAll('\n', '')}"`],
    ['without label, in an environment file', (pem) => `KEY=${bodyOf(pem).replaceAll('\n', '\\n')}`],
    ['in base64 of its PEM', (pem) => `tls.key: ${Buffer.from(pem).toString('base64')}`],
  ])('is found %s', (_name, disguise) => {
    expectFoundInEveryForm(disguise);
  });

  it('is found in DER and in what becomes of DER', () => {
    for (const [name, pem] of forms) {
      // OpenSSH has no form in DER.
      if (name === 'OpenSSH') continue;
      const der = derOf(pem);
      const pairs = der.toString('hex').match(/../g) ?? [];
      expectFound(der);
      expectFound(der.subarray(0, der.length / 2));
      expectFound(der.toString('utf8'));
      expectFound(der.toString('latin1'));
      expectFound(der.toString('base64url'));
      expectFound(der.toString('hex'));
      expectFound(pairs.join(':').toUpperCase());
      expectFound(`00000000: ${pairs.slice(0, 16).join(' ')}  ................\n`);
    }
  });

  it('is found with the headers of encrypted keys of old', () => {
    const old = openssl('rsa', '-in', 'rsa.pem', '-aes128', '-traditional', '-passout', 'pass:secret');
    expect(old).toContain('DEK-Info');
    expectFound(old);
  });

  it('is found printed', () => {
    expectFound(openssl('pkey', '-in', 'rsa.pem', '-text', '-noout'));
    expectFound(openssl('pkey', '-in', 'ed25519.pem', '-text', '-noout'));
  });

  it('is found as a JSON Web Key', () => {
    const value = randomBytes(32).toString('base64url');
    const jwk = { kty: 'EC', crv: 'P-256', x: value, y: value };
    expectFound(JSON.stringify({ ...jwk, d: value }));
    expectFound(JSON.stringify({ keys: [{ ...jwk, d: value }] }, null, 2));
    expectFound(JSON.stringify(JSON.stringify({ kty: 'oct', k: value })));
    expectFound(`{ kty: 'EC', d: '${value}' }`);
    for (const other of [jwk, { d: value }]) {
      expect(readPaste(JSON.stringify(other), 'certificate')).toMatchObject({ problem: 'not-recognised' });
    }
  });

  it('is found in a file of PuTTY', () => {
    expectFound('PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nPrivate-Lines: 1\nAAAA\n');
  });

  it('is supposed in PKCS #12, which says so', () => {
    const secret = ['-passout', 'pass:secret'];
    openssl('pkcs12', '-export', '-inkey', 'key.pem', '-in', 'certificate.pem', ...secret, '-out', 'key.p12');
    const der = read('key.p12');
    for (const form of [der, der.toString('base64'), der.toString('latin1'), der.toString('utf8')]) {
      expect(readPaste(form, 'certificate')).toMatchObject({
        problem: 'pkcs12',
        remedy: expect.stringMatching(/usually holds a private key.*compromised/),
      });
    }
  });

  it('is not supposed where people only write about one', () => {
    const words = 'We begin with the private key. Its end: a private key stays private.';
    expect(readPaste(words + certificate, 'certificate')).toMatchObject({ problem: 'text-around' });
  });

  it('is never repeated, however it is cut, changed, wrapped and embedded', () => {
    const text = fc.oneof(
      fc.constantFrom('\n', '\\n', '"', '{"key":"', '-----BEGIN CERTIFICATE-----\n', '# ', '\0', request, certificate),
      fc.string({ unit: 'binary', maxLength: 20 }),
    );
    const place = fc.double({ min: 0, max: 1, noNaN: true });
    const change = fc.oneof(
      fc.tuple(place, place).map(
        ([a, b]) =>
          (pem: string) =>
            pem.slice(pem.length * a, pem.length * b),
      ),
      fc.tuple(place, place).map(
        ([a, b]) =>
          (pem: string) =>
            pem.slice(0, pem.length * a) + pem.slice(pem.length * b),
      ),
      fc.tuple(place, text).map(
        ([a, b]) =>
          (pem: string) =>
            pem.slice(0, pem.length * a) + b + pem.slice(pem.length * a),
      ),
      fc.tuple(text, text).map(
        ([a, b]) =>
          (pem: string) =>
            `${a}${pem}${b}`,
      ),
      fc.tuple(fc.constantFrom('\n', '-', 'PRIVATE', ' KEY', 'BEGIN', 'M'), text).map(
        ([a, b]) =>
          (pem: string) =>
            pem.replaceAll(a, () => b),
      ),
      fc
        .integer({ min: 17, max: 90 })
        .map((width) => (pem: string) => pem.replaceAll('\n', '').replace(new RegExp(`.{${width}}`, 'g'), '$&\n')),
      fc.constantFrom(
        (pem: string) => pem.replaceAll('\n', '\r\n'),
        (pem: string) => pem.replaceAll('+', '-').replaceAll('/', '_'),
        (pem: string) => JSON.stringify(pem),
        bodyOf,
      ),
    );
    const encode = fc.constantFrom(
      (pem: string) => pem,
      (pem: string) => Buffer.from(pem),
      (pem: string) => utf16(pem),
      (pem: string) => utf16(pem).toString('utf8'),
    );
    const body = bodyOf(key).replaceAll('\n', '').toLowerCase();
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), encode, (changes, encoded) => {
        const input = encoded(changes.reduce((pem, apply) => apply(pem), key));
        const answers = [...wantedKinds.map((wanted) => readPaste(input, wanted)), describePaste(input)];
        const answer = JSON.stringify(answers).toLowerCase();
        const runs = Array.from({ length: answer.length - 15 }, (_, at) => answer.slice(at, at + 16));
        expect(runs.filter((run) => body.includes(run))).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });
});
