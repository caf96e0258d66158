import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOpenssl, type Openssl, opensslInstalled, opensslKeys, rsaKey } from './openssl-for-tests.js';
import { parseServerCertificate } from './server-certificate.js';

const authority = ['basicConstraints = critical,CA:TRUE', 'keyUsage = critical,keyCertSign'];
const names = 'subjectAltName = DNS:api.example.com,DNS:*.wild.example.com,IP:192.0.2.7';

describe.skipIf(!opensslInstalled)('a server certificate of the operator', () => {
  let openssl: Openssl;
  const text = (file: string): string => openssl.read(file).toString();
  const parse = (certificatePem: string, key: string, hosts: readonly string[] = []) =>
    parseServerCertificate({ certificatePem, keyPem: text(`${key}.key`) }, hosts);
  const problemOf = async (...words: Parameters<typeof parse>): Promise<string> => {
    const parsed = await parse(...words);
    return parsed.ok ? 'none' : parsed.problem;
  };

  beforeAll(() => {
    openssl = createOpenssl();
    openssl.selfSigned('root', { subject: '/CN=Root', days: 900, extensions: authority });
    openssl.issued('middle', 'root', { subject: '/CN=Middle', days: 60, extensions: authority });
    openssl.issued('server', 'middle', { subject: '/CN=server', days: 90, extensions: [names] });
    openssl.selfSigned('alone', { subject: '/CN=common.example.com', key: rsaKey(2048), extensions: [] });
  });
  afterAll(() => openssl.dispose());

  it('[AUT-12] is shown with those above it, without the root, and is as valid as the shortest of them', async () => {
    const parsed = await parse(text('server.pem') + text('middle.pem') + text('root.pem'), 'server');
    if (!parsed.ok) throw new Error(parsed.problem);
    openssl.write('shown.pem', parsed.certificate.chainPem);
    const verify = ['verify', '-purpose', 'sslserver', '-CAfile', 'root.pem', '-untrusted', 'shown.pem'];
    expect(openssl.run(...verify, 'shown.pem')).toBe('shown.pem: OK\n');
    expect(parsed.certificate.chainPem).toBe(text('server.pem') + text('middle.pem'));
    const end = openssl.run('x509', '-in', 'middle.pem', '-noout', '-enddate').slice('notAfter='.length);
    expect(parsed.certificate.validity.notAfter).toBe(Date.parse(end));
    openssl.write('shown.key', parsed.certificate.keyPem);
    expect(openssl.run('pkey', '-in', 'shown.key', '-pubout')).toBe(
      openssl.run('x509', '-in', 'server.pem', '-noout', '-pubkey'),
    );
  });

  it('may be self-signed', async () => {
    expect(await parse(text('alone.pem'), 'alone')).toMatchObject({ ok: true });
  });

  it('[AUT-13] is told from one that lacks a host that partners call', async () => {
    const hosts = ['api.example.com', 'a.wild.example.com', '192.0.2.7', 'other.example.com', '192.0.2.8'];
    expect(await parse(text('server.pem'), 'server', hosts)).toMatchObject({
      certificate: { hostsNotCovered: ['other.example.com', '192.0.2.8'] },
    });
    // Clients do not look at the common name.
    expect(await parse(text('alone.pem'), 'alone', ['common.example.com'])).toMatchObject({
      certificate: { hostsNotCovered: ['common.example.com'] },
    });
  });

  it('[AUT-14] is refused when it could not be shown, in words that hold no key', async () => {
    openssl.selfSigned('client', { extensions: ['extendedKeyUsage = clientAuth'] });
    openssl.selfSigned('short', { key: rsaKey(1024) });
    openssl.selfSigned('curve', { key: opensslKeys.secp256k1 });
    const [server, middle] = [text('server.pem'), text('middle.pem')];
    const cases: [string, string, string][] = [
      ['', 'server', 'there is no certificate in the text of the certificate'],
      [server.slice(0, 300), 'server', 'a certificate is cut off'],
      [server, 'middle', 'the key does not belong to the first certificate'],
      [middle + server, 'server', 'the key does not belong to the first certificate'],
      [server + text('root.pem'), 'server', 'certificate 1 is not signed by certificate 2'],
      [
        server + text('alone.pem'),
        'server',
        'certificate 2 is not the certificate of an authority (CA:TRUE is missing)',
      ],
      [text('client.pem'), 'client', 'certificate 1 is not for servers (its extended key usage lacks serverAuth)'],
      [text('server.key') + server, 'server', 'the text of the certificate holds something else than certificates'],
    ];
    for (const [certificatePem, key, problem] of cases) {
      expect([problem, await problemOf(certificatePem, key)]).toEqual([problem, problem]);
    }
    for (const weak of ['short', 'curve']) {
      expect(await problemOf(text(`${weak}.pem`), weak)).toMatch(
        /^the key is of the kind .* it must be EC on the named/,
      );
    }
  });

  it('is refused when OpenSSL itself would not show it', async () => {
    openssl.request('weak', { subject: '/CN=weak' });
    const signer = ['-CA', 'middle.pem', '-CAkey', 'middle.key', '-CAcreateserial'];
    openssl.run('x509', '-req', '-in', 'weak.csr', ...signer, '-sha1', '-out', 'weak.pem');
    expect(await problemOf(text('weak.pem'), 'weak')).toBe('OpenSSL refuses it (ca md too weak)');
  });
});
