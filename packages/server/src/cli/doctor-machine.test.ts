import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createAuthority } from '../certificates/certificate-authority.js';
import { type SignedServerCertificate, signServerCertificate } from '../certificates/sign-server-certificate.js';
import { settingsSchema } from '../platform/config/settings.js';
import { checkDisk, checkFitToServe, checkServerCertificates, judgeDisk, judgeOpenFiles } from './doctor-machine.js';

const databaseUrl = 'postgresql://localhost/tollward';
const embedded = settingsSchema.parse({});
const onPostgres = settingsSchema.parse({ databaseUrl });
const mebibyte = 1024 * 1024;

describe('doctor judges the machine', () => {
  it.each([
    [255, 'fail'],
    [256, 'warn'],
    [1_023, 'warn'],
    [1_024, 'ok'],
  ])('%i MiB of free disk: %s', (free, result) => {
    expect(judgeDisk(free * mebibyte).result).toBe(result);
  });

  it('measures the disk of a data directory that is not there yet, and none where PostgreSQL keeps the data', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'doctor-'));
    const [measured] = await checkDisk({ ...embedded, dataDir: folder });
    const [expected] = await checkDisk({ ...embedded, dataDir: join(folder, 'not', 'there') });
    await rm(folder, { recursive: true });
    expect(measured?.name).toBe('disk space');
    expect(expected?.name).toBe('disk space');
    expect(await checkDisk(onPostgres)).toEqual([]);
  });

  it('warns of few open files in production, where they become refused connections', () => {
    expect(judgeOpenFiles(1_024, embedded).result).toBe('ok');
    expect(judgeOpenFiles(1_024, onPostgres)).toMatchObject({ result: 'warn', detail: expect.stringContaining('128') });
    expect(judgeOpenFiles(65_536, onPostgres).result).toBe('ok');
  });
});

describe('doctor judges the settings of a node', () => {
  it('leaves those of the embedded database alone', () => {
    expect(checkFitToServe(embedded, ['TOLLWARD_SANDBOX_UPSTREAM must be set'])).toEqual([]);
  });

  it('names each that "serve" would miss', () => {
    const warned = checkFitToServe(onPostgres, ['TOLLWARD_SANDBOX_UPSTREAM must be set']);
    expect(warned.map(({ remedy }) => remedy?.split(' ')[0])).toEqual([
      'TOLLWARD_MASTER_KEY',
      'TOLLWARD_SANDBOX_API_URL',
      'TOLLWARD_SANDBOX_MTLS_URL',
      'TOLLWARD_PRODUCTION_API_URL',
      'TOLLWARD_PRODUCTION_MTLS_URL',
      'TOLLWARD_SANDBOX_UPSTREAM',
    ]);
    expect(new Set(warned.map(({ result }) => result))).toEqual(new Set(['warn']));
    const masterKey = Buffer.alloc(32).toString('base64');
    const meant = checkFitToServe(settingsSchema.parse({ databaseUrl, masterKey }), []);
    expect(new Set(meant.map(({ result }) => result))).toEqual(new Set(['fail']));
    const complete = {
      sandboxApiUrl: 'https://api.sandbox.example.com',
      sandboxMtlsUrl: 'https://mtls.sandbox.example.com',
      environment: 'sandbox',
    };
    expect(checkFitToServe(settingsSchema.parse({ databaseUrl, masterKey, ...complete }), [])).toMatchObject([
      { result: 'ok' },
    ]);
  });
});

describe('doctor judges server certificates', () => {
  const now = Date.UTC(2026, 8, 14, 12);
  const dayMs = 86_400_000;
  let signed: SignedServerCertificate;
  let endsAt: number;
  beforeAll(async () => {
    const authority = await createAuthority({ environment: 'sandbox', kind: 'platform', now });
    signed = await signServerCertificate({ authority, hosts: ['api.example.com', 'mtls.example.com'], now });
    endsAt = Date.parse(new X509Certificate(signed.chainPem).validTo);
  });
  const check = (changes: Record<string, string>, at = now) =>
    checkServerCertificates(
      settingsSchema.parse({
        environment: 'sandbox',
        sandboxApiUrl: 'https://api.example.com',
        sandboxMtlsUrl: 'https://mtls.example.com:8444',
        sandboxServerCertificate: signed.chainPem,
        sandboxServerKey: signed.keyPem,
        ...changes,
      }),
      at,
    );

  it('looks at none where the platform authority signs them', async () => {
    expect(await checkServerCertificates(embedded, now)).toEqual([]);
  });

  it('warns 30 days before one ends and fails 7 days before', async () => {
    const resultsAt = async (at: number) => (await check({}, at)).map(({ result }) => result);
    expect(await resultsAt(now)).toEqual(['ok']);
    expect(await resultsAt(endsAt - 29 * dayMs)).toEqual(['warn']);
    expect(await resultsAt(endsAt - 6 * dayMs)).toEqual(['fail']);
    expect(await resultsAt(endsAt)).toEqual(['fail']);
    expect(await resultsAt(now - dayMs)).toEqual(['fail']);
    expect((await check({}, endsAt - 6.5 * dayMs))[0]?.detail).toMatch(/^ends in 6 days, valid until 20/);
  });

  it('names the public hosts that one is not good for', async () => {
    const checks = await check({ sandboxMtlsUrl: 'https://other.example.com' });
    expect(checks.map(({ result }) => result)).toEqual(['ok', 'fail']);
    expect(checks[1]?.detail).toContain('other.example.com');
  });

  it('fails for a key of another certificate, and repeats none of it', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const sandboxServerKey = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const checks = await check({ sandboxServerKey });
    expect(checks).toMatchObject([{ result: 'fail', remedy: expect.stringContaining('TOLLWARD_SANDBOX_SERVER_KEY') }]);
    expect(JSON.stringify(checks)).not.toContain(sandboxServerKey.split('\n')[1]);
  });
});
