import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decideCsr } from './certificate-request.js';
import { createClientKeyAndCsr } from './create-client-key.js';
import { createOpenssl, type Openssl, opensslInstalled, opensslKeys, rsaKey } from './openssl-for-tests.js';

const subject = '/C=EE/O=Example Bank';

async function problemOf(text: string): Promise<string> {
  const decision = await decideCsr(text);
  return decision.ok ? 'accepted' : decision.problem;
}

function reencode(csrPem: string, change: (der: Buffer) => Buffer): string {
  const der = change(Buffer.from(csrPem.replace(/-----.*-----/g, ''), 'base64'));
  return `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
}

describe.skipIf(!opensslInstalled)('deciding a certificate request made by openssl', () => {
  let openssl: Openssl;
  let good: string;
  let privateKey: string;

  beforeAll(() => {
    openssl = createOpenssl();
    good = openssl.request('good', { subject });
    privateKey = openssl.read('good.key').toString();
  });
  afterAll(() => openssl.dispose());

  it.each([
    ['rsa-2048', rsaKey(2048)],
    ['rsa-3072', rsaKey(3072)],
    ['rsa-4096', rsaKey(4096)],
    ['ec-p256', opensslKeys.p256],
    ['ec-p384', opensslKeys.p384],
  ])('accepts a key of type %s and keeps the key, the organisation and the country', async (keyType, key) => {
    const decision = await decideCsr(openssl.request(keyType, { key, subject }));
    openssl.run('pkey', '-in', `${keyType}.key`, '-pubout', '-outform', 'DER', '-out', 'public.der');
    expect(decision).toEqual({
      ok: true,
      csr: { publicKeySpki: openssl.read('public.der'), keyType, organisation: 'Example Bank', country: 'EE' },
    });
  });

  it.each([
    ['RSA 1024', rsaKey(1024)],
    ['RSA 2050', rsaKey(2050)],
    ['RSA with exponent 3', rsaKey(2048, 3)],
    ['P-521', opensslKeys.p521],
    ['secp256k1', opensslKeys.secp256k1],
    ['Ed25519', opensslKeys.ed25519],
    ['Ed448', ['-algorithm', 'ED448']],
    ['RSA for PSS only', ['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048']],
  ])('refuses a key of type %s', async (name, key) => {
    expect(await problemOf(openssl.request(name.replaceAll(' ', '-'), { key, subject }))).toBe('key-not-allowed');
  });

  it('refuses a curve that is written out instead of named', async () => {
    const key = [...opensslKeys.p256, '-pkeyopt', 'ec_param_enc:explicit'];
    expect(await problemOf(openssl.request('explicit', { key, subject }))).toBe('key-not-allowed');
  });

  it('refuses a request signed with SHA-1', async () => {
    const csr = openssl.request('sha1', { key: rsaKey(2048), subject, options: ['-sha1'] });
    expect(await problemOf(csr)).toBe('signature-hash-weak');
  });

  it('accepts the longer hashes and RSA-PSS signatures', async () => {
    const pss = ['-sha256', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32'];
    expect(await problemOf(openssl.request('pss', { key: rsaKey(2048), subject, options: pss }))).toBe('accepted');
    expect(await problemOf(openssl.request('sha512', { subject, options: ['-sha512'] }))).toBe('accepted');
  });

  it('refuses a signature with one bit changed', async () => {
    const tampered = reencode(good, (der) => {
      der[der.length - 1] = (der[der.length - 1] ?? 0) ^ 1;
      return der;
    });
    expect(await problemOf(tampered)).toBe('possession-not-proved');
  });

  it('refuses a subject changed after signing', async () => {
    const tampered = reencode(good, (der) => {
      der.write('Fxample', der.indexOf('Example'));
      return der;
    });
    expect(await problemOf(tampered)).toBe('possession-not-proved');
  });

  it.each([
    ['no subject', undefined],
    ['only a country and a common name', '/C=EE/CN=bank'],
    ['a blank organisation', '/O=  /CN=bank'],
  ])('refuses %s', async (_name, wanted) => {
    expect(await problemOf(openssl.request('no-o', wanted === undefined ? {} : { subject: wanted }))).toBe(
      'organisation-missing',
    );
  });

  it('refuses an organisation with characters that a terminal would obey', async () => {
    expect(await problemOf(openssl.request('escape', { subject: '/O=Bank\u{1b}[2J' }))).toBe('organisation-not-usable');
    expect(await problemOf(openssl.request('bidi', { subject: '/O=Bank\u{202e}knaB' }))).toBe(
      'organisation-not-usable',
    );
  });

  it('accepts an organisation of 64 characters and refuses one of 65', async () => {
    const csrFor = async (organisation: string) => (await createClientKeyAndCsr({ organisation })).csrPem;
    expect(await problemOf(await csrFor('Õ'.repeat(64)))).toBe('accepted');
    expect(await problemOf(await csrFor('O'.repeat(65)))).toBe('organisation-not-usable');
  });

  it('keeps letters of every language, and leaves out a country that is not two capital letters', async () => {
    const csr = openssl.request('unicode', { subject: '/C=ee/O=Põhja Pank, "Äri" \\\\ \\+ Co #1' });
    expect(await decideCsr(csr)).toMatchObject({
      csr: { organisation: 'Põhja Pank, "Äri" \\ + Co #1', country: undefined },
    });
  });

  it('passes on what the paste is instead of a request, with its remedy', async () => {
    openssl.selfSigned('certificate', { subject });
    const certificate = openssl.run('x509', '-inform', 'DER', '-in', 'certificate.der');
    expect(await decideCsr(privateKey)).toMatchObject({
      problem: 'private-key',
      remedy: expect.stringMatching(/compromised.*certificate request/),
    });
    expect(await problemOf(certificate)).toBe('certificate');
    expect(await problemOf(good + good)).toBe('several');
    expect(await problemOf(good.padEnd(16 * 1024 + 1))).toBe('too-large');
    expect(await problemOf(good.padEnd(16 * 1024))).toBe('accepted');
    expect(await problemOf(good.replaceAll('\n', '\\n'))).toBe('accepted');
  });

  it('refuses what has the outline of a request and cannot be read as one', async () => {
    const hollow = reencode(good, (der) => {
      // The first name of the subject becomes a number.
      der[der.indexOf(Buffer.from('310b3009', 'hex'))] = 0x02;
      return der;
    });
    expect(await problemOf(hollow)).toBe('not-readable');
  });

  it('never throws when bytes of a request are changed, and accepts nothing but what was signed', async () => {
    const original = await decideCsr(good);
    const place = fc.record({ at: fc.nat(), to: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(place, { maxLength: 4 }), fc.nat(20), async (places, cutBytes) => {
        const changed = reencode(good, (der) => {
          for (const { at, to } of places) der[at % der.length] = to;
          return der.subarray(0, der.length - cutBytes);
        });
        const decision = await decideCsr(changed);
        if (decision.ok) expect(decision).toEqual(original);
        else expect(decision.remedy).not.toBe('');
      }),
      { numRuns: 300 },
    );
  });

  it('never throws and never repeats key material, whatever the text is made of', async () => {
    const lines = privateKey.trim().split('\n');
    const secrets = lines.slice(1, -1);
    const fragment = fc.oneof(
      fc.constantFrom(...lines, ...good.trim().split('\n'), '\n', '\r\n', '\\n', ' '),
      fc.string({ unit: 'binary' }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fragment, { maxLength: 30 }), async (fragments) => {
        const answer = JSON.stringify(await decideCsr(fragments.join('\n')));
        for (const secret of secrets) expect(answer).not.toContain(secret);
      }),
      { numRuns: 300 },
    );
  });

  it('makes a P-256 key and a request for it that openssl verifies and we accept', async () => {
    const { keyPem, csrPem } = await createClientKeyAndCsr({ organisation: 'Näide, "Bank" \\ Co' });
    openssl.write('ours.key', keyPem);
    openssl.write('ours.csr', csrPem);
    expect(keyPem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(
      openssl.run('req', '-in', 'ours.csr', '-noout', '-verify', '-subject', '-nameopt', 'sep_multiline,utf8'),
    ).toContain('O=Näide, "Bank" \\ Co');
    expect(openssl.run('req', '-in', 'ours.csr', '-noout', '-pubkey')).toBe(
      openssl.run('pkey', '-in', 'ours.key', '-pubout'),
    );
    expect(await decideCsr(csrPem)).toMatchObject({
      csr: { keyType: 'ec-p256', organisation: 'Näide, "Bank" \\ Co', country: undefined },
    });
  });
});
