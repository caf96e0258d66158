// Certificates that partners bring: made by openssl and by authorities of its own, registered, then shown over TLS.

import { aClient, aToken, callPlayground, endCertificate, type TestClient, uploadFor } from '@tollward/server/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { type KeyKind, type MadeCertificate, makeCertificate, makeRequest } from './support/openssl.js';
import { outcomeOf, outcomeWith } from './support/outcome.js';
import { startSharedServer } from './support/shared-server.js';
import { aPartnerWith, authority, forClients } from './support/upload.js';

const hourMs = 3_600_000;
const { server, start } = await startSharedServer();

const aPartner = (): Promise<TestClient> => aClient(server, { withCertificate: false });

const good: readonly (readonly [string, string, () => MadeCertificate])[] = [
  [
    '[CERT-20] of an unknown authority',
    'with clientAuth',
    () => makeCertificate({ subject: '/O=Example', issuer: authority, extensions: forClients }),
  ],
  [
    '[CERT-20] of an unknown authority',
    'without an extended key usage',
    () => makeCertificate({ subject: '/O=Example', issuer: authority }),
  ],
  [
    '[CERT-20] of an unknown authority',
    'for servers and clients',
    () =>
      makeCertificate({
        subject: '/O=Example',
        issuer: authority,
        extensions: ['extendedKeyUsage = serverAuth, clientAuth'],
      }),
  ],
  [
    '[CERT-21] that is self-signed',
    'with clientAuth',
    () => makeCertificate({ subject: '/O=Example', extensions: forClients }),
  ],
  [
    '[CERT-21] that is self-signed',
    'as an authority, the way "openssl req -x509" makes it',
    () => makeCertificate({ subject: '/O=Example', extensions: ['basicConstraints = critical, CA:TRUE'] }),
  ],
  ...(['rsa2048', 'rsa3072', 'rsa4096', 'p384'] as const satisfies readonly KeyKind[]).map(
    (keyKind) =>
      [
        '[CERT-21] that is self-signed',
        `with a key of the kind ${keyKind}`,
        () => makeCertificate({ subject: '/O=Example', keyKind }),
      ] as const,
  ),
];

describe('a certificate made elsewhere', () => {
  for (const [id, what, make] of good) {
    test(`${id}, ${what}, works for its client alone and only once it is registered`, async () => {
      const made = make();
      const partner = await aPartner();
      const other = await aPartner();
      expect(await outcomeWith(server, partner, made)).toBe('certificate_not_registered');
      expect(await uploadFor(server, partner, made.cert)).toMatchObject({ ok: true });
      expect(await outcomeWith(server, partner, made)).toBe(200);
      expect(await outcomeWith(server, other, made)).toBe('certificate_not_registered');
      expect(await uploadFor(server, other, made.cert)).toEqual({ ok: false, problem: 'registered-elsewhere' });
      expect(await outcomeWith(server, other, made)).toBe('certificate_not_registered');
    });
  }

  test('[CERT-22] that expires after it was registered is refused from that moment, with its tokens', async () => {
    const partner = await aPartnerWith(
      server,
      makeCertificate({ subject: '/O=Example', notAfter: start + 2 * hourMs }),
    );
    expect(await outcomeWith(server, partner)).toBe(200);
    const token = await aToken(server, partner);
    server.time.now = start + 3 * hourMs;
    expect(await outcomeWith(server, partner)).toBe('certificate_expired');
    expect(outcomeOf(await callPlayground(server, partner, token))).toBe('certificate_expired');
  });

  test('[CERT-23] that is not yet valid is registered ahead, and works from its first moment on', async () => {
    const validity = { notBefore: start + hourMs, notAfter: start + 48 * hourMs };
    const partner = await aPartnerWith(server, makeCertificate({ subject: '/O=Example', ...validity }));
    expect(await outcomeWith(server, partner)).toBe('certificate_not_yet_valid');
    server.time.now = start + 2 * hourMs;
    expect(await outcomeWith(server, partner)).toBe(200);
  });

  test('[CERT-24] that was revoked is refused with its tokens, and is never taken again', async () => {
    const made = makeCertificate({ subject: '/O=Example' });
    const partner = await aPartnerWith(server, made);
    const token = await aToken(server, partner);
    await endCertificate(server, partner.identity);
    expect(await outcomeWith(server, partner)).toBe('certificate_revoked');
    expect(outcomeOf(await callPlayground(server, partner, token))).toBe('certificate_revoked');
    expect(await uploadFor(server, partner, made.cert)).toEqual({ ok: false, problem: 'registered-and-revoked' });
    expect(await outcomeWith(server, partner)).toBe('certificate_revoked');
  });

  test('[CERT-19] overlaps with the next one, and runs out without a gap', async () => {
    const partner = await aPartnerWith(
      server,
      makeCertificate({ subject: '/O=Example', notAfter: start + 2 * hourMs }),
    );
    const next = makeCertificate({ subject: '/O=Example' });
    await uploadFor(server, partner, next.cert);
    const oldToken = await aToken(server, partner);
    expect(await outcomeWith(server, partner, next)).toBe(200);
    expect(outcomeOf(await callPlayground(server, partner, oldToken))).toBe(200);
    server.time.now = start + 3 * hourMs;
    expect(await outcomeWith(server, partner)).toBe('certificate_expired');
    expect(await outcomeWith(server, partner, next)).toBe(200);
  });
});

interface Refused {
  readonly what: string;
  readonly id: string;
  readonly problem: string;
  readonly make: (partner: TestClient, other: TestClient) => MadeCertificate;
}

const weak = (keyKind: KeyKind): Refused => ({
  what: `with a key of the kind ${keyKind}`,
  id: '[CERT-26]',
  problem: 'key-not-allowed',
  make: () => makeCertificate({ subject: '/O=Example', keyKind, extensions: forClients }),
});
const usage = (what: string, extendedKeyUsage: string, problem = 'usage-not-client'): Refused => ({
  what,
  id: '[CERT-25] [BIND-03]',
  problem,
  make: () => makeCertificate({ subject: '/O=Example', extensions: [`extendedKeyUsage = ${extendedKeyUsage}`] }),
});
/** A name that people, or programs that compare names loosely, take for that of another client. */
const named = (what: string, problem: string, nameOf: (otherId: string, ownId: string) => string): Refused => ({
  what,
  id: '[CERT-27] [RUN-11]',
  problem,
  make: (partner, other) => makeCertificate({ subject: nameOf(other.clientId, partner.clientId), issuer: authority }),
});

const refused: readonly Refused[] = [
  {
    what: 'that has expired',
    id: '[CERT-22]',
    problem: 'expired',
    make: () => makeCertificate({ subject: '/O=Example', notBefore: start - 48 * hourMs, notAfter: start - hourMs }),
  },
  usage('for servers only', 'serverAuth'),
  usage('for signing code only', 'codeSigning, emailProtection'),
  usage('for any use at all, which is no statement', 'anyExtendedKeyUsage'),
  ...(['rsa1024', 'rsa2047', 'rsaExponent3', 'p521', 'ed25519', 'secp256k1', 'explicitP256'] as const).map(weak),
  {
    what: 'that is an authority, signed by another',
    id: '[CERT-28]',
    problem: 'authority',
    make: () =>
      makeCertificate({
        subject: '/O=Example',
        issuer: authority,
        extensions: ['basicConstraints = critical, CA:TRUE'],
      }),
  },
  named('with the id of another client as its name', 'another-client-named', (other) => `/O=Example/CN=${other}`),
  named('with its own id and that of another client', 'several-common-names', (other, own) => `/CN=${own}/CN=${other}`),
  named(
    'with the id of another client behind a harmless name',
    'several-common-names',
    (other) => `/CN=www.example.com/CN=${other}`,
  ),
  named('with a Cyrillic letter in the id', 'another-client-named', (other) => `/CN=${other.replace('c', '\u0441')}`),
  named('with a space behind the id', 'another-client-named', (other) => `/CN=${other} `),
  named('with the id in capitals', 'another-client-named', (other) => `/CN=${other.toUpperCase()}`),
  named('with its own id in capitals', 'another-client-named', (_other, own) => `/CN=${own.toUpperCase()}`),
  named(
    'with letters of full width',
    'another-client-named',
    (other) => `/CN=${other.replace('cli', '\uff43\uff4c\uff49')}`,
  ),
  named(
    'with an invisible character in the id',
    'subject-not-usable',
    (other) => `/CN=${other.slice(0, 9)}\u200b${other.slice(9)}`,
  ),
];

describe('a certificate made elsewhere is not registered, with a reason,', () => {
  let partner: TestClient;
  let other: TestClient;
  beforeAll(async () => {
    partner = await aPartner();
    other = await aPartner();
  });

  for (const { what, id, problem, make } of refused) {
    test(`${id} ${what}, and gets no token for any client`, async () => {
      const made = make(partner, other);
      expect(await uploadFor(server, partner, made.cert)).toMatchObject({
        ok: false,
        problem,
        remedy: expect.stringMatching(/\S+ \S+/),
      });
      for (const client of [partner, other]) {
        expect(await outcomeWith(server, client, made)).toMatch(/^certificate_(not_registered|missing)$/);
      }
    });
  }

  const pasted: readonly (readonly [string, string, (made: MadeCertificate) => string])[] = [
    ['[PEM-01] as its private key', 'private-key', ({ key }) => key],
    ['[PEM-01] with its private key', 'private-key', ({ cert, key }) => cert + key],
    ['[PEM-02] as a request', 'certificate-request', ({ key }) => makeRequest({ subject: '/O=Example', key }).csr],
    ['[PEM-03] with its issuer', 'chain', ({ cert }) => cert + authority.cert],
    [
      '[PEM-04] without its first and last line',
      'headers-missing',
      ({ cert }) => cert.replaceAll(/-----.*-----\n/g, ''),
    ],
    ['[PEM-05] with text around it', 'text-around', ({ cert }) => `Bag Attributes\n    friendlyName: x\n${cert}`],
    ['[PEM-06] cut off', 'cut-off', ({ cert }) => cert.slice(0, 300)],
  ];
  for (const [what, problem, bend] of pasted) {
    test(what, async () => {
      const made = makeCertificate({ subject: '/O=Example' });
      expect(await uploadFor(server, partner, bend(made))).toMatchObject({ ok: false, problem });
      expect(await outcomeWith(server, partner, made)).toBe('certificate_not_registered');
    });
  }
});
