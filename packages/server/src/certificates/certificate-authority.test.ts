import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, createAuthority } from './certificate-authority.js';
import { createOpenssl, type Openssl, opensslInstalled } from './openssl-for-tests.js';

const now = Date.UTC(2026, 8, 14, 12, 0, 0, 750);
const atTime = String(Math.floor(now / 1000));

describe.skipIf(!opensslInstalled)('a certificate authority, as openssl sees it', () => {
  let openssl: Openssl;
  let authority: Authority;

  beforeAll(async () => {
    openssl = createOpenssl();
    authority = await createAuthority({ environment: 'sandbox', kind: 'partner', now });
    openssl.write('root.pem', authority.rootCertificatePem);
    openssl.write('issuing.pem', authority.issuingCertificatePem);
    openssl.write('root.der', authority.rootKeyPkcs8);
    openssl.write('issuing.der', authority.issuingKeyPkcs8);
  });
  afterAll(() => openssl.dispose());

  const textOf = (name: string) => openssl.run('x509', '-in', name, '-noout', '-text');

  it('has an issuing certificate that verifies under its root, strictly', () => {
    expect(openssl.run('verify', '-x509_strict', '-attime', atTime, '-CAfile', 'root.pem', 'issuing.pem')).toBe(
      'issuing.pem: OK\n',
    );
  });

  it('names the environment and the kind in both certificates', () => {
    const names = (file: string) =>
      openssl.run('x509', '-in', file, '-noout', '-subject', '-issuer', '-nameopt', 'RFC2253');
    const root = 'CN=Tollward Sandbox Partner Root CA,O=Tollward';
    expect(names('root.pem')).toBe(`subject=${root}\nissuer=${root}\n`);
    expect(names('issuing.pem')).toBe(`subject=CN=Tollward Sandbox Partner Issuing CA,O=Tollward\nissuer=${root}\n`);
  });

  it('lets the root sign one authority below it, and that one only leaves', () => {
    expect(textOf('root.pem')).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:1\s/);
    expect(textOf('issuing.pem')).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0\s/);
    for (const file of ['root.pem', 'issuing.pem']) {
      expect(textOf(file)).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\s/);
    }
  });

  it('signs with the hash that fits the curve of the root', () => {
    expect(textOf('root.pem')).toContain('Signature Algorithm: ecdsa-with-SHA384');
    expect(textOf('issuing.pem')).toContain('Signature Algorithm: ecdsa-with-SHA384');
    expect(textOf('root.pem')).toContain('NIST CURVE: P-384');
    expect(textOf('issuing.pem')).toContain('NIST CURVE: P-256');
  });

  it('links the certificates by key ids', () => {
    const keyId = (file: string, extension: string) =>
      /(?:[0-9A-F]{2}:){19}[0-9A-F]{2}/.exec(openssl.run('x509', '-in', file, '-noout', '-ext', extension))?.[0];
    const rootKeyId = keyId('root.pem', 'subjectKeyIdentifier');
    expect(rootKeyId).toBeDefined();
    expect(keyId('root.pem', 'authorityKeyIdentifier')).toBe(rootKeyId);
    expect(keyId('issuing.pem', 'authorityKeyIdentifier')).toBe(rootKeyId);
    expect(keyId('issuing.pem', 'subjectKeyIdentifier')).not.toBe(rootKeyId);
  });

  it('begins five minutes ago, and lasts 20 years at the root and 10 below it', () => {
    const dates = (file: string) => openssl.run('x509', '-in', file, '-noout', '-dates');
    expect(dates('root.pem')).toBe('notBefore=Sep 14 11:55:00 2026 GMT\nnotAfter=Sep 14 12:00:00 2046 GMT\n');
    expect(dates('issuing.pem')).toBe('notBefore=Sep 14 11:55:00 2026 GMT\nnotAfter=Sep 13 12:00:00 2036 GMT\n');
  });

  it('writes dates after 2049 in the form that four-digit years need', async () => {
    const late = await createAuthority({ environment: 'sandbox', kind: 'partner', now: Date.UTC(2031, 0, 1) });
    openssl.write('late.pem', late.rootCertificatePem);
    expect(openssl.run('x509', '-in', 'late.pem', '-noout', '-enddate')).toBe('notAfter=Jan  1 00:00:00 2051 GMT\n');
    expect(openssl.run('asn1parse', '-in', 'late.pem')).toMatch(/GENERALIZEDTIME\s+:20510101000000Z/);
  });

  it('hands out the keys that belong to the certificates', () => {
    for (const name of ['root', 'issuing']) {
      const publicKey = openssl.run('x509', '-in', `${name}.pem`, '-noout', '-pubkey');
      expect(openssl.run('pkey', '-inform', 'DER', '-in', `${name}.der`, '-pubout')).toBe(publicKey);
    }
  });

  it('shares nothing with the other authority of its environment', async () => {
    const platform = await createAuthority({ environment: 'sandbox', kind: 'platform', now });
    openssl.write('platform.pem', platform.rootCertificatePem);
    expect(() => openssl.run('verify', '-attime', atTime, '-CAfile', 'platform.pem', 'issuing.pem')).toThrow();
    expect(platform.rootKeyPkcs8.equals(authority.rootKeyPkcs8)).toBe(false);
  });
});

describe('serial numbers', () => {
  const serialNumberFrom = async (byte: number) => {
    const randomBytes = (length: number) => Buffer.alloc(length, byte);
    const authority = await createAuthority({ environment: 'production', kind: 'platform', now, randomBytes });
    return new X509Certificate(authority.rootCertificatePem).serialNumber;
  };

  it('are positive and sixteen octets long whatever the random bytes are', async () => {
    expect(await serialNumberFrom(0x00)).toBe('40000000000000000000000000000000');
    expect(await serialNumberFrom(0xff)).toBe('7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF');
  });

  it('differ between two certificates', async () => {
    const authority = await createAuthority({ environment: 'production', kind: 'platform', now });
    expect(new X509Certificate(authority.rootCertificatePem).serialNumber).not.toBe(
      new X509Certificate(authority.issuingCertificatePem).serialNumber,
    );
  });
});
