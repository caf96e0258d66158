import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BroughtAuthority, openBroughtAuthorities, parseBroughtAuthority } from './brought-authority.js';
import { canSign } from './certificate-authority.js';
import { decideCsr } from './certificate-request.js';
import {
  type CertificateOptions,
  createOpenssl,
  type Openssl,
  opensslInstalled,
  opensslKeys,
  rsaKey,
} from './openssl-for-tests.js';
import { signClientCertificate } from './sign-client-certificate.js';

const dayMs = 86_400_000;
const madeAt = Date.now();
const now = madeAt + 60_000;
const authorityExtensions = ['basicConstraints = critical,CA:TRUE', 'keyUsage = critical,keyCertSign,cRLSign'];
const clientId = 'cli_1';

describe.skipIf(!opensslInstalled)('a partner authority that openssl made', () => {
  let openssl: Openssl;

  beforeAll(() => {
    openssl = createOpenssl();
    // Names in encodings that we ourselves never write: they must come back bit for bit.
    root('root', { subject: '/DC=example/O=Bank/emailAddress=pki@example.com/CN=Bank Root CA', key: opensslKeys.p384 });
  });
  afterAll(() => openssl.dispose());

  const text = (name: string) => openssl.read(name).toString();
  const root = (name: string, options: CertificateOptions = {}) =>
    openssl.selfSigned(name, { subject: `/CN=${name}`, days: 4_000, extensions: authorityExtensions, ...options });
  const below = (issuer: string, name: string, options: CertificateOptions = {}) =>
    openssl.issued(name, issuer, { subject: `/CN=${name}`, days: 3_000, extensions: authorityExtensions, ...options });
  const parse = (key: string, ...chain: string[]) =>
    parseBroughtAuthority({
      certificatePem: chain.map((name) => text(`${name}.pem`)).join(''),
      keyPem: text(`${key}.key`),
    });
  const problemOf = async (key: string, ...chain: string[]): Promise<string> => {
    const parsed = await parse(key, ...chain);
    return parsed.ok ? 'usable' : parsed.problem;
  };
  const open = async (key: string, ...chain: string[]): Promise<BroughtAuthority> => {
    const parsed = await parse(key, ...chain);
    if (!parsed.ok) throw new Error(parsed.problem);
    return parsed.authority;
  };
  const sign = async (authority: BroughtAuthority) => {
    const decision = await decideCsr(openssl.request('partner', { subject: '/C=EE/O=Example Bank' }));
    if (!decision.ok) throw new Error(decision.problem);
    return signClientCertificate({ authority, csr: decision.csr, clientId, now });
  };
  const verify = (chainPem: string): string => {
    openssl.write('chain.pem', chainPem);
    const strict = ['-x509_strict', '-purpose', 'sslclient'];
    return openssl.run('verify', ...strict, '-CAfile', 'root.pem', '-untrusted', 'chain.pem', 'chain.pem');
  };

  it.each([
    ['EC P-256', opensslKeys.p256, 'ecdsa-with-SHA256'],
    ['EC P-384', opensslKeys.p384, 'ecdsa-with-SHA384'],
    ['RSA 2048', rsaKey(2048), 'sha256WithRSAEncryption'],
    ['RSA 3072', rsaKey(3072), 'sha256WithRSAEncryption'],
  ])(
    'with a key of type %s signs a request, and openssl accepts the chain that comes with it',
    async (name, key, how) => {
      const issuing = `issuing-${name.replaceAll(' ', '-')}`;
      below('root', 'middle');
      below('middle', issuing, { key, subject: `/C=EE/O=Bänk, "Group"/CN=${name}` });
      const signed = await sign(await open(issuing, issuing, 'middle', 'root'));
      expect(verify(signed.chainPem)).toBe('chain.pem: OK\n');
      expect(signed.chainPem).toBe(signed.certificatePem + text(`${issuing}.pem`) + text('middle.pem'));
      openssl.write('leaf.pem', signed.certificatePem);
      expect(openssl.run('x509', '-in', 'leaf.pem', '-noout', '-text')).toContain(`Signature Algorithm: ${how}`);
    },
  );

  it('may be a root that signs for itself, and does not send itself along', async () => {
    const signed = await sign(await open('root', 'root'));
    expect(signed.chainPem).toBe(signed.certificatePem);
    expect(verify(signed.chainPem)).toBe('chain.pem: OK\n');
  });

  it('may leave its root out', async () => {
    below('root', 'rootless');
    expect(verify((await sign(await open('rootless', 'rootless'))).chainPem)).toBe('chain.pem: OK\n');
  });

  it('issues nothing that outlives it', async () => {
    below('root', 'short', { days: 40 });
    const authority = await open('short', 'short', 'root');
    const { facts } = await sign(authority);
    expect(facts.notAfter).toBe(authority.facts.notAfter);
    expect(facts.notAfter).toBeLessThan(madeAt + 41 * dayMs);
  });

  it('is read in every form that openssl writes keys and certificates in', async () => {
    below('root', 'forms', { key: rsaKey(2048) });
    openssl.run('rsa', '-in', 'forms.key', '-traditional', '-out', 'pkcs1.key');
    expect(text('pkcs1.key')).toContain('BEGIN RSA PRIVATE KEY');
    expect(openssl.run('x509', '-in', 'forms.pem', '-text', '-out', 'commented.pem')).toBe('');
    expect(await problemOf('pkcs1', 'commented', 'root')).toBe('usable');

    openssl.run('ec', '-in', 'root.key', '-out', 'sec1.key');
    expect(text('sec1.key')).toContain('BEGIN EC PRIVATE KEY');
    expect(await problemOf('sec1', 'root')).toBe('usable');

    const written = {
      certificatePem: text('root.pem').replaceAll('\n', '\\n'),
      keyPem: text('root.key').replaceAll('\n', '\\n'),
    };
    expect(await parseBroughtAuthority(written)).toMatchObject({ ok: true });
  });

  it('is refused with an encrypted key, and the text says how to decrypt it', async () => {
    const passphrase = ['-aes256', '-passout', 'pass:secret'];
    openssl.run('pkey', '-in', 'root.key', ...passphrase, '-out', 'encrypted.key');
    openssl.run('ec', '-in', 'root.key', ...passphrase, '-out', 'encrypted-sec1.key');
    for (const key of ['encrypted', 'encrypted-sec1']) {
      expect(await problemOf(key, 'root')).toMatch(/^the key is encrypted with a passphrase; .*openssl pkey/);
    }
  });

  it('is refused with the key of another, with a public key and with a text that is no key', async () => {
    root('stranger');
    expect(await problemOf('stranger', 'root')).toBe('the key does not belong to the first certificate');
    openssl.run('pkey', '-in', 'root.key', '-pubout', '-out', 'public.key');
    expect(await problemOf('public', 'root')).toBe('the key can not be read as a private key in PEM form');
    openssl.write('text.key', 'hello');
    expect(await problemOf('text', 'root')).toBe('the key can not be read as a private key in PEM form');
  });

  it.each([
    ['RSA 1024', rsaKey(1024), 'rsa-1024'],
    ['P-521', opensslKeys.p521, 'ec-p521'],
    ['Ed25519', opensslKeys.ed25519, 'ed25519'],
    ['RSA for PSS only', ['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'], 'rsa-pss-2048'],
    ['P-256 with all parameters written out', [...opensslKeys.p256, '-pkeyopt', 'ec_param_enc:explicit'], 'ec-p256'],
  ])('is refused with a key of type %s', async (name, key, keyType) => {
    const file = name.replaceAll(' ', '-');
    root(file, { key });
    expect(await problemOf(file, file)).toContain(
      `the key is of the kind ${keyType}; it must be EC on the named curve`,
    );
  });

  it.each([
    ['CA:FALSE', ['basicConstraints = critical,CA:FALSE'], 'CA:TRUE is missing'],
    ['no basic constraint', ['keyUsage = keyCertSign'], 'CA:TRUE is missing'],
    ['no keyCertSign', ['basicConstraints = critical,CA:TRUE', 'keyUsage = cRLSign'], 'lacks keyCertSign'],
    ['a purpose that is not ours', [...authorityExtensions, 'extendedKeyUsage = serverAuth'], 'lacks clientAuth'],
  ])('is refused with %s', async (name, extensions, expected) => {
    const file = name.replaceAll(/\W+/g, '-');
    below('root', file, { extensions });
    expect(await problemOf(file, file, 'root')).toMatch(new RegExp(`^certificate 1 .*${expected}`));
  });

  it('is refused when one above it allows fewer authorities below itself', async () => {
    const limited = (pathLength: number) => [`basicConstraints = critical,CA:TRUE,pathlen:${pathLength}`];
    root('limited', { extensions: limited(1) });
    below('limited', 'upper', { extensions: limited(0) });
    below('upper', 'lower');
    expect(await problemOf('upper', 'upper', 'limited')).toBe('usable');
    expect(await problemOf('lower', 'lower', 'upper', 'limited')).toBe(
      'certificate 2 allows 0 authorities below itself, and there are 1',
    );
  });

  it.each([
    ['critical', 'nameConstraints = critical,permitted;DNS:bank.example'],
    ['not critical', 'nameConstraints = excluded;dirName:excluded'],
  ])('is refused when it or one above it has name constraints, %s', async (criticality, constraint) => {
    const names = `names-${criticality.replace(' ', '-')}`;
    // openssl writes a directory name from a section of the same file.
    below('root', names, { extensions: [...authorityExtensions, constraint, '[excluded]', 'O = Other Bank'] });
    below(names, `under-${names}`);
    const problem = "limits the names below itself (nameConstraints), and partners' certificates may have others";
    expect(await problemOf(names, names, 'root')).toBe(`certificate 1 ${problem}`);
    expect(await problemOf(`under-${names}`, `under-${names}`, names)).toBe(`certificate 2 ${problem}`);
  });

  it.each([
    ['an extension nobody knows', '1.2.3.4 = critical,DER:0500', '1.2.3.4'],
    ['a constraint of policies', 'policyConstraints = critical,requireExplicitPolicy:0', '2.5.29.36'],
  ])('is refused when it or one above it has %s, and that is critical', async (name, extension, oid) => {
    const file = name.replaceAll(' ', '-');
    below('root', file, { extensions: [...authorityExtensions, extension] });
    below(file, `under-${file}`);
    const problem = `has the critical extension ${oid}, for which others may refuse what is below it`;
    expect(await problemOf(file, file, 'root')).toBe(`certificate 1 ${problem}`);
    expect(await problemOf(`under-${file}`, `under-${file}`, file)).toBe(`certificate 2 ${problem}`);
  });

  it('may have an unknown extension that is not critical, and critical policies and usages', async () => {
    const more = [
      '1.2.3.4 = DER:0500',
      'certificatePolicies = critical,1.2.3.5',
      'extendedKeyUsage = critical,clientAuth',
    ];
    below('root', 'more', { extensions: [...authorityExtensions, ...more] });
    expect(verify((await sign(await open('more', 'more', 'root'))).chainPem)).toBe('chain.pem: OK\n');
  });

  it('can sign as long as it and all above it are valid', async () => {
    const endOf = (name: string) =>
      Date.parse(openssl.run('x509', '-in', `${name}.pem`, '-noout', '-enddate').slice('notAfter='.length));
    root('ending', { days: 20 });
    below('ending', 'longer');
    const authority = await open('longer', 'longer', 'ending');
    expect(authority.facts.notAfter).toBe(endOf('longer'));
    expect(authority.validity.notAfter).toBe(endOf('ending'));
    expect(canSign(authority, madeAt - dayMs)).toBe(false);
    expect(canSign(authority, now)).toBe(true);
    expect(canSign(authority, endOf('ending') - 1)).toBe(true);
    expect(canSign(authority, endOf('ending'))).toBe(false);
  });

  it('is refused when its chain is out of order, has a stranger in it, or one that is its issuer by name or key only', async () => {
    below('root', 'a');
    below('a', 'b');
    root('c');
    expect(await problemOf('b', 'b', 'root', 'a')).toBe('certificate 1 is not signed by certificate 2');
    expect(await problemOf('b', 'b', 'a', 'c')).toBe('certificate 2 is not signed by certificate 3');
    const keyless = [...authorityExtensions, 'subjectKeyIdentifier = none', 'authorityKeyIdentifier = none'];
    below('a', 'd', { extensions: keyless });
    below('root', 'namesake', { subject: '/CN=a', extensions: keyless });
    expect(await problemOf('d', 'd', 'namesake')).toBe('certificate 1 is not signed by certificate 2');
    openssl.run('req', '-new', '-key', 'a.key', '-subj', '/CN=renamed', '-config', 'a.cnf', '-out', 'renamed.csr');
    openssl.run(
      ...['x509', '-req', '-in', 'renamed.csr', '-CA', 'root.pem', '-CAkey', 'root.key', '-days', '900'],
      ...['-extfile', 'a.cnf', '-extensions', 'wanted', '-out', 'renamed.pem'],
    );
    expect(await problemOf('d', 'd', 'renamed')).toBe('certificate 1 is not signed by certificate 2');
    expect(await problemOf('d', 'd', 'a')).toBe('usable');
  });

  it('is refused when a text holds something else', async () => {
    const keyPem = text('root.key');
    const certificatePem = text('root.pem');
    const problem = async (texts: string) => {
      const parsed = await parseBroughtAuthority({ certificatePem: texts, keyPem });
      return parsed.ok ? 'usable' : parsed.problem;
    };
    expect(await problem('')).toBe('there is no certificate in the text of the certificate');
    expect(await problem(certificatePem + keyPem)).toBe(
      'the text of the certificate holds something else than certificates',
    );
    expect(await problem(certificatePem + certificatePem.slice(0, 300))).toBe('a certificate is cut off');
    expect(await problem(certificatePem.replace('MII', 'AAA'))).toBe('certificate 1 can not be read');
    expect(await problem(certificatePem.repeat(9))).toBe('there are more than 8 certificates in the text');
  });

  it('says for which environment it can not be used, and nothing of its key', async () => {
    const none = { certificatePem: undefined, keyPem: undefined };
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const keyPem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const production = { certificatePem: text('root.pem'), keyPem };
    await expect(openBroughtAuthorities({ sandbox: none, production })).rejects.toThrow(
      'The partner CA of production can not be used: the key does not belong to the first certificate.',
    );
    expect(await openBroughtAuthorities({ sandbox: none, production: none })).toEqual({});
  });
});
