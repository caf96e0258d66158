import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type ConnectionOptions, connect, createServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, createAuthority } from './certificate-authority.js';
import { type AcceptedCsr, decideCsr } from './certificate-request.js';
import { createClientKeyAndCsr } from './create-client-key.js';
import { createOpenssl, type Openssl, opensslInstalled, opensslKeys, rsaKey } from './openssl-for-tests.js';
import { type SignedClientCertificate, signClientCertificate } from './sign-client-certificate.js';
import { signServerCertificate } from './sign-server-certificate.js';

const now = Date.UTC(2026, 8, 14, 12);
const atTime = String(now / 1000);
const clientId = 'cli_3f9Kq2';

async function accept(csrPem: string): Promise<AcceptedCsr> {
  const decision = await decideCsr(csrPem);
  if (!decision.ok) throw new Error(decision.problem);
  return decision.csr;
}

describe.skipIf(!opensslInstalled)('a client certificate, as openssl sees it', () => {
  let openssl: Openssl;
  let authority: Authority;
  let issued: SignedClientCertificate;

  beforeAll(async () => {
    openssl = createOpenssl();
    authority = await createAuthority({ environment: 'sandbox', kind: 'partner', now });
    openssl.write('root.pem', authority.rootCertificatePem);
    openssl.write('issuing.pem', authority.issuingCertificatePem);
    // A request that asks for everything it must not get.
    const greedy = openssl.request('greedy', {
      subject: '/C=EE/ST=Harju/O=Example Bank/OU=Payments/CN=cli_somebody_else/CN=another/emailAddress=a@example.com',
      extensions: [
        'basicConstraints = critical,CA:TRUE',
        'keyUsage = keyCertSign,cRLSign,keyEncipherment',
        'extendedKeyUsage = serverAuth,codeSigning',
        'subjectAltName = DNS:api.example.com,IP:127.0.0.1',
      ],
    });
    issued = await signClientCertificate({ authority, csr: await accept(greedy), clientId, now });
    openssl.write('client.pem', issued.certificatePem);
  });
  afterAll(() => openssl.dispose());

  const verify = (purpose: string, file = 'client.pem', time = atTime) =>
    openssl.run(
      ...['verify', '-x509_strict', '-purpose', purpose, '-attime', time],
      ...['-CAfile', 'root.pem', '-untrusted', 'issuing.pem', file],
    );
  const text = () => openssl.run('x509', '-in', 'client.pem', '-noout', '-text');

  it('verifies for a TLS client and not for a TLS server', () => {
    expect(verify('sslclient')).toBe('client.pem: OK\n');
    expect(() => verify('sslserver')).toThrow(/unsupported certificate purpose|unsuitable certificate purpose/);
  });

  it('keeps of the subject the organisation and the country only, and has the client id as its one common name', () => {
    expect(openssl.run('x509', '-in', 'client.pem', '-noout', '-subject', '-nameopt', 'RFC2253')).toBe(
      `subject=CN=${clientId},O=Example Bank,C=EE\n`,
    );
  });

  it('has exactly the extensions we chose, whatever the request asked for', () => {
    const names = [...text().matchAll(/^ {12}X509v3 (.+?):/gm)].map((match) => match[1]);
    expect(names).toEqual([
      'Basic Constraints',
      'Key Usage',
      'Extended Key Usage',
      'Subject Key Identifier',
      'Authority Key Identifier',
    ]);
    expect(text()).toMatch(/Basic Constraints: critical\s+CA:FALSE\n/);
    expect(text()).toMatch(/X509v3 Key Usage: critical\s+Digital Signature\n/);
    expect(text()).toMatch(/Extended Key Usage: \s+TLS Web Client Authentication\n/);
    expect(text()).toContain('Signature Algorithm: ecdsa-with-SHA256');
  });

  it('certifies the key of the request', () => {
    expect(openssl.run('x509', '-in', 'client.pem', '-noout', '-pubkey')).toBe(
      openssl.run('pkey', '-in', 'greedy.key', '-pubout'),
    );
  });

  it('is valid from five minutes ago for 365 days', () => {
    expect(openssl.run('x509', '-in', 'client.pem', '-noout', '-dates')).toBe(
      'notBefore=Sep 14 11:55:00 2026 GMT\nnotAfter=Sep 14 12:00:00 2027 GMT\n',
    );
    const yearLater = now / 1000 + 365 * 86_400;
    expect(verify('sslclient', 'client.pem', String(yearLater - 1))).toBe('client.pem: OK\n');
    expect(() => verify('sslclient', 'client.pem', String(yearLater + 1))).toThrow(/expired/);
  });

  it('comes as a chain of itself and its issuer, without the root', () => {
    expect(issued.chainPem).toBe(issued.certificatePem + authority.issuingCertificatePem);
  });

  it('comes with its facts', () => {
    const fingerprint = openssl.run('x509', '-in', 'client.pem', '-noout', '-fingerprint', '-sha256');
    expect(issued.facts.sha256.toString('hex').toUpperCase()).toBe(fingerprint.split('=')[1]?.replace(/[:\n]/g, ''));
    expect(openssl.run('x509', '-in', 'client.pem', '-noout', '-serial')).toBe(`serial=${issued.facts.serialNumber}\n`);
    expect(issued.facts).toMatchObject({
      subject: `C=EE, O=Example Bank, CN=${clientId}`,
      commonNames: [clientId],
      issuer: 'O=Tollward, CN=Tollward Sandbox Partner Issuing CA',
      keyType: 'ec-p256',
      notBefore: now - 300_000,
      notAfter: now + 365 * 86_400_000,
      extendedKeyUsage: ['1.3.6.1.5.5.7.3.2'],
    });
  });

  it.each([
    ['rsa-2048', rsaKey(2048)],
    ['ec-p384', opensslKeys.p384],
  ])('is issued for a key of type %s too', async (keyType, key) => {
    const csr = await accept(openssl.request(keyType, { key, subject: '/O=Example Bank' }));
    const { certificatePem, facts } = await signClientCertificate({ authority, csr, clientId, now });
    openssl.write(`${keyType}.pem`, certificatePem);
    expect(verify('sslclient', `${keyType}.pem`)).toBe(`${keyType}.pem: OK\n`);
    expect(facts).toMatchObject({ keyType, subject: `O=Example Bank, CN=${clientId}` });
  });

  it('is not trusted by the other authority of the environment', async () => {
    const platform = await createAuthority({ environment: 'sandbox', kind: 'platform', now });
    openssl.write('platform.pem', platform.rootCertificatePem + platform.issuingCertificatePem);
    expect(() => openssl.run('verify', '-attime', atTime, '-CAfile', 'platform.pem', 'client.pem')).toThrow();
  });

  it('verifies under an authority made by openssl with a P-384 key and a key id of its own', async () => {
    openssl.selfSigned('brought', {
      key: opensslKeys.p384,
      subject: '/CN=Brought CA',
      extensions: ['basicConstraints = critical,CA:TRUE', 'keyUsage = keyCertSign', 'subjectKeyIdentifier = 01020304'],
    });
    const issuingCertificatePem = openssl.run('x509', '-inform', 'DER', '-in', 'brought.der');
    openssl.write('brought.pem', issuingCertificatePem);
    openssl.run('pkcs8', '-topk8', '-nocrypt', '-in', 'brought.key', '-outform', 'DER', '-out', 'brought.p8');
    const today = Date.now();
    const brought = { issuingCertificatePem, issuingKeyPkcs8: openssl.read('brought.p8') };
    const csr = await accept((await createClientKeyAndCsr({ organisation: 'Example Bank' })).csrPem);
    const { certificatePem, facts } = await signClientCertificate({ authority: brought, csr, clientId, now: today });
    openssl.write('under-brought.pem', certificatePem);

    expect(openssl.run('verify', '-CAfile', 'brought.pem', 'under-brought.pem')).toBe('under-brought.pem: OK\n');
    const shown = openssl.run('x509', '-in', 'under-brought.pem', '-noout', '-text');
    expect(shown).toMatch(/Authority Key Identifier: \s+(?:keyid:)?01:02:03:04\n/);
    expect(shown).toContain('Signature Algorithm: ecdsa-with-SHA384');
    // The brought authority lives 30 days, so what it signs does not live 365.
    expect(facts.notAfter).toBe(Date.parse(new X509Certificate(issuingCertificatePem).validTo));
  });
});

describe.skipIf(!opensslInstalled)('a server certificate, as openssl sees it', () => {
  let openssl: Openssl;
  const hosts = ['localhost', '127.0.0.1', '::1', '::ffff:10.0.0.1', 'api.example.com', 'localhost'];

  beforeAll(async () => {
    openssl = createOpenssl();
    const authority = await createAuthority({ environment: 'production', kind: 'platform', now });
    const { chainPem, keyPem } = await signServerCertificate({ authority, hosts, now });
    openssl.write('root.pem', authority.rootCertificatePem);
    openssl.write('chain.pem', chainPem);
    openssl.write('server.key', keyPem);
  });
  afterAll(() => openssl.dispose());

  const verify = (...more: string[]) =>
    openssl.run(
      ...['verify', '-x509_strict', '-attime', atTime, '-CAfile', 'root.pem', '-untrusted', 'chain.pem'],
      ...more,
      'chain.pem',
    );

  it('verifies for a TLS server and not for a TLS client', () => {
    expect(verify('-purpose', 'sslserver')).toBe('chain.pem: OK\n');
    expect(() => verify('-purpose', 'sslclient')).toThrow(/purpose/);
  });

  it('is good for every host it was made for and for no other', () => {
    for (const name of ['localhost', 'api.example.com']) expect(verify('-verify_hostname', name)).toContain('OK');
    for (const address of ['127.0.0.1', '::1', '::ffff:10.0.0.1'])
      expect(verify('-verify_ip', address)).toContain('OK');
    expect(() => verify('-verify_hostname', 'other.example.com')).toThrow(/mismatch/);
    expect(() => verify('-verify_ip', '10.0.0.1')).toThrow(/mismatch/);
  });

  it('names each host once', () => {
    expect(openssl.run('x509', '-in', 'chain.pem', '-noout', '-ext', 'subjectAltName')).toMatch(
      /^X509v3 Subject Alternative Name: \n {4}DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:0:0:0:0:0:FFFF:A00:1, DNS:api.example.com\n$/,
    );
  });

  it('is valid for 397 days, on a P-256 key of its own', () => {
    expect(openssl.run('x509', '-in', 'chain.pem', '-noout', '-dates')).toBe(
      'notBefore=Sep 14 11:55:00 2026 GMT\nnotAfter=Oct 16 12:00:00 2027 GMT\n',
    );
    expect(openssl.run('x509', '-in', 'chain.pem', '-noout', '-pubkey')).toBe(
      openssl.run('pkey', '-in', 'server.key', '-pubout'),
    );
    expect(openssl.run('pkey', '-in', 'server.key', '-noout', '-text')).toContain('NIST CURVE: P-256');
  });
});

describe('issued certificates in a TLS handshake', () => {
  it('let a client that trusts only our root reach the server, which sees exactly the certificate it issued', async () => {
    const today = Date.now();
    const platform = await createAuthority({ environment: 'sandbox', kind: 'platform', now: today });
    const partner = await createAuthority({ environment: 'sandbox', kind: 'partner', now: today });
    const server = await signServerCertificate({ authority: platform, hosts: ['localhost', '127.0.0.1'], now: today });
    const { keyPem, csrPem } = await createClientKeyAndCsr({ organisation: 'Example Bank' });
    const csr = await accept(csrPem);
    const client = await signClientCertificate({ authority: partner, csr, clientId, now: today });

    const listener = createServer(
      { key: server.keyPem, cert: server.chainPem, requestCert: true, rejectUnauthorized: false },
      (socket) => {
        const raw = socket.getPeerX509Certificate()?.raw ?? Buffer.alloc(0);
        socket.end(createHash('sha256').update(raw).digest('hex'));
      },
    );
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const ask = async (options: ConnectionOptions): Promise<string> => {
      const socket = connect({ port, host: '127.0.0.1', key: keyPem, cert: client.chainPem, ...options });
      let answer = '';
      socket.on('data', (chunk) => {
        answer += String(chunk);
      });
      await once(socket, 'end');
      return answer;
    };

    try {
      const fingerprint = client.facts.sha256.toString('hex');
      expect(await ask({ ca: platform.rootCertificatePem })).toBe(fingerprint);
      expect(await ask({ ca: platform.rootCertificatePem, servername: 'localhost' })).toBe(fingerprint);
      await expect(ask({ ca: partner.rootCertificatePem })).rejects.toThrow(/unable to|self.signed/);
      await expect(ask({ ca: platform.rootCertificatePem, servername: 'other.example.com' })).rejects.toThrow(
        /does not match/,
      );
    } finally {
      listener.close();
    }
  });

  it('need at least one host', async () => {
    const authority = await createAuthority({ environment: 'sandbox', kind: 'platform', now });
    await expect(signServerCertificate({ authority, hosts: [], now })).rejects.toThrow(RangeError);
  });
});
