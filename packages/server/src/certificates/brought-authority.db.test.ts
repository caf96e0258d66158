// A server whose operator brought the partner authority of one environment.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePem } from '@tollward/protocol/pem';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  aClient,
  askManagement,
  aToken,
  callPlayground,
  issueFor,
  openDatabaseIn,
  requestToken,
  startTestServer,
  type TestServer,
  uploadFor,
} from '../testing/index.js';
import { identityOf } from '../testing/test-client.js';
import { BroughtAuthorityError } from './brought-authority.js';
import { createAuthority } from './certificate-authority.js';
import { createClientKeyAndCsr } from './create-client-key.js';
import { createOpenssl, type Openssl, opensslInstalled, rsaKey } from './openssl-for-tests.js';

const dayMs = 86_400_000;

describe.skipIf(!opensslInstalled)('a server with a brought partner authority', () => {
  let openssl: Openssl;
  let server: TestServer;
  const extensions = ['basicConstraints = critical,CA:TRUE', 'keyUsage = critical,keyCertSign'];
  const read = (file: string) => openssl.read(file).toString();
  const sha256Of = (name: string) => {
    const fingerprint = openssl.run('x509', '-in', `${name}.pem`, '-noout', '-fingerprint', '-sha256');
    return fingerprint.trim().replace(/^.*=/, '').replaceAll(':', '').toLowerCase();
  };

  beforeAll(async () => {
    openssl = createOpenssl();
    openssl.selfSigned('root', { subject: '/CN=Bank Root CA', days: 900, extensions });
    openssl.issued('issuing', 'root', { subject: '/CN=Bank Issuing CA', days: 800, key: rsaKey(3072), extensions });
    server = await startTestServer({
      settings: {
        productionPartnerCaCertificate: read('issuing.pem') + read('root.pem'),
        productionPartnerCaKey: read('issuing.key'),
      },
    });
  });
  afterAll(async () => {
    await server.stop();
    openssl.dispose();
  });

  test('signs by it what partners get, and lets them in with that', async () => {
    const client = await aClient(server, { environment: 'production' });
    openssl.write('client.pem', identityOf(client).cert);
    const chain = ['-untrusted', 'client.pem', '-purpose', 'sslclient'];
    expect(openssl.run('verify', '-CAfile', 'root.pem', ...chain, 'client.pem')).toBe('client.pem: OK\n');
    expect((await callPlayground(server, client, await aToken(server, client))).status).toBe(200);
  });

  test('keeps its own authority in the other environment', async () => {
    openssl.write('sandbox.pem', identityOf(await aClient(server)).cert);
    expect(openssl.run('x509', '-in', 'sandbox.pem', '-noout', '-issuer')).toContain('Tollward Sandbox Partner');
  });

  test('says in its log which authority that is, and nothing of its key', () => {
    const sha256 = sha256Of('issuing');
    const lines = server.logLines.map((line): unknown => JSON.parse(line));
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'info', environment: 'production', sha256, subject: 'CN=Bank Issuing CA' }),
    );
    for (const line of read('issuing.key').trim().split('\n').slice(1, -1)) {
      expect(server.logLines.join('\n')).not.toContain(line);
    }
  });

  const broughtBy = async ({ core }: TestServer): Promise<string[]> => {
    const entries = core.database.read((tx) =>
      tx
        .selectFrom('audit_entries')
        .select(['subject', 'environment'])
        .where('action', '=', 'certificate_authority.brought')
        .orderBy('id')
        .execute(),
    );
    return (await entries).map(({ environment, subject }) => `${environment} ${subject}`);
  };

  test('is in the audit with its SHA-256, once for as long as it is the same one', async () => {
    openssl.selfSigned('other', { subject: '/CN=Other CA', days: 800, extensions });
    const directory = await mkdtemp(join(tmpdir(), 'tollward-brought-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const subjects: string[] = [];
    for (const name of ['root', 'root', 'other', 'root']) {
      const settings = { sandboxPartnerCaCertificate: read(`${name}.pem`), sandboxPartnerCaKey: read(`${name}.key`) };
      const started = await startTestServer({ database: await openDatabaseIn(directory), settings });
      subjects.splice(0, subjects.length, ...(await broughtBy(started)));
      await started.stop();
    }
    const [root, other] = ['root', 'other'].map((name) => `sandbox partner ${sha256Of(name)}`);
    expect(subjects).toEqual([root, other, root]);
  }, 60_000);

  /** A server whose authority was made so many days from now, and lasts ten years. */
  const startWithOneMade = async (inDays: number): Promise<TestServer> => {
    const now = Date.now() + inDays * dayMs;
    const authority = await createAuthority({ environment: 'sandbox', kind: 'partner', now });
    const started = await startTestServer({
      settings: {
        sandboxPartnerCaCertificate: authority.issuingCertificatePem + authority.rootCertificatePem,
        sandboxPartnerCaKey: encodePem('PRIVATE KEY', authority.issuingKeyPkcs8),
      },
    });
    onTestFinished(() => started.stop());
    return started;
  };

  test.each([
    ['in its last 30 days', -3_652 + 20, 'warn', 'ends soon'],
    ['that is over', -3_652, 'error', 'is not valid now'],
    ['that is not yet valid', 10, 'error', 'is not valid now'],
  ])('starts with one %s, and says so in its log', async (_state, inDays, level, msg) => {
    const { logLines } = await startWithOneMade(inDays);
    const lines = logLines.map((line): unknown => JSON.parse(line));
    const line = { level, environment: 'sandbox', msg: expect.stringMatching(`^the brought authority ${msg}`) };
    expect(lines).toContainEqual(expect.objectContaining(line));
  });

  test('issues nothing by one that is over, and does everything else', async () => {
    const started = await startWithOneMade(-3_652);
    const client = await aClient(started, { withCertificate: false });
    const { csrPem } = await createClientKeyAndCsr({ organisation: 'Example' });
    expect(await issueFor(started, client, csrPem)).toEqual({ ok: false, problem: 'partner-authority-not-valid' });
    for (const [path, body] of [
      [`/clients/${client.clientId}/issued-certificates`, { name: 'next', csr: csrPem }],
      ['/clients', { environment: 'sandbox', organisation: 'New', name: 'new', csr: csrPem }],
    ] as const) {
      const answer = await askManagement(started, { method: 'POST', path, body });
      expect([answer.status, JSON.parse(answer.text)]).toEqual([
        409,
        expect.objectContaining({
          code: 'partner_authority_not_valid',
          detail: expect.stringContaining('TOLLWARD_SANDBOX_PARTNER_CA_CERTIFICATE'),
        }),
      ]);
    }
    openssl.selfSigned('own', { subject: '/O=Example', days: 90 });
    started.time.now = Date.now() + 1_000;
    expect(await uploadFor(started, client, read('own.pem'))).toMatchObject({ ok: true });
    const identity = { cert: read('own.pem'), key: read('own.key') };
    expect((await requestToken(started, client, { identity })).status).toBe(200);
  });

  test('does not start with one that can not be used', async () => {
    const settings = { sandboxPartnerCaCertificate: read('issuing.pem'), sandboxPartnerCaKey: read('root.key') };
    await expect(startTestServer({ settings })).rejects.toThrow(
      new BroughtAuthorityError(
        'The partner CA of sandbox can not be used: the key does not belong to the first certificate.',
      ),
    );
  });
});
