// How many certificates a client may have, how one follows another, and what partners trust us by.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  aClient,
  addCertificate,
  askManagement,
  aToken,
  call,
  callPlayground,
  describeClient,
  endCertificate,
  endClient,
  identityOf,
  issueFor,
  pauseCertificateOf,
  type TestClient,
  uploadFor,
} from '@tollward/server/testing';
import { describe, expect, test } from 'vitest';
import { portOf } from './support/connection.js';
import { makeCertificate, makeRequest, printCertificate } from './support/openssl.js';
import { outcomeOf, outcomeWith } from './support/outcome.js';
import { startSharedServer } from './support/shared-server.js';

const hourMs = 3_600_000;
const { server, start } = await startSharedServer();

const add = async (client: TestClient, name?: string, notAfter = start + 48 * hourMs) => {
  const { cert } = makeCertificate({ subject: '/O=Example', notAfter });
  return uploadFor(server, client, cert, name === undefined ? {} : { name });
};
const issue = (client: TestClient, name?: string) =>
  issueFor(server, client, makeRequest({ subject: '/O=Example' }).csr, name === undefined ? {} : { name });

describe('a client', () => {
  test('[CERT-37] has at most ten active certificates, uploaded and issued ones together; revoked and expired ones do not count', async () => {
    const client = await aClient(server, { withCertificate: false });
    const first = await issue(client);
    for (let count = 2; count <= 5; count += 1) expect(await issue(client)).toMatchObject({ ok: true });
    for (let count = 6; count <= 9; count += 1) expect(await add(client)).toMatchObject({ ok: true });
    expect(await add(client, undefined, start + hourMs)).toMatchObject({ ok: true });
    expect(await issue(client)).toEqual({ ok: false, problem: 'too-many' });
    expect(await add(client)).toEqual({ ok: false, problem: 'too-many' });

    if (first.ok) await endCertificate(server, first);
    expect(await issue(client)).toMatchObject({ ok: true });
    expect(await add(client)).toEqual({ ok: false, problem: 'too-many' });
    server.time.now = start + 2 * hourMs;
    expect(await add(client)).toMatchObject({ ok: true });
    expect(await issue(client)).toEqual({ ok: false, problem: 'too-many' });
    expect(await issue(await aClient(server))).toMatchObject({ ok: true });
  });

  test('[CERT-14] has no two certificates of one name, also when the other was revoked; another client may have it', async () => {
    const client = await aClient(server);
    const first = await issue(client, 'production 2026');
    expect(await issue(client, 'production 2026')).toEqual({ ok: false, problem: 'name-taken' });
    expect(await add(client, 'production 2026')).toEqual({ ok: false, problem: 'name-taken' });
    if (first.ok) await endCertificate(server, first);
    expect(await issue(client, 'production 2026')).toEqual({ ok: false, problem: 'name-taken' });
    expect(await issue(await aClient(server), 'production 2026')).toMatchObject({ ok: true });
  });

  test('[CERT-18] changes to its second certificate without a failed call: old tokens live until the old one is revoked', async () => {
    const client = await aClient(server);
    const old = identityOf(client);
    const oldToken = await aToken(server, client);
    const next = await addCertificate(server, client);
    const nextToken = await aToken(server, client, { identity: next });
    expect(outcomeOf(await callPlayground(server, client, oldToken))).toBe(200);
    expect(outcomeOf(await callPlayground(server, client, nextToken, { identity: next }))).toBe(200);
    await endCertificate(server, old);
    expect(outcomeOf(await callPlayground(server, client, oldToken))).toBe('certificate_revoked');
    expect(outcomeOf(await callPlayground(server, client, nextToken, { identity: next }))).toBe(200);
    expect([await outcomeWith(server, client, old), await outcomeWith(server, client, next)]).toEqual([
      'certificate_revoked',
      200,
    ]);
  });

  test('[CERT-33] finds out who still uses the old one by a pause: it is refused for a while, and works again afterwards', async () => {
    const client = await aClient(server);
    const old = identityOf(client);
    const next = await addCertificate(server, client);
    const token = await aToken(server, client);
    await pauseCertificateOf(server, old, 60);
    expect([await outcomeWith(server, client), await outcomeWith(server, client, next)]).toEqual([
      'certificate_paused',
      200,
    ]);
    expect(outcomeOf(await callPlayground(server, client, token))).toBe('certificate_paused');
    const { certificates } = await describeClient(server, client);
    const { certificateId } = old;
    expect(certificates.find(({ id }) => id === certificateId)?.uses).toMatchObject([
      { address: '127.0.0.1', certificateId, refused: 2 },
    ]);
    server.time.now = start + 60_000;
    expect(await outcomeWith(server, client)).toBe(200);
    expect(outcomeOf(await callPlayground(server, client, token))).toBe(200);
  });

  test('[CERT-34] sees who uses which certificate, and retires one only if nobody would notice', async () => {
    const client = await aClient(server);
    const { certificateId } = identityOf(client);
    await outcomeWith(server, client);
    const revoke = (quietSeconds: number) => {
      const path = `/certificates/${certificateId}/revocation`;
      return askManagement(server, { method: 'POST', path, body: { quietSeconds } });
    };
    server.time.now = start + hourMs;
    const refused = await revoke(3_601);
    expect(refused.status).toBe(409);
    expect(refused.text).toContain(new Date(start).toISOString());
    expect(await outcomeWith(server, client)).toBe(200);
    server.time.now = start + 3 * hourMs;
    expect((await revoke(3_600)).status).toBe(200);
    expect(await outcomeWith(server, client)).toBe('certificate_revoked');
  });

  test('[CERT-35] is served alike on both hosts: same paths, headers, token and answer', async () => {
    const client = await aClient(server, { mtlsRequired: false, withCertificate: false });
    const token = await aToken(server, client, { listener: 'api' });
    for (const listener of ['api', 'api-mtls'] as const) {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await call(server, { listener, path: '/v1/authenticated/playground', headers });
      expect([answer.status, answer.json['clientId']]).toEqual([200, client.clientId]);
    }
  });
});

test('[CERT-38] a certificate can be looked at and fetched again, as it was given out', async () => {
  const client = await aClient(server);
  const { certificateId, cert } = identityOf(client);
  const shown = await askManagement(server, { method: 'GET', path: `/certificates/${certificateId}` });
  const { pem, certificate }: { pem: string; certificate: { sha256: string; state: string } } = JSON.parse(shown.text);
  const fingerprint = printCertificate(cert, '-fingerprint', '-sha256').replace(/^.*=/, '');
  expect(printCertificate(pem, '-fingerprint', '-sha256')).toContain(fingerprint);
  expect(certificate).toMatchObject({ state: 'in force', sha256: fingerprint.replaceAll(':', '').toLowerCase() });
});

test('[CERT-39] an inspection says of each certificate what the token endpoint says, and what to do', async () => {
  const client = await aClient(server);
  const stranger = await aClient(server);
  const [first, second, third] = [
    await addCertificate(server, client),
    await addCertificate(server, client),
    await addCertificate(server, client),
  ];
  const short = makeCertificate({ subject: '/O=Example', notAfter: start + hourMs });
  await uploadFor(server, client, short.cert);
  await endCertificate(server, first);
  await pauseCertificateOf(server, second, 3_600 * 10);
  server.time.now = start + 2 * hourMs;
  const outcomes: unknown[] = [];
  const compare = async (identity: { readonly cert: string; readonly key: string }): Promise<void> => {
    const body = { text: identity.cert, clientId: client.clientId };
    const { text } = await askManagement(server, { method: 'POST', path: '/certificates/inspection', body });
    const told: { accepted: boolean; verdict: string; remedy?: string } = JSON.parse(text);
    const outcome = await outcomeWith(server, client, identity);
    expect(told.accepted).toBe(outcome === 200);
    if (!told.accepted) expect(told.remedy).toMatch(/^[A-Z].*\.$/);
    if (identity !== stranger.identity && outcome !== 200) expect(told.verdict).toContain(outcome);
    outcomes.push(outcome);
  };
  for (const identity of [identityOf(client), third, first, second, short, identityOf(stranger)])
    await compare(identity);
  await endClient(server, client);
  await compare(third);
  expect(outcomes).toEqual([
    200,
    200,
    'certificate_revoked',
    'certificate_paused',
    'certificate_expired',
    'certificate_not_registered',
    'client_revoked',
  ]);
});

test('[CERT-36] the certificate we give for trust stores is what openssl and TLS clients accept our hosts by', async () => {
  const shown = await askManagement(server, { method: 'GET', path: '/environments/sandbox/platform-chain' });
  const chain: { certificates: { role: string; pem: string; sha256: string }[] } = JSON.parse(shown.text);
  const [root, issuing] = chain.certificates;
  if (root === undefined || issuing === undefined) throw new Error('the chain is short');
  expect([root.role, issuing.role]).toEqual(['root', 'issuing']);
  for (const { pem, sha256 } of [root, issuing]) {
    expect(printCertificate(pem, '-fingerprint', '-sha256')).toMatch(new RegExp(`Fingerprint=${sha256}$`));
  }
  const directory = mkdtempSync(join(tmpdir(), 'tollward-conformance-'));
  try {
    const verify = async (trusted: string, port: number): Promise<string> => {
      const file = join(directory, 'trusted.pem');
      writeFileSync(file, trusted);
      const target = ['-connect', `127.0.0.1:${port}`, '-verify_hostname', 'localhost', '-CAfile', file, '-no-CApath'];
      const running = promisify(execFile)('openssl', ['s_client', ...target]);
      running.child.stdin?.end();
      return /Verify return code: .*/.exec((await running).stdout)?.[0] ?? 'none';
    };
    for (const listener of ['api', 'api-mtls'] as const) {
      expect(await verify(root.pem, portOf(server, { listener }))).toBe('Verify return code: 0 (ok)');
    }
    expect(await verify(root.pem, portOf(server, { environment: 'production' }))).not.toContain('(ok)');
    const other = makeCertificate({
      subject: '/O=Somebody Else',
      extensions: ['basicConstraints = critical, CA:TRUE'],
    });
    expect(await verify(other.cert, portOf(server, {}))).not.toContain('(ok)');
  } finally {
    rmSync(directory, { recursive: true });
  }
});
