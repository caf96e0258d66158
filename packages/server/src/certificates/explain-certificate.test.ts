import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CertificateInspection,
  explainCertificate,
  type InspectionQuestion,
  type RegisteredRow,
} from './explain-certificate.js';
import { createOpenssl, type Openssl, opensslInstalled, opensslKeys, rsaKey } from './openssl-for-tests.js';

const clientId = `cli_${'0a'.repeat(16)}`;
const otherId = `cli_${'0b'.repeat(16)}`;
const dayMs = 86_400_000;
const madeAt = Date.now();
const now = madeAt + dayMs;

describe.skipIf(!opensslInstalled)('explaining a certificate made by openssl', () => {
  let openssl: Openssl;
  let pem: string;
  let der: Buffer;

  beforeAll(() => {
    openssl = createOpenssl();
    der = openssl.selfSigned('client', {
      subject: '/C=EE/O=Example Bank/CN=bank',
      extensions: ['extendedKeyUsage = clientAuth', 'subjectAltName = DNS:bank.example.com'],
    });
    pem = openssl.read('client.pem').toString();
  });
  afterAll(() => openssl.dispose());

  const row = (changes: Partial<RegisteredRow> = {}): RegisteredRow => ({
    id: `crt_${'1c'.repeat(16)}`,
    environment: 'production',
    clientId,
    name: 'blue',
    origin: 'uploaded',
    sha256: createHash('sha256').update(der).digest('hex'),
    subject: 'not read from here',
    issuer: 'not read from here',
    serialNumber: '00',
    keyType: 'ec-p256',
    notBefore: new Date(madeAt - dayMs),
    notAfter: new Date(madeAt + 30 * dayMs),
    pausedUntil: null,
    revokedAt: null,
    createdAt: new Date(madeAt),
    usesCountedSince: new Date(madeAt),
    clientRevokedAt: null,
    ...changes,
  });
  const foundAs = (...rows: RegisteredRow[]): InspectionQuestion => ({ lookUp: async () => rows, clientId, now });
  const namesOf = (checks: readonly { name: string; ok: boolean }[], ok: boolean) =>
    checks.filter((check) => check.ok === ok).map(({ name }) => name);

  const checksOf = ({ registrations }: CertificateInspection) => registrations.flatMap(({ checks }) => checks);

  it('shows what openssl reads in it', async () => {
    const { kind, facts } = await explainCertificate(pem, { now });
    const hex = openssl.run('x509', '-in', 'client.pem', '-noout', '-fingerprint', '-sha256');
    const sha256 = hex.trim().replace(/^.*=/, '').replaceAll(':', '').toLowerCase();
    const date = (which: string) =>
      new Date(openssl.run('x509', '-in', 'client.pem', '-noout', `-${which}`).replace(/^.*=/, ''));
    expect(kind).toBe('certificate');
    expect(facts).toEqual({
      subject: 'C=EE, O=Example Bank, CN=bank',
      issuer: 'C=EE, O=Example Bank, CN=bank',
      alternativeNames: 'DNS:bank.example.com',
      serialNumber: openssl.run('x509', '-in', 'client.pem', '-noout', '-serial').trim().replace('serial=', ''),
      keyType: 'ec-p256',
      notBefore: date('startdate'),
      notAfter: date('enddate'),
      sha256,
      thumbprint: Buffer.from(sha256, 'hex').toString('base64url'),
      extendedKeyUsage: ['1.3.6.1.5.5.7.3.2'],
      selfSigned: true,
      authority: false,
    });
  });

  it('asks for it by its SHA-256, and accepts what is registered to the client and in force', async () => {
    const asked: string[] = [];
    const lookUp = async (sha256: Buffer) => {
      asked.push(sha256.toString('hex'));
      return [row()];
    };
    const inspection = await explainCertificate(pem, { lookUp, clientId, now });
    expect(asked).toEqual([createHash('sha256').update(der).digest('hex')]);
    expect(inspection).toMatchObject({
      registrations: [
        {
          certificateId: row().id,
          clientId,
          name: 'blue',
          environment: 'production',
          origin: 'uploaded',
          accepted: true,
        },
      ],
      accepted: true,
      verdict: `It would be accepted for client ${clientId} of production.`,
    });
    expect(namesOf(inspection.checks, true)).toEqual(['readable', 'key', 'purpose', 'validity']);
    const order = ['registered', 'client in force', 'not revoked'];
    expect(namesOf(checksOf(inspection), true)).toEqual(order);
    expect(namesOf([...inspection.checks, ...checksOf(inspection)], false)).toEqual([]);
    expect(inspection.remedy).toBeUndefined();
  });

  it.each([
    ['revoked', { revokedAt: new Date(madeAt) }, 'certificate_revoked', ['not revoked']],
    ['paused', { pausedUntil: new Date(now + 1) }, 'certificate_paused', ['not revoked']],
    ['not yet valid', { notBefore: new Date(now + 1) }, 'certificate_not_yet_valid', []],
    ['over', { notAfter: new Date(now) }, 'certificate_expired', []],
  ])('says which refusal one gets that is %s, and what to do', async (_state, changes, code, failed) => {
    const inspection = await explainCertificate(pem, foundAs(row(changes)));
    expect(inspection.accepted).toBe(false);
    const verdict = `^It would be refused for client ${clientId} of production with ${code}: certificate crt_.*\\.$`;
    expect(inspection.verdict).toMatch(new RegExp(verdict));
    expect(inspection.remedy).toMatch(/^[A-Z].*\.$/);
    expect(namesOf(checksOf(inspection), false)).toEqual(failed);
  });

  it('refuses one of a revoked client as the token endpoint does: for the client, whatever the certificate is', async () => {
    for (const revokedAt of [null, new Date(madeAt)]) {
      const inspection = await explainCertificate(pem, foundAs(row({ clientRevokedAt: new Date(madeAt), revokedAt })));
      expect(inspection).toMatchObject({ accepted: false, remedy: expect.stringContaining('clients create') });
      expect(inspection.verdict).toMatch(/ with client_revoked: client cli_.*, revoked at /);
      expect(namesOf(checksOf(inspection), false)).toContain('client in force');
    }
  });

  it('accepts one again whose pause is over', async () => {
    expect(await explainCertificate(pem, foundAs(row({ pausedUntil: new Date(now) })))).toMatchObject({
      accepted: true,
    });
  });

  it('refuses one for a client that it is not registered to, and names the one it is', async () => {
    const inspection = await explainCertificate(pem, foundAs(row({ clientId: otherId })));
    expect(inspection).toMatchObject({ accepted: false, registrations: [{ clientId: otherId }] });
    expect(inspection.verdict).toContain(`registered to client ${otherId} of production`);
    expect(namesOf(checksOf(inspection), false)).toEqual(['registered']);
  });

  it('explains each row when both environments have the certificate, or that of the client that is asked about', async () => {
    const rows = [row({ clientId: otherId, environment: 'sandbox', revokedAt: new Date(madeAt) }), row()];
    const asked = await explainCertificate(pem, foundAs(...rows));
    expect(asked).toMatchObject({ accepted: true, registrations: [{ clientId }] });
    expect(asked.registrations).toHaveLength(1);

    const both = await explainCertificate(pem, { lookUp: async () => rows, now });
    expect(both).toMatchObject({
      accepted: true,
      registrations: [
        { environment: 'sandbox', accepted: false },
        { environment: 'production', accepted: true },
      ],
      remedy: expect.stringContaining('A revocation is final'),
    });
    expect(both.verdict).toMatch(
      /refused for client .* of sandbox with certificate_revoked.* accepted for client .* of production/,
    );

    const third = await explainCertificate(pem, { ...foundAs(...rows), clientId: `cli_${'0c'.repeat(16)}` });
    expect(third).toMatchObject({ accepted: false, registrations: [{ clientId }] });
    expect(third.registrations, 'one that was revoked elsewhere keeps nobody from it').toHaveLength(1);
  });

  it('says of an unregistered one whether it can be uploaded', async () => {
    const good = await explainCertificate(pem, foundAs());
    expect(good).toMatchObject({ accepted: false, verdict: expect.stringContaining('it can be registered') });
    expect(good.checks.at(-1)).toEqual({ name: 'upload', ok: true, detail: 'can be registered as it is' });

    openssl.selfSigned('server', { subject: '/CN=bank', extensions: ['extendedKeyUsage = serverAuth'] });
    const bad = await explainCertificate(openssl.read('server.pem').toString(), foundAs());
    expect(bad).toMatchObject({ accepted: false, verdict: expect.stringContaining('it can not be registered') });
    expect(bad.remedy).toContain('clientAuth');
    expect(namesOf(bad.checks, false)).toEqual(['purpose', 'registered', 'upload']);
  });

  it('judges by what it can see when nobody can be asked who has it', async () => {
    const inspection = await explainCertificate(pem, { now });
    expect(inspection).toMatchObject({ accepted: true, verdict: expect.stringContaining('was not looked up') });
    expect(inspection.checks.map(({ name }) => name)).not.toContain('registered');
    expect(await explainCertificate(pem, { now: now + 400 * dayMs })).toMatchObject({ accepted: false });
  });

  it('shows each thing that is wrong', async () => {
    openssl.selfSigned('poor', {
      key: rsaKey(1024),
      subject: '/CN=bank',
      extensions: ['extendedKeyUsage = serverAuth'],
    });
    const poor = openssl.read('poor.pem').toString();
    const inspection = await explainCertificate(poor, { ...foundAs(), now: now + 40 * dayMs });
    expect(namesOf(inspection.checks, false)).toEqual(['key', 'purpose', 'validity', 'registered', 'upload']);
    const early = await explainCertificate(pem, { ...foundAs(), now: madeAt - dayMs });
    expect(early.checks.find(({ name }) => name === 'validity')?.detail).toMatch(/^not yet: /);
  });

  it('takes the first of a chain and names the others', async () => {
    openssl.selfSigned('ca', { subject: '/CN=Some CA', extensions: ['basicConstraints = CA:TRUE'] });
    openssl.issued('leaf', 'ca', { subject: '/CN=leaf' });
    const chain = openssl.read('leaf.pem').toString() + openssl.read('ca.pem').toString();
    const { facts, checks } = await explainCertificate(chain, { now });
    expect(facts).toMatchObject({ subject: 'CN=leaf', issuer: 'CN=Some CA', selfSigned: false });
    expect(checks[0]).toEqual({
      name: 'readable',
      ok: true,
      detail: 'the first of 2 certificates; behind it "CN=Some CA"',
    });
  });

  it('takes a binary file as it is', async () => {
    expect(await explainCertificate(der, { now })).toMatchObject({
      facts: { subject: 'C=EE, O=Example Bank, CN=bank' },
    });
  });

  it('says of a certificate request what would become of it', async () => {
    const csr = openssl.request('request', { subject: '/C=EE/O=Example Bank/CN=whatever' });
    const inspection = await explainCertificate(csr, foundAs());
    expect(inspection).toMatchObject({
      kind: 'certificate-request',
      request: { subject: 'C=EE, O=Example Bank, CN=whatever', keyType: 'ec-p256' },
      accepted: true,
    });
    expect(inspection.verdict).toContain('the organisation "Example Bank" and the country EE would be kept');
    expect(inspection.facts).toBeUndefined();
  });

  it('says why a certificate request would not be signed', async () => {
    const weak = openssl.request('weak', { subject: '/O=Bank', key: opensslKeys.p521 });
    expect(await explainCertificate(weak, { now })).toMatchObject({
      accepted: false,
      request: { keyType: 'ec-p521' },
      remedy: expect.stringContaining('Make a new key'),
    });
    const nameless = openssl.request('nameless', { subject: '/CN=a\u{1b}b' });
    const inspection = await explainCertificate(nameless, { now });
    expect(namesOf(inspection.checks, true)).toEqual(['readable', 'key']);
    expect(inspection).toMatchObject({ accepted: false, remedy: expect.stringContaining('organisation') });
    expect(inspection.request?.subject).not.toContain('\u{1b}');
  });

  it('says what else something is, and repeats nothing of a private key', async () => {
    const key = openssl.read('client.key').toString();
    const inspection = await explainCertificate(key, foundAs());
    expect(inspection).toMatchObject({
      kind: 'other',
      accepted: false,
      checks: [{ name: 'readable', ok: false, detail: 'private-key' }],
      remedy: expect.stringContaining('compromised'),
    });
    for (const line of key.trim().split('\n').slice(1, -1)) expect(JSON.stringify(inspection)).not.toContain(line);
    for (const other of ['', 'hello', new Uint8Array(), new Uint8Array(100)]) {
      expect(await explainCertificate(other, foundAs())).toMatchObject({ kind: 'other', remedy: expect.any(String) });
    }
  });

  it('says of a damaged certificate that it can not be read', async () => {
    const damaged = Buffer.from(der);
    damaged.fill(0xff, damaged.indexOf('Example Bank') - 2, damaged.indexOf('Example Bank'));
    const text = `-----BEGIN CERTIFICATE-----\n${damaged.toString('base64')}\n-----END CERTIFICATE-----\n`;
    expect(await explainCertificate(text, foundAs())).toMatchObject({ kind: 'other', accepted: false });
  });
});
