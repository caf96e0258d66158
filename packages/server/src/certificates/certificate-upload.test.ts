import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decideCertificateUpload } from './certificate-upload.js';
import {
  type CertificateOptions,
  createOpenssl,
  type Openssl,
  opensslInstalled,
  opensslKeys,
  rsaKey,
} from './openssl-for-tests.js';

const clientId = `cli_${'0123456789abcdef'.repeat(2)}`;
const otherId = `cli_${'fedcba9876543210'.repeat(2)}`;
const dayMs = 86_400_000;
const madeAt = Date.now();

/** The same in the full-width forms that East Asian fonts have. */
const wide = (text: string) => text.replaceAll(/./g, (letter) => String.fromCodePoint(letter.charCodeAt(0) + 0xfee0));

function problemOf(pem: string, now = madeAt + dayMs): string {
  const decision = decideCertificateUpload(pem, clientId, now);
  return decision.ok ? 'accepted' : decision.problem;
}

describe.skipIf(!opensslInstalled)('deciding an upload made by openssl', () => {
  let openssl: Openssl;

  beforeAll(() => {
    openssl = createOpenssl();
    openssl.selfSigned('ca', { subject: '/CN=Some CA', extensions: ['basicConstraints = critical,CA:TRUE'] });
  });
  afterAll(() => openssl.dispose());

  const pemOf = (name: string) => openssl.read(`${name}.pem`).toString();
  const selfSigned = (name: string, options: CertificateOptions = {}): string => {
    openssl.selfSigned(name, { subject: '/CN=bank', ...options });
    return pemOf(name);
  };
  const issued = (name: string, options: CertificateOptions = {}): string => {
    openssl.issued(name, 'ca', { subject: '/CN=bank', ...options });
    return pemOf(name);
  };
  const namedOnly = (name: string, ...commonNames: string[]): string =>
    selfSigned(name, { subject: commonNames.map((commonName) => `/CN=${commonName}`).join('') });

  it('accepts one that any authority issued, and keeps its exact encoding', () => {
    const pem = issued('issued', { extensions: ['extendedKeyUsage = serverAuth,clientAuth'] });
    const der = openssl.read('issued.der');
    const decision = decideCertificateUpload(`\n  ${pem.replaceAll('\n', '\r\n')}`, clientId, madeAt + dayMs);
    expect(decision).toMatchObject({
      ok: true,
      upload: {
        pem,
        facts: {
          sha256: createHash('sha256').update(der).digest(),
          subject: 'CN=bank',
          issuer: 'CN=Some CA',
          isAuthority: false,
          isSelfSigned: false,
        },
      },
    });
  });

  it('accepts a self-signed one, which openssl makes an authority by default', () => {
    const pem = openssl.run(
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-keyout', 'default.key', '-subj', '/CN=bank', '-days', '30'],
    );
    const decision = decideCertificateUpload(pem, clientId, madeAt + dayMs);
    expect(decision).toMatchObject({ ok: true, upload: { facts: { isAuthority: true, isSelfSigned: true } } });
  });

  it.each([
    ['critical', ['basicConstraints = critical,CA:TRUE,pathlen:0', 'keyUsage = keyCertSign']],
    ['not critical', ['basicConstraints = CA:TRUE']],
    ['with a key usage that contradicts it', ['basicConstraints = critical,CA:TRUE', 'keyUsage = digitalSignature']],
  ])('refuses the certificate of an issued authority, %s', (name, extensions) => {
    expect(problemOf(issued(name.replaceAll(' ', '-'), { extensions }))).toBe('authority');
  });

  it('is not misled by a basic constraint that says no', () => {
    expect(problemOf(issued('leaf', { extensions: ['basicConstraints = critical,CA:FALSE'] }))).toBe('accepted');
  });

  it.each([
    ['rsa-2048', rsaKey(2048)],
    ['rsa-3072', rsaKey(3072)],
    ['rsa-4096', rsaKey(4096)],
    ['ec-p256', opensslKeys.p256],
    ['ec-p384', opensslKeys.p384],
  ])('accepts a key of type %s', (keyType, key) => {
    const decision = decideCertificateUpload(selfSigned(keyType, { key }), clientId, madeAt + dayMs);
    expect(decision).toMatchObject({ ok: true, upload: { facts: { keyType } } });
  });

  it.each([
    ['RSA 1024', rsaKey(1024)],
    ['RSA 2050', rsaKey(2050)],
    ['RSA with exponent 3', rsaKey(2048, 3)],
    ['P-521', opensslKeys.p521],
    ['secp256k1', opensslKeys.secp256k1],
    ['Ed25519', opensslKeys.ed25519],
    ['RSA for PSS only', ['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048']],
    ['DSA', ['-paramfile', 'dsa.params']],
    ['P-256 with all parameters written out', [...opensslKeys.p256, '-pkeyopt', 'ec_param_enc:explicit']],
    ['P-384 with all parameters written out', [...opensslKeys.p384, '-pkeyopt', 'ec_param_enc:explicit']],
  ])('refuses a key of type %s', (name, key) => {
    if (name === 'DSA') openssl.run('dsaparam', '-out', 'dsa.params', '1024');
    expect(problemOf(selfSigned(name.replaceAll(' ', '-'), { key }))).toBe('key-not-allowed');
  });

  it.each([
    ['none', [], 'accepted'],
    ['of a client', ['extendedKeyUsage = clientAuth'], 'accepted'],
    ['of a server', ['extendedKeyUsage = serverAuth'], 'usage-not-client'],
    ['of anything', ['extendedKeyUsage = anyExtendedKeyUsage'], 'usage-not-client'],
    ['of anything and a client', ['extendedKeyUsage = anyExtendedKeyUsage,clientAuth'], 'accepted'],
    ['broken', ['2.5.29.37 = DER:0403010203'], 'usage-unreadable'],
    ['empty', ['2.5.29.37 = DER:3000'], 'usage-unreadable'],
  ])('with an extended key usage %s is %s', (name, extensions, expected) => {
    expect(problemOf(issued(`usage-${name.replaceAll(' ', '-')}`, { extensions }))).toBe(expected);
  });

  it('refuses one that is over, and accepts one that is not yet valid', () => {
    const pem = selfSigned('dated', { days: 10 });
    const end = openssl.run('x509', '-in', 'dated.pem', '-noout', '-enddate').slice('notAfter='.length);
    const notAfter = Date.parse(end);
    expect(problemOf(pem, notAfter - 1)).toBe('accepted');
    expect(problemOf(pem, notAfter)).toBe('expired');
    expect(problemOf(pem, madeAt - 400 * dayMs)).toBe('accepted');
  });

  it.each([
    ['its own id', clientId, 'accepted'],
    ['a plain name', 'bank', 'accepted'],
    ['a name that only begins as an id', 'cli_bank', 'accepted'],
    ['a long name in another script', 'Қазақстан Республикасының Ұлттық Банкі', 'accepted'],
    ['the id of another client', otherId, 'another-client-named'],
    ['the id of another client in capitals', otherId.toUpperCase(), 'another-client-named'],
    ['its own id in capitals', clientId.toUpperCase(), 'another-client-named'],
    ['its own id with a space behind it', `${clientId} `, 'another-client-named'],
    ['its own id with a no-break space before it', `\u{a0}${clientId}`, 'another-client-named'],
    [
      'the id of another client in Cyrillic letters',
      otherId.replace('c', 'с').replace('e', 'е'),
      'another-client-named',
    ],
    ['its own id with one Cyrillic letter', clientId.replace('a', 'а'), 'another-client-named'],
    ['the id of another client in wide letters and digits', wide(otherId), 'another-client-named'],
    ['a name of 36 letters in another script', 'банк'.repeat(9), 'accepted'],
    ['its own id with a zero-width space', clientId.replace('_', '_\u{200b}'), 'subject-not-usable'],
    ['its own id with a Hangul filler', `${clientId}\u{3164}`, 'subject-not-usable'],
    ['its own id with an empty Braille cell', `${clientId}\u{2800}`, 'subject-not-usable'],
    ['a name with a right-to-left override', 'knab\u{202e}', 'subject-not-usable'],
  ])('with %s as common name is judged by what people would read', (name, commonName, expected) => {
    expect(problemOf(namedOnly(name.replaceAll(' ', '-'), commonName))).toBe(expected);
  });

  it.each([
    ['a capital I for the l', otherId.replace('cli', 'cIi')],
    ['a one for the l', otherId.replace('cli', 'c1i')],
    ['a bar for the l', otherId.replace('cli', 'c|i')],
    ['all three letters bent', otherId.replace('cli', 'Cl|')],
    ['a letter O for its zero', otherId.replace('0', 'O')],
    ['a small letter o for its zero', otherId.replace('0', 'o')],
    ['a small l for its one', otherId.replace('1', 'l')],
    ['a hyphen', otherId.replace('_', '-')],
    ['no underscore', otherId.replace('_', '')],
    ['spaces in it', otherId.replace('_', ' _ ').replace('fed', 'f e d')],
    ['hyphens as in a UUID', otherId.replace(/^(.{12})(.{4})/, '$1-$2-')],
    ['accents', otherId.replaceAll(/[a-f]/g, '$&\u{301}')],
    ['a hyphen of another kind', otherId.replace('_', '\u{2010}')],
    ['a full stop behind it', `${otherId}.`],
    ['a name in brackets behind it', `${otherId} (Example Bank)`],
    ['a host in front of it', `www.${otherId}`],
    ['a host in front of it and a Cyrillic letter', `www.${otherId.replace('c', 'с')}`],
    ['digits behind it', `${otherId}00`],
    ['letters before it that begin as an id does', `cli${otherId}`],
  ])('refuses the id of another client with %s', (name, commonName) => {
    expect(problemOf(namedOnly(name.replaceAll(' ', '-'), commonName))).toBe('another-client-named');
  });

  it.each([
    ['its own id with a host in front', `www.${clientId}`],
    ['its own id with a name behind', `${clientId} (Example Bank)`],
    ['its own id with a hyphen', clientId.replace('_', '-')],
  ])('refuses %s, which is not exactly its id', (name, commonName) => {
    expect(problemOf(namedOnly(name.replaceAll(' ', '-'), commonName))).toBe('another-client-named');
  });

  it.each([
    'Example Bank client 1',
    'client-0123456789.payments.example.com',
    'c11.example.com',
    '*.client.example.com',
    `${'0123456789abcdef'.repeat(2)}.example.com`,
    'cli_0190c3a4-production',
    `c11${'0123456789abcdef'.repeat(3)}c11`,
    'Акционерное общество Народный банк филиал 1027700132195',
  ])('accepts the ordinary name %s', (commonName) => {
    expect(problemOf(namedOnly('ordinary', commonName))).toBe('accepted');
  });

  it.each(['O', 'OU', 'UID', 'description'])(
    'accepts in the attribute %s of the subject its own id, and no other',
    (attribute) => {
      const subjectWith = (text: string) => ({ subject: `/${attribute}=${text}/CN=bank` });
      expect(problemOf(selfSigned('attribute', subjectWith(`client ${clientId}`)))).toBe('accepted');
      expect(problemOf(selfSigned('attribute', subjectWith(otherId)))).toBe('another-client-named');
      expect(problemOf(selfSigned('attribute', subjectWith(`client ${otherId}`)))).toBe('another-client-named');
      const both = { subject: `/${attribute}=${otherId}/CN=${clientId}` };
      expect(problemOf(selfSigned('attribute', both))).toBe('another-client-named');
    },
  );

  it('refuses the id of another client in a serial number of the subject', () => {
    selfSigned('unit', { subject: `/OU=${otherId}` });
    // openssl refuses to write an underscore there, other programs do not.
    const oid = (last: string) => Buffer.from(`06035504${last}`, 'hex').toString('latin1');
    const der = openssl.read('unit.der').toString('latin1').replaceAll(oid('0b'), oid('05'));
    openssl.write('serial.der', Buffer.from(der, 'latin1'));
    const pem = openssl.run('x509', '-inform', 'DER', '-in', 'serial.der');
    expect(openssl.run('x509', '-inform', 'DER', '-in', 'serial.der', '-noout', '-subject')).toContain('serialNumber');
    expect(problemOf(pem)).toBe('another-client-named');
    expect(decideCertificateUpload(pem, otherId, madeAt + dayMs)).toMatchObject({ ok: true });
  });

  it.each([
    ['two plain names', ['bank', 'payments'], 'accepted'],
    ['its own id and a name', [clientId, 'bank'], 'several-common-names'],
    ['a name and the id of another client', ['bank', otherId], 'several-common-names'],
    ['more names than are read', [...Array<string>(16).fill('a'), otherId], 'subject-not-usable'],
  ])('with %s as common names is %s', (name, commonNames, expected) => {
    expect(problemOf(namedOnly(name.replaceAll(' ', '-'), ...commonNames))).toBe(expected);
  });

  it('refuses invisible characters anywhere in the subject, and a subject that is too long to be shown', () => {
    expect(problemOf(selfSigned('invisible', { subject: '/O=Ba\u{200b}nk/CN=bank' }))).toBe('subject-not-usable');
    const units = Array.from({ length: 9 }, (_, index) => `/OU=${'x'.repeat(60)}${index}`).join('');
    expect(problemOf(selfSigned('long', { subject: `${units}/CN=bank` }))).toBe('subject-not-usable');
  });

  it('judges the outer certificate when another one is embedded in it as PEM', () => {
    const inner = namedOnly('inner', clientId);
    const extensions = [`1.2.3.4 = DER:${Buffer.from(`\n${inner}`).toString('hex')}`];
    const outer = selfSigned('outer', { subject: `/CN=${otherId}`, extensions });
    expect(problemOf(outer)).toBe('another-client-named');
    const weak = selfSigned('weak', { key: rsaKey(1024), extensions });
    expect(problemOf(weak)).toBe('key-not-allowed');
  });

  it('refuses what is no certificate, each with its own problem and a remedy', () => {
    const pem = selfSigned('plain');
    const request = openssl.request('request', { subject: '/O=Example Bank' });
    const key = openssl.read('plain.key').toString();
    const brokenDer = openssl.read('plain.der');
    brokenDer.fill(0, 4, 60);
    const named = (body: Buffer) =>
      `-----BEGIN CERTIFICATE-----\n${body.toString('base64')}\n-----END CERTIFICATE-----\n`;
    expect(problemOf('')).toBe('empty');
    expect(problemOf(key)).toBe('private-key');
    expect(problemOf(pem + key)).toBe('private-key');
    expect(problemOf(request)).toBe('certificate-request');
    expect(problemOf(pem + pem)).toBe('chain');
    expect(problemOf(`-----BEGIN CERTIFICATE-----${pem.slice(-40)}`)).not.toBe('accepted');
    expect(problemOf(named(brokenDer))).not.toBe('accepted');
    expect(problemOf(named(Buffer.concat([openssl.read('plain.der'), Buffer.from('more')])))).not.toBe('accepted');
  });

  it('never throws and accepts no other encoding when bytes are changed', () => {
    const pem = selfSigned('fuzzed');
    const der = openssl.read('fuzzed.der');
    const place = fc.record({ at: fc.nat(der.length - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(place, { maxLength: 4 }), (places) => {
        const changed = Buffer.from(der);
        for (const { at, to } of places) changed[at] = to;
        const text = `-----BEGIN CERTIFICATE-----\n${changed.toString('base64')}\n-----END CERTIFICATE-----\n`;
        const decision = decideCertificateUpload(text, clientId, madeAt + dayMs);
        if (!decision.ok) return decision.remedy !== '';
        const body = decision.upload.pem.replaceAll(/-----.*-----/g, '');
        return decision.upload.facts.readable && Buffer.from(body, 'base64').equals(changed);
      }),
      { numRuns: 500 },
    );
    expect(problemOf(pem)).toBe('accepted');
  });

  it('says what to do in one sentence that does not repeat the certificate', () => {
    const decision = decideCertificateUpload(namedOnly('secretive', otherId), clientId, madeAt + dayMs);
    const remedy = decision.ok ? '' : decision.remedy;
    expect(remedy).toMatch(/^[A-Z][^.]+\.$/);
    expect(remedy).not.toContain(otherId);
  });
});
