// Certificates we issue, by requests that openssl made and read back by openssl.

import {
  type Added,
  aClient,
  describeClient,
  endClient,
  issueFor,
  startTestServer,
  type TestClient,
} from '@tollward/server/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  changeDer,
  isTrusted,
  type KeyKind,
  makeCertificate,
  makeRequest,
  openssl,
  printCertificate,
  splitChain,
} from './support/openssl.js';
import { outcomeWith } from './support/outcome.js';

const server = await startTestServer();
let client: TestClient;
beforeAll(async () => {
  client = await aClient(server, { withCertificate: false });
});
afterAll(() => server.stop());

const subject = '/C=EE/O=Example Bank';
/** Large keys are slow to find on a busy machine. */
const mostMs = 60_000;

/** The chain of an accepted request; the certificate itself comes first. */
async function issued(csr: string, owner = client): Promise<{ readonly chain: string; readonly leaf: string }> {
  const added = await issueFor(server, owner, csr);
  if (!added.ok) throw new Error(added.problem);
  return { chain: added.chainPem, leaf: splitChain(added.chainPem)[0] ?? '' };
}

/** The subject as openssl reads it: `CN=..,O=..`, sorted. */
function subjectOf(cert: string): string[] {
  const line = printCertificate(cert, '-subject', '-nameopt', 'RFC2253');
  return line
    .replace(/^subject=/, '')
    .split(',')
    .sort();
}

const accepted: readonly (readonly [KeyKind, string, string])[] = [
  ['rsa2048', '[CERT-02]', 'Public-Key: (2048 bit)'],
  ['rsa3072', '[CERT-02]', 'Public-Key: (3072 bit)'],
  ['rsa4096', '[CERT-02]', 'Public-Key: (4096 bit)'],
  ['p256', '[CERT-03]', 'NIST CURVE: P-256'],
  ['p384', '[CERT-03]', 'NIST CURVE: P-384'],
];

describe('a certificate request of openssl', () => {
  for (const [keyKind, id, printed] of accepted) {
    test(
      `${id} [CERT-01] [CERT-16] with a key of the kind ${keyKind} is signed, and the certificate gets and uses a token`,
      async () => {
        const owner = await aClient(server, { withCertificate: false });
        const { csr, key } = makeRequest({ subject, keyKind });
        expect(await outcomeWith(server, owner, makeCertificate({ subject, key }))).toBe('certificate_not_registered');
        const { chain, leaf } = await issued(csr, owner);
        expect(leaf.startsWith('-----BEGIN CERTIFICATE-----\n')).toBe(true);
        expect(printCertificate(leaf, '-text')).toContain(printed);
        expect(await outcomeWith(server, owner, { cert: chain, key })).toBe(200);
        expect(await outcomeWith(server, client, { cert: chain, key })).toBe('certificate_not_registered');
      },
      mostMs,
    );
  }

  test('[CERT-04] [CERT-05] [RUN-11] gives the client id as the only common name, and keeps the organisation', async () => {
    const victim = await aClient(server);
    const parts = `/C=EE/ST=Harju/L=Tallinn/O=Example Bank/OU=IT/CN=${victim.clientId}/CN=www.example.com/serialNumber=7/emailAddress=a@example.com`;
    const { leaf } = await issued(makeRequest({ subject: parts }).csr);
    expect(subjectOf(leaf)).toEqual(['C=EE', `CN=${client.clientId}`, 'O=Example Bank']);
    const withoutCountry = await issued(makeRequest({ subject: '/O=Example Bank' }).csr);
    expect(subjectOf(withoutCountry.leaf)).toEqual([`CN=${client.clientId}`, 'O=Example Bank']);
  });

  test('[CERT-06] [CERT-07] gives the extensions of a client certificate, whatever it asks for', async () => {
    const extensions = [
      'basicConstraints = critical, CA:TRUE',
      'keyUsage = critical, keyCertSign, cRLSign, keyEncipherment',
      'extendedKeyUsage = serverAuth, codeSigning, anyExtendedKeyUsage',
      'subjectAltName = DNS:api.example.com, email:root@example.com',
      '1.2.3.4.5 = ASN1:UTF8String:mine',
    ];
    const { csr } = makeRequest({ subject, extensions });
    expect(openssl(['req', '-noout', '-text'], csr)).toContain('api.example.com');
    const text = printCertificate((await issued(csr)).leaf, '-text');
    expect(text).toMatch(/X509v3 Extended Key Usage: (critical)?\s+TLS Web Client Authentication\n/);
    expect(text).toMatch(/X509v3 Key Usage: critical\s+Digital Signature\n/);
    expect(text).toMatch(/X509v3 Basic Constraints: critical\s+CA:FALSE\n/);
    expect(text).not.toMatch(/api\.example|root@example|1\.2\.3\.4\.5|Server Authentication|Code Signing|Any Extended/);
  });

  test('[CERT-08] gives a certificate for one year from now', async () => {
    const { leaf } = await issued(makeRequest({ subject }).csr);
    const [from = 0, until = 0] = ['-startdate', '-enddate'].map((which) =>
      Date.parse(printCertificate(leaf, which).replace(/^.*=/, '')),
    );
    const dayMs = 86_400_000;
    expect(Math.floor((until - from) / dayMs)).toBe(365);
    expect(Math.round((until - server.time.now) / dayMs)).toBe(365);
    expect(from).toBeLessThanOrEqual(server.time.now);
  });

  test('[CERT-09] gives a serial number that can not be guessed, another one each time', async () => {
    const { csr } = makeRequest({ subject });
    const serials: string[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      serials.push(printCertificate((await issued(csr)).leaf, '-serial').replace('serial=', ''));
    }
    expect(new Set(serials).size).toBe(3);
    // RFC 5280 section 4.1.2.2: at most 20 octets, and positive. 64 random bits are the least that is taken as unguessable.
    for (const serial of serials) expect(serial).toMatch(/^[0-9A-F]{17,40}$/);
  });

  test('[CERT-10] gives a chain of one intermediate that openssl takes for a client, signed with SHA-256', async () => {
    const { chain, leaf } = await issued(makeRequest({ subject }).csr);
    const [, issuer = '', ...more] = splitChain(chain);
    expect(more).toEqual([]);
    expect(isTrusted(leaf, issuer)).toBe(true);
    expect(isTrusted(leaf, makeCertificate({ subject: '/O=x' }).cert)).toBe(false);
    expect(printCertificate(issuer, '-subject')).not.toBe(
      printCertificate(issuer, '-issuer').replace('issuer', 'subject'),
    );
    expect(printCertificate(leaf, '-text')).toMatch(/Signature Algorithm: \S*sha256/i);
  });

  test('[CERT-17] of key, request and certificate openssl prints the same modulus', async () => {
    const { csr, key } = makeRequest({ subject, keyKind: 'rsa2048' });
    const { leaf } = await issued(csr);
    const moduli = [
      openssl(['rsa', '-noout', '-modulus'], key),
      openssl(['req', '-noout', '-modulus'], csr),
      openssl(['x509', '-noout', '-modulus'], leaf),
    ];
    expect(moduli[0]).toMatch(/^Modulus=[0-9A-F]{512}\n$/);
    expect(new Set(moduli).size).toBe(1);
  });
});

interface Refused {
  readonly what: string;
  readonly id: string;
  readonly problem: string;
  readonly make: () => { readonly text: string; readonly key: string };
}

const byKey = (keyKind: KeyKind): Refused => ({
  what: `with a key of the kind ${keyKind}`,
  id: '[CERT-11]',
  problem: 'key-not-allowed',
  make: () => {
    const { csr, key } = makeRequest({ subject, keyKind });
    return { text: csr, key };
  },
});
const byText = (what: string, id: string, problem: string, bend: (csr: string, key: string) => string): Refused => ({
  what,
  id,
  problem,
  make: () => {
    const { csr, key } = makeRequest({ subject });
    return { text: bend(csr, key), key };
  },
});
const bySubject = (what: string, problem: string, wanted: string): Refused => ({
  what,
  id: '[CERT-12]',
  problem,
  make: () => {
    const { csr, key } = makeRequest({ subject: wanted });
    return { text: csr, key };
  },
});

const refused: readonly Refused[] = [
  ...(['rsa1024', 'rsa2047', 'rsa8192', 'rsaExponent3', 'p521', 'secp256k1', 'explicitP256', 'ed25519'] as const).map(
    byKey,
  ),
  bySubject('without an organisation', 'organisation-missing', '/C=EE/CN=Example Bank'),
  bySubject('with a blank organisation', 'organisation-missing', '/C=EE/O=  '),
  {
    what: 'signed with SHA-1',
    id: '[CERT-13]',
    problem: 'signature-hash-weak',
    make: () => {
      const { csr, key } = makeRequest({ subject, digest: '-sha1' });
      return { text: csr, key };
    },
  },
  byText('with a broken signature', '[CERT-13]', 'possession-not-proved', (csr) =>
    changeDer(csr, (der) => {
      der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
      return der;
    }),
  ),
  byText('with a key that did not sign it', '[CERT-13]', 'possession-not-proved', (csr) => {
    const publicKey = (from: string): Buffer =>
      Buffer.from(openssl(['req', '-noout', '-pubkey'], from).replaceAll(/-----.*-----/g, ''), 'base64');
    const stolen = publicKey(makeRequest({ subject }).csr);
    return changeDer(csr, (der) => {
      stolen.copy(der, der.indexOf(publicKey(csr)));
      return der;
    });
  }),
  byText('that is the private key', '[PEM-01]', 'private-key', (_csr, key) => key),
  byText('with the private key below it', '[PEM-01]', 'private-key', (csr, key) => csr + key),
  byText('that is a certificate', '[PEM-02]', 'certificate', (_csr, key) => makeCertificate({ subject, key }).cert),
  byText('that is two requests', '[PEM-03]', 'several', (csr) => csr + makeRequest({ subject }).csr),
  byText('without its first and last line', '[PEM-04]', 'headers-missing', (csr) =>
    csr
      .split('\n')
      .filter((line) => !line.startsWith('-----'))
      .join('\n'),
  ),
  byText('with comments around it', '[PEM-05]', 'text-around', (csr) => `# our request\n${csr}`),
  byText('as openssl prints it with -text', '[PEM-05]', 'text-around', (csr) => openssl(['req', '-text'], csr)),
  byText('that is cut off', '[PEM-06]', 'cut-off', (csr) => csr.slice(0, 200)),
  byText('that is empty', '[PEM-06]', 'empty', () => ' \n'),
  byText('that is not one', '[PEM-06]', 'not-recognised', () => 'please sign my key'),
];

describe('a certificate request is refused', () => {
  for (const { what, id, problem, make } of refused) {
    test(
      `${id} ${what}, with a reason, and its key gets no token`,
      async () => {
        const before = (await describeClient(server, client)).certificates.length;
        const { text, key } = make();
        const added: Added = await issueFor(server, client, text);
        expect(added).toMatchObject({ ok: false, problem, remedy: expect.stringMatching(/\S+ \S+/) });
        expect((await describeClient(server, client)).certificates).toHaveLength(before);
        const alone = makeCertificate({ subject: `/O=Example Bank/CN=${client.clientId}`, key });
        // TLS 1.3 has no signature for secp256k1, so such a certificate is not even sent.
        const refusal = what.includes('secp256k1') ? 'certificate_missing' : 'certificate_not_registered';
        expect(await outcomeWith(server, client, alone)).toBe(refusal);
      },
      mostMs,
    );
  }

  test('[CERT-01] for a client that was revoked or is unknown', async () => {
    const gone = await aClient(server);
    await endClient(server, gone);
    const { csr } = makeRequest({ subject });
    const unknown = { ...client, clientId: `cli_${'0'.repeat(32)}` };
    expect(await issueFor(server, unknown, csr)).toEqual({ ok: false, problem: 'unknown' });
    expect(await issueFor(server, gone, csr)).toEqual({ ok: false, problem: 'revoked' });
  });
});
