import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { CertificateError } from '../errors.js';
import type { MtlsOptions } from '../options.js';
import { loadCredentials } from './load-credentials.js';
import { dayMs, makePair, makePfx, openssl, thumbprintOf } from './openssl-for-tests.js';

const now = Date.now();
const directory = mkdtempSync(join(tmpdir(), 'tollward-client-'));
afterAll(() => rmSync(directory, { recursive: true }));

const root = makePair({ subject: '/CN=Root', isAuthority: true });
const middle = makePair({ subject: '/CN=Middle', issuer: root, isAuthority: true });
const own = makePair({ subject: '/CN=worker/O=Example', issuer: middle });
const other = makePair({ subject: '/CN=other', issuer: middle });
const request = openssl(['req', '-new', '-key', file('own.key', own.key), '-subj', '/CN=worker']);
const publicKey = openssl(['pkey', '-pubout'], own.key);
const encryptedKey = openssl(['pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-passout', 'pass:open sesame'], own.key);
const olderEncryptedKey = openssl(['ec', '-aes256', '-passout', 'pass:open sesame'], own.key);
const oldCipherKey = openssl(
  ['pkcs8', '-topk8', '-v1', 'PBE-SHA1-RC2-40', '-passout', 'pass:x', '-provider', 'legacy', '-provider', 'default'],
  own.key,
);
const pfx = makePfx(own, '-passout', 'pass:open sesame');
const piece = own.key.split('\n').slice(2, 4).join('\n');
const opensshLike = `-----BEGIN OPENSSH PRIVATE KEY-----\n${'b3BlbnNzaC1rZXktdjEAAAAABG5vbmU='.repeat(2)}\n-----END OPENSSH PRIVATE KEY-----\n`;

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

function load(mtls: MtlsOptions, at = now) {
  return loadCredentials({ mtls, systemAuthorities: true }, at);
}

async function failure(mtls: MtlsOptions, at = now): Promise<CertificateError> {
  const error: unknown = await load(mtls, at).catch((thrown: unknown) => thrown);
  if (!(error instanceof CertificateError)) throw new Error('it was no CertificateError', { cause: error });
  return error;
}

describe('[SDK-01] a certificate and its key are taken as', () => {
  const derCert = openssl(['x509', '-outform', 'DER', '-out', join(directory, 'own.der')], own.cert);
  const forms: Record<string, MtlsOptions> = {
    'PEM text': own,
    'PEM bytes': { cert: Buffer.from(own.cert), key: Buffer.from(own.key) },
    'the paths of files': { cert: file('own.crt', own.cert), key: file('own.key', own.key) },
    'functions that give PEM': { cert: () => own.cert, key: () => Promise.resolve(Buffer.from(own.key)) },
    'functions that give a path': { cert: () => file('own.crt', own.cert), key: () => file('own.key', own.key) },
    'one file with both': { cert: `${own.key}${own.cert}`, key: `${own.key}${own.cert}` },
    'PEM with written-out line ends': {
      cert: own.cert.replaceAll('\n', '\\n'),
      key: own.key.replaceAll('\n', '\\n'),
    },
    'a binary certificate': { cert: derCert === '' ? join(directory, 'own.der') : '', key: own.key },
    'a chain with text between': { cert: `Mine:\n${own.cert}\nIts issuer:\n${middle.cert}${root.cert}`, key: own.key },
    'an encrypted key': { cert: own.cert, key: encryptedKey, passphrase: 'open sesame' },
    'an encrypted key of an older form': {
      cert: own.cert,
      key: olderEncryptedKey,
      passphrase: async () => 'open sesame',
    },
    'the bytes of a PFX': { pfx, passphrase: 'open sesame' },
    'the path of a PFX': { pfx: file('own.p12', pfx), passphrase: () => 'open sesame' },
    'a PFX without a passphrase': { pfx: makePfx(own, '-passout', 'pass:') },
    'a PFX encrypted with 3DES': {
      pfx: makePfx(own, ...['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES'], '-passout', 'pass:open sesame'),
      passphrase: 'open sesame',
    },
  };
  const expected = { subject: 'CN=worker, O=Example', thumbprint: thumbprintOf(own.cert) };
  for (const [name, mtls] of Object.entries(forms)) {
    test(`${name}`, async () => {
      expect((await load(mtls)).certificate).toMatchObject(expected);
    });
  }
});

describe('[SDK-02] what was given instead is named, with what to do:', () => {
  const rows: [string, MtlsOptions, string, RegExp][] = [
    ['cert and key the wrong way round', { cert: own.key, key: own.cert }, 'private-key', /give it as `mtls\.key`/i],
    ['a certificate as the key', { cert: own.cert, key: own.cert }, 'certificate', /give it as `mtls\.cert`/i],
    ['a chain as the key', { cert: own.cert, key: own.cert + middle.cert }, 'chain', /give it as `mtls\.cert`/i],
    ['a request as the certificate', { cert: request, key: own.key }, 'certificate-request', /issued for it/],
    ['a request as the key', { cert: own.cert, key: request }, 'certificate-request', /key that the request was made/],
    ['a public key as the key', { cert: own.cert, key: publicKey }, 'public-key', /private key that it belongs to/],
    ['a PFX as the certificate', { cert: pfx, key: own.key }, 'pkcs12', /as `mtls\.pfx`/],
    ['a PFX as the key', { cert: own.cert, key: pfx }, 'pkcs12', /as `mtls\.pfx`/],
    ['PEM as the PFX', { pfx: own.cert }, 'not-pkcs12', /`mtls\.cert` and `mtls\.key`/],
    ['a cut-off certificate', { cert: own.cert.slice(0, 200), key: own.key }, 'cut-off', /Copy the whole file again/],
    [
      'a cut-off issuer',
      { cert: own.cert + middle.cert.slice(0, 200), key: own.key },
      'cut-off',
      /Copy the whole file/,
    ],
    ['a cut-off key', { cert: own.cert, key: own.key.slice(0, 100) }, 'cut-off', /Copy the whole file again/],
    [
      'a damaged key',
      { cert: own.cert, key: own.key.replace(/\n.{20}/, '\n') },
      'damaged',
      /Copy the whole file again/,
    ],
    ['a damaged PFX', { pfx: pfx.subarray(0, 300) }, 'damaged', /Copy it again/],
    ['an empty text', { cert: Buffer.from(''), key: own.key }, 'empty', /nothing here/],
    ['a binary key', { cert: own.cert, key: binary(own.key) }, 'private-key', /openssl pkey -inform DER/],
    ['a key without its first line', { cert: own.cert, key: bodyOf(own.key) }, 'private-key', /PEM form/],
    ['a piece of a key', { cert: own.cert, key: piece }, 'not-recognised', /begins with/],
    ['one line of a key', { cert: own.cert, key: own.key.split('\n')[1] ?? '' }, 'private-key', /PEM form/],
    ['a later line of a key', { cert: own.cert, key: own.key.split('\n')[2] ?? '' }, 'ENOENT', /piece of a key/],
    ['a key without its start', { cert: own.cert, key: bodyOf(own.key).slice(4) }, 'ENOENT', /piece of a key/],
    ['a key in quotes', { cert: own.cert, key: JSON.stringify(bodyOf(own.key)) }, 'private-key', /PEM form/],
    ['nothing, by a function', { cert: own.cert, key: gives(undefined) }, 'source-failed', /neither text nor bytes/],
    ['a key of OpenSSH', { cert: own.cert, key: opensshLike }, 'openssh-key', /ssh-keygen/],
    ['a missing file', { cert: join(directory, 'none.pem'), key: own.key }, 'ENOENT', /none\.pem\) can not be read/],
    ['a directory', { cert: directory, key: own.key }, 'EISDIR', /Name the file in it/],
    [
      'a PFX without a key',
      { pfx: makePfx(own, '-nokeys', '-passout', 'pass:') },
      'private-key-missing',
      /with its key/,
    ],
    [
      'a PFX without a certificate',
      { pfx: makePfx(own, '-nocerts', '-passout', 'pass:') },
      'certificate-missing',
      /Export/,
    ],
  ];
  for (const [name, mtls, code, remedy] of rows) {
    test(`${name}`, async () => {
      const error = await failure(mtls);
      expect(error.code).toBe(code);
      expect(error.message).toMatch(remedy);
    });
  }

  test('a function that fails, without what it said', async () => {
    const request = { headers: { 'x-vault-token': 'hvs.secret' } };
    const cause = Object.assign(new Error('could not log in as root:hunter2'), { code: 'EVAULT', request });
    const error = await failure({ cert: own.cert, key: () => Promise.reject(cause) });
    expect(error).toMatchObject({ code: 'source-failed', cause: { message: cause.message, code: 'EVAULT' } });
    expect(inspect(error)).not.toContain('hvs.secret');
    expect(error.message).toContain('`mtls.key`');
    expect(error.message).not.toContain('hunter2');
  });

  test('and no message repeats anything of a key, a certificate or a passphrase', async () => {
    const texts = [];
    for (const [, mtls] of rows) texts.push(inspect(await failure(mtls)));
    texts.push(inspect(await failure({ cert: own.cert, key: encryptedKey, passphrase: 'hunter2' })));
    const all = texts.join('\n');
    for (const secret of [own.key, own.cert, request, publicKey, opensshLike]) {
      for (const line of secret.split('\n').filter((part) => !part.startsWith('-----') && part.length > 10)) {
        expect(all).not.toContain(line.slice(0, 20));
      }
    }
    expect(all).not.toContain('hunter2');
  });
});

test('[SDK-03] a key that does not belong to the certificate is refused, with both named', async () => {
  const error = await failure({ cert: own.cert, key: file('other.key', other.key) });
  expect(error.code).toBe('key-mismatch');
  expect(error.message).toMatch(/`mtls\.key` \(.*other\.key\).*`mtls\.cert` \(CN=worker, O=Example\)/);
});

describe('[SDK-04] a certificate outside of its time is refused, with the date:', () => {
  const expired = makePair({ subject: '/CN=late', notAfter: now - dayMs, notBefore: now - 3 * dayMs });
  const early = makePair({ subject: '/CN=early', notBefore: now + dayMs });
  const dateOf = (pair: { cert: string }, which: string) =>
    new Date(openssl(['x509', '-noout', which], pair.cert).split('=')[1] ?? '').toISOString();

  test('expired', async () => {
    const error = await failure(expired);
    expect(error.code).toBe('expired');
    expect(error.message).toContain(dateOf(expired, '-enddate'));
  });

  test('not yet valid', async () => {
    const error = await failure(early);
    expect(error.code).toBe('not-yet-valid');
    expect(error.message).toContain(dateOf(early, '-startdate'));
  });

  test('expired, in a PFX', async () => {
    expect((await failure({ pfx: makePfx(expired, '-passout', 'pass:') })).code).toBe('expired');
  });

  test('to the second', async () => {
    const end = Date.parse(dateOf(own, '-enddate'));
    expect((await load(own, end)).certificate?.validTo).toEqual(new Date(end));
    expect((await failure(own, end + 1)).code).toBe('expired');
  });
});

describe('[SDK-05] an encrypted key says what it needs:', () => {
  const oldPfx = makePfx(own, '-legacy', '-passout', 'pass:x');
  const rows: [string, MtlsOptions, string, RegExp][] = [
    ['no passphrase', { cert: own.cert, key: encryptedKey }, 'passphrase-missing', /is encrypted/],
    ['no passphrase, older form', { cert: own.cert, key: olderEncryptedKey }, 'passphrase-missing', /is encrypted/],
    [
      'a wrong one',
      { cert: own.cert, key: encryptedKey, passphrase: 'x' },
      'passphrase-wrong',
      /is not the passphrase/,
    ],
    [
      'an empty one',
      { cert: own.cert, key: encryptedKey, passphrase: '' },
      'passphrase-wrong',
      /is not the passphrase/,
    ],
    [
      'a wrong one, older form',
      { cert: own.cert, key: olderEncryptedKey, passphrase: 'x' },
      'passphrase-wrong',
      /is not/,
    ],
    ['a PFX with none', { pfx }, 'passphrase-missing', /is encrypted/],
    ['a PFX with a wrong one', { pfx, passphrase: 'x' }, 'passphrase-wrong', /is not the passphrase/],
    ['an old cipher', { cert: own.cert, key: oldCipherKey, passphrase: 'x' }, 'cipher-unsupported', /openssl pkcs8/],
    ['an old cipher in a PFX', { pfx: oldPfx, passphrase: 'x' }, 'cipher-unsupported', /openssl pkcs12 -legacy/],
  ];
  for (const [name, mtls, code, remedy] of rows) {
    test(`${name}`, async () => {
      const error = await failure(mtls);
      expect(error.code).toBe(code);
      expect(error.message).toMatch(remedy);
    });
  }

  test('the conversions that are advised make them readable', async () => {
    const words = ['-provider', 'legacy', '-provider', 'default'];
    const key = openssl([
      'pkcs8',
      '-topk8',
      '-v2',
      'aes-256-cbc',
      ...words,
      '-in',
      file('rc2.key', oldCipherKey),
      '-passin',
      'pass:x',
      '-passout',
      'pass:y',
    ]);
    expect((await load({ cert: own.cert, key, passphrase: 'y' })).certificate?.subject).toContain('worker');
    const pem = openssl(['pkcs12', '-legacy', '-in', file('old.p12', oldPfx), '-nodes', '-passin', 'pass:x']);
    const converted = join(directory, 'new.p12');
    openssl(['pkcs12', '-export', '-in', file('old.pem', pem), '-out', converted, '-passout', 'pass:y']);
    expect((await load({ pfx: converted, passphrase: 'y' })).certificate?.subject).toContain('worker');
  });

  test('a weak key, which OpenSSL does not use', async () => {
    const weak = makePair({ subject: '/CN=weak', keyKind: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:512'] });
    expect((await failure(weak)).code).toBe('too-weak');
    expect((await failure({ pfx: makePfx(weak, '-passout', 'pass:') })).code).toBe('too-weak');
  });
});

describe('[SDK-06] a chain in the wrong order is refused:', () => {
  test('its own certificate is last', async () => {
    const error = await failure({ cert: root.cert + middle.cert + own.cert, key: own.key });
    expect(error.code).toBe('chain-order');
    expect(error.message).toContain('number 3 of 3');
  });

  test('the authorities are the wrong way round', async () => {
    expect((await failure({ cert: own.cert + root.cert + middle.cert, key: own.key })).code).toBe('chain-order');
  });
});

/** What no type allows, but JavaScript does. */
function gives(value: unknown): () => string {
  return () => value as string;
}

function binary(pem: string): Buffer {
  return Buffer.from(bodyOf(pem), 'base64');
}

function bodyOf(pem: string): string {
  return pem.replaceAll(/-----.*-----|\n/g, '');
}
