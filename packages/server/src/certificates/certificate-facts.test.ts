import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CertificateFacts, readCertificateFacts } from './certificate-facts.js';
import {
  createOpenssl,
  type Openssl,
  opensslInstalled,
  opensslKeys,
  type RequestOptions,
  rsaKey,
} from './openssl-for-tests.js';

describe.skipIf(!opensslInstalled)('facts of a certificate made by openssl', () => {
  let openssl: Openssl;

  beforeAll(() => {
    openssl = createOpenssl();
  });
  afterAll(() => openssl.dispose());

  const factsOf = (name: string, options: RequestOptions): CertificateFacts =>
    readCertificateFacts(openssl.selfSigned(name, options));
  const show = (name: string, ...what: string[]) =>
    openssl.run('x509', '-inform', 'DER', '-in', `${name}.der`, '-noout', ...what);

  it('are what openssl reads', () => {
    const facts = factsOf('plain', {
      subject: '/C=EE/O=Example Bank/CN=cli_1',
      extensions: ['extendedKeyUsage = clientAuth, serverAuth', 'subjectAltName = DNS:api.example.com,IP:192.0.2.7'],
    });
    const hex = show('plain', '-fingerprint', '-sha256').trim().replace(/^.*=/, '').replaceAll(':', '');
    expect(facts.sha256.toString('hex').toUpperCase()).toBe(hex);
    expect(facts.thumbprint).toBe(Buffer.from(hex, 'hex').toString('base64url'));
    expect(show('plain', '-serial')).toBe(`serial=${facts.serialNumber}\n`);
    expect(show('plain', '-startdate', '-dateopt', 'iso_8601')).toBe(`notBefore=${isoTime(facts.notBefore)}\n`);
    expect(show('plain', '-enddate', '-dateopt', 'iso_8601')).toBe(`notAfter=${isoTime(facts.notAfter)}\n`);
    expect(facts).toMatchObject({
      subject: 'C=EE, O=Example Bank, CN=cli_1',
      issuer: 'C=EE, O=Example Bank, CN=cli_1',
      readable: true,
      commonNames: ['cli_1'],
      alternativeNames: 'DNS:api.example.com, IP Address:192.0.2.7',
      keyAccepted: true,
      isAuthority: false,
      isSelfSigned: true,
      extendedKeyUsage: ['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1'],
    });
  });

  it('are read without harm to TLS, in a process that has not used it before', () => {
    const compiled = new URL('../../dist/certificates/certificate-facts.js', import.meta.url).href;
    const script = `
      const { readCertificateFacts } = await import(process.argv[1]);
      readCertificateFacts(Buffer.from(process.argv[2], 'base64'));
      process.stdout.write(typeof (await import('node:tls')).createSecureContext);`;
    const der = openssl.selfSigned('first', { subject: '/CN=x' }).toString('base64');
    const words = ['--input-type=module', '--eval', script, compiled, der];
    expect(execFileSync(process.execPath, words, { encoding: 'utf8' })).toBe('function');
  });

  it.each([
    ['rsa-1024', rsaKey(1024)],
    ['rsa-2048', rsaKey(2048)],
    ['ec-p256', opensslKeys.p256],
    ['ec-p384', opensslKeys.p384],
    ['ec-p521', opensslKeys.p521],
    ['ec-secp256k1', opensslKeys.secp256k1],
    ['ed25519', opensslKeys.ed25519],
  ])('name the key type %s', (keyType, key) => {
    expect(factsOf(keyType, { key, subject: '/CN=x' }).keyType).toBe(keyType);
  });

  it('are those of the outer certificate when another one is embedded in it as PEM', () => {
    openssl.selfSigned('victim', { subject: '/CN=cli_victim' });
    const pem = openssl.run('x509', '-inform', 'DER', '-in', 'victim.der');
    const extensions = [`1.2.3.4 = DER:${Buffer.from(`\n${pem}`).toString('hex')}`];
    expect(factsOf('attacker', { subject: '/CN=cli_attacker', extensions }).commonNames).toEqual(['cli_attacker']);
  });

  it('list every common name, wherever it stands in the subject', () => {
    expect(factsOf('names', { subject: '/CN=a/O=b+CN=c/CN=a' }).commonNames).toEqual(['a', 'c', 'a']);
    expect(factsOf('none', { subject: '/O=b' }).commonNames).toEqual([]);
    expect(factsOf('empty', {})).toMatchObject({ commonNames: [], subject: '', issuer: '' });
  });

  it('take no common name from the text of another attribute', () => {
    const facts = factsOf('injection', { subject: '/O=x, CN=cli_victim\nCN=cli_victim/CN=cli_1' });
    expect(facts.commonNames).toEqual(['cli_1']);
    expect(facts.subject).toBe('O=x\\, CN=cli_victim\\0ACN=cli_victim, CN=cli_1');
  });

  it('hold nothing that a terminal or a log would obey, and never drop it silently', () => {
    const facts = factsOf('control', { subject: '/O=a\u{202e}b\u{1b}[2J/CN=cli\u{7}_1\u{2028}\u{200b}' });
    expect(facts.commonNames).toEqual(['cli\u{fffd}_1\u{fffd}\u{fffd}']);
    expect(`${facts.subject}${facts.issuer}`).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  });

  it('are cut when a certificate is stuffed', () => {
    const subject = Array.from({ length: 40 }, (_, index) => `/CN=${'n'.repeat(60)}${index}`).join('');
    const extensions = [
      `extendedKeyUsage = ${Array.from({ length: 40 }, (_, index) => `1.2.3.${index + 1}`).join(',')}`,
    ];
    const facts = factsOf('stuffed', { subject, extensions });
    expect(facts.subject).toHaveLength(512);
    expect(facts.issuer).toHaveLength(512);
    expect(facts.commonNames).toHaveLength(16);
    expect(facts.extendedKeyUsage).toHaveLength(16);
  });

  it('tell a broken or empty extended key usage from an absent one', () => {
    const usage = (name: string, extensions: readonly string[]) =>
      factsOf(name, { subject: '/CN=x', extensions }).extendedKeyUsage;
    expect(usage('absent', ['keyUsage = digitalSignature'])).toEqual([]);
    expect(usage('broken', ['2.5.29.37 = DER:0403010203'])).toEqual(['unreadable']);
    expect(usage('no-usage', ['2.5.29.37 = DER:3000'])).toEqual(['unreadable']);
  });

  it('tell who signed it from what it says of its issuer', () => {
    openssl.selfSigned('ca', { subject: '/CN=same', extensions: ['basicConstraints = CA:TRUE'] });
    const facts = readCertificateFacts(openssl.issued('namesake', 'ca', { subject: '/CN=same' }));
    expect(facts).toMatchObject({ subject: 'CN=same', issuer: 'CN=same', isSelfSigned: false });
  });

  it('do not take bytes behind a certificate for a part of it', () => {
    const der = openssl.selfSigned('padded', { subject: '/CN=x' });
    expect(readCertificateFacts(der).readable).toBe(true);
    expect(readCertificateFacts(Buffer.concat([der, Buffer.from([0])])).readable).toBe(false);
  });

  it('do not take another encoding of a certificate for the certificate', () => {
    const der = openssl.selfSigned('encoded', { subject: '/CN=x' });
    // The same length in a byte more than it needs.
    const longer = Buffer.concat([Buffer.from([0x30, 0x83, 0]), der.subarray(2)]);
    expect(readCertificateFacts(longer)).toMatchObject({ readable: false, subject: 'CN=x' });
  });

  it('do not move a year of the first century into ours', () => {
    const der = openssl.selfSigned('late', { subject: '/CN=x', days: 20_000 });
    expect(readCertificateFacts(der).notAfter).toBeGreaterThan(Date.UTC(2070));
    const year = der.indexOf('20', der.indexOf('\u{18}\u{0f}', 'latin1'));
    der.write('0049', year);
    expect(readCertificateFacts(der)).toMatchObject({ readable: false, notAfter: 0 });
  });

  it('with a time that is none do not make a readable certificate, nor one that is valid some day', () => {
    const der = openssl.selfSigned('odd', { subject: '/CN=x', days: 20_000 });
    const end = der.indexOf('20', der.indexOf('\u{18}\u{0f}', 'latin1'));
    const months = Buffer.from(der);
    months.write('13', end + 4);
    expect(readCertificateFacts(months)).toMatchObject({ readable: false, notAfter: 0 });
    // The start stands right before the end, in 13 characters.
    const start = Buffer.from(der);
    start.write('13', end - 2 - 13 + 2);
    const facts = readCertificateFacts(start);
    expect(facts.readable).toBe(false);
    expect(facts.notBefore).toBeGreaterThan(Date.UTC(9999, 11, 31));
  });

  it('can be read from any damaged certificate without a throw, and stay fit for a log', () => {
    const der = openssl.selfSigned('fuzzed', { subject: '/C=EE/O=Example Bank/CN=cli_1' });
    const place = fc.record({ at: fc.nat(), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(place, { maxLength: 6 }), fc.nat(der.length), (places, length) => {
        const changed = Buffer.from(der.subarray(0, length % 5 === 0 ? length : der.length));
        for (const { at, to } of places) if (changed.length > 0) changed[at % changed.length] = to;
        expectFitForLog(readCertificateFacts(changed));
      }),
      { numRuns: 500 },
    );
  });
});

describe('facts of bytes that are no certificate', () => {
  it('are empty and long expired', () => {
    const bytes = Buffer.from('not a certificate');
    const sha256 = createHash('sha256').update(bytes).digest();
    expect(readCertificateFacts(bytes)).toEqual({
      readable: false,
      sha256,
      thumbprint: sha256.toString('base64url'),
      serialNumber: '',
      subject: '',
      commonNames: [],
      issuer: '',
      alternativeNames: '',
      keyType: 'unknown',
      keyAccepted: false,
      isAuthority: false,
      isSelfSigned: false,
      notBefore: 8.64e15,
      notAfter: 0,
      extendedKeyUsage: [],
    });
  });

  it('can be read without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) =>
        expectFitForLog(readCertificateFacts(Buffer.from(bytes))),
      ),
    );
  });
});

function expectFitForLog(facts: CertificateFacts): void {
  const texts = [facts.subject, facts.issuer, facts.serialNumber, facts.keyType, ...facts.commonNames];
  expect(texts.join('')).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  expect(Number.isSafeInteger(facts.notBefore) && Number.isSafeInteger(facts.notAfter)).toBe(true);
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('T', ' ').replace('.000', '');
}
