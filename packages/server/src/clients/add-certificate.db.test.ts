// How a client gets a certificate, issued or uploaded, on both engines.

import { createHash, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type AcceptedCsr,
  type AcceptedUpload,
  createClientKeyAndCsr,
  decideCertificateUpload,
  decideCsr,
  revokeCertificate,
} from '../certificates/index.js';
import { openTestCapabilities, type TestCapabilities } from '../testing/capabilities.js';
import { describeOnEachEngine } from '../testing/database.js';
import { somePeer } from '../testing/facts.js';
import { issueClientCertificate, uploadClientCertificate } from './add-certificate.js';
import { revokeClient } from './revoke-client.js';
import { showCertificate, showClient } from './show-clients.js';

const dayMs = 24 * 3_600_000;

async function aRequest(): Promise<AcceptedCsr> {
  const decision = await decideCsr((await createClientKeyAndCsr({ organisation: 'Example' })).csrPem);
  if (!decision.ok) throw new Error(decision.remedy);
  return decision.csr;
}

describeOnEachEngine('certificates of a client', (open) => {
  let capabilities: TestCapabilities;
  /** One request serves all tests that do not look at its key: every certificate of it is another one. */
  let csr: AcceptedCsr;
  beforeAll(async () => {
    capabilities = await openTestCapabilities(await open());
    csr = await aRequest();
  });

  const issue = (clientId: string, name: string) =>
    issueClientCertificate({ clientId, name, csr, actor: 'operator' }, capabilities.time.now, capabilities);
  const issued = async (clientId: string, name: string) => {
    // Lists are in the order of creation, so no two are made at the same moment.
    await capabilities.passTime(1);
    const result = await issue(clientId, name);
    if (!result.ok) throw new Error(result.problem);
    return { ...result.certificate, thumbprint: Buffer.from(result.certificate.sha256, 'hex').toString('base64url') };
  };
  const upload = (clientId: string, name: string, accepted: AcceptedUpload) =>
    uploadClientCertificate(
      { clientId, name, upload: accepted, actor: 'operator' },
      capabilities.time.now,
      capabilities,
    );
  const anUpload = async (): Promise<AcceptedUpload> => {
    const decision = decideCertificateUpload(
      await capabilities.aForeignCertificate(),
      `cli_${'0'.repeat(32)}`,
      capabilities.time.now,
    );
    if (!decision.ok) throw new Error(decision.remedy);
    return decision.upload;
  };
  const revoke = (certificateId: string) =>
    revokeCertificate({ certificateId, actor: 'operator' }, capabilities.time.now, capabilities);
  const overMtls = { mtlsRequired: true };

  describe('adding one', () => {
    test('an issued one is usable at once, by its request key and for this client', async () => {
      const { clientId, secret } = await capabilities.makeClient('issued', overMtls);
      const peer = somePeer('unknown yet');
      expect(await capabilities.outcomeOf(clientId, secret, { peer: null })).toBe('certificate_missing');
      const result = await issueClientCertificate(
        { clientId, name: 'first', csr, actor: 'operator' },
        capabilities.time.now,
        capabilities,
      );
      if (!result.ok) throw new Error(result.problem);
      const { certificate, chainPem = '' } = result;
      const { raw, subject } = new X509Certificate(chainPem);
      expect(certificate).toMatchObject({
        clientId,
        environment: 'sandbox',
        name: 'first',
        origin: 'issued',
        state: 'in force',
        sha256: createHash('sha256').update(raw).digest('hex'),
        revokedAt: null,
        pausedUntil: null,
      });
      expect(subject).toContain(`CN=${clientId}`);
      const thumbprint = createHash('sha256').update(raw).digest('base64url');
      expect(await capabilities.outcomeOf(clientId, secret, { peer: { ...peer, thumbprint } })).toBe('token');
      expect(await capabilities.auditOf(certificate.id)).toEqual([
        {
          action: 'certificate.issued',
          details: { clientId, sha256: certificate.sha256, notAfter: certificate.notAfter.toISOString() },
        },
      ]);
    });

    test('an uploaded one is usable at once, and says where it came from', async () => {
      const { clientId, secret } = await capabilities.makeClient('uploaded', overMtls);
      const accepted = await anUpload();
      const result = await upload(clientId, 'pinned', accepted);
      expect(result).toMatchObject({
        ok: true,
        certificate: { origin: 'uploaded', name: 'pinned', state: 'in force' },
      });
      expect(result, 'it has no issuer of ours to hand out').not.toHaveProperty('chainPem');
      const peer = somePeer(accepted.facts.thumbprint);
      expect(await capabilities.outcomeOf(clientId, secret, { peer })).toBe('token');
      const certificateId = result.ok ? result.certificate.id : '';
      expect(await capabilities.auditOf(certificateId)).toMatchObject([{ action: 'certificate.uploaded' }]);
      const shown = await showCertificate(
        certificateId,
        { now: capabilities.time.now, quietSeconds: 60 },
        capabilities,
      );
      expect(shown?.pem).toBe(accepted.pem);
    });

    test('the same one belongs to one client only, and once', async () => {
      const [first, second] = [
        await capabilities.makeClient('owner', overMtls),
        await capabilities.makeClient('not the owner', overMtls),
      ];
      const accepted = await anUpload();
      const registered = await upload(first.clientId, 'mine', accepted);
      expect(registered).toMatchObject({ ok: true });
      expect(await upload(second.clientId, 'mine too', accepted)).toEqual({
        ok: false,
        problem: 'registered-elsewhere',
      });
      expect(await upload(first.clientId, 'again', accepted)).toEqual({ ok: false, problem: 'registered' });
      await revoke(registered.ok ? registered.certificate.id : '');
      expect(await upload(first.clientId, 'once more', accepted)).toEqual({
        ok: false,
        problem: 'registered-and-revoked',
      });
      const peer = somePeer(accepted.facts.thumbprint);
      expect(await capabilities.outcomeOf(first.clientId, first.secret, { peer })).toBe('certificate_revoked');
      expect(await capabilities.outcomeOf(second.clientId, second.secret, { peer })).toBe('certificate_not_registered');
    });

    test('a name is used once per client, revoked ones included, and free at another client', async () => {
      const [one, another] = [await capabilities.makeClient('names'), await capabilities.makeClient('other names')];
      const first = await issued(one.clientId, 'worker 2026');
      expect(await issue(one.clientId, 'worker 2026')).toEqual({ ok: false, problem: 'name-taken' });
      await revoke(first.id);
      expect(await issue(one.clientId, 'worker 2026')).toEqual({ ok: false, problem: 'name-taken' });
      expect(await issue(another.clientId, 'worker 2026')).toMatchObject({ ok: true });
    });

    test('at an unknown or revoked client leaves nothing behind', async () => {
      const held = await capabilities.makeClient('revoked with certificates');
      expect(await issue(`cli_${'0'.repeat(32)}`, 'x')).toEqual({ ok: false, problem: 'unknown' });
      await revokeClient(held.clientId, 'operator', capabilities.time.now, capabilities);
      expect(await issue(held.clientId, 'x')).toEqual({ ok: false, problem: 'revoked' });
      expect(await upload(held.clientId, 'x', await anUpload())).toEqual({ ok: false, problem: 'revoked' });
      const judged = { now: capabilities.time.now, quietSeconds: 60 };
      expect((await showClient(held.clientId, judged, capabilities))?.certificates).toEqual([]);
    });

    test('is refused beyond ten active ones, and possible again when one is revoked', async () => {
      const { clientId } = await capabilities.makeClient('ten');
      const all = [];
      for (let count = 1; count <= 10; count += 1) all.push(await issued(clientId, `certificate ${count}`));
      expect(await issue(clientId, 'one more')).toEqual({ ok: false, problem: 'too-many' });
      await revoke(all[3]?.id ?? '');
      expect(await issue(clientId, 'one more')).toMatchObject({ ok: true });
      expect(await issue(clientId, 'yet another')).toEqual({ ok: false, problem: 'too-many' });
    });

    test('is refused beyond ten active ones also when twelve come at the same time', async () => {
      const { clientId } = await capabilities.makeClient('race for ten');
      const results = await Promise.all(
        Array.from({ length: 12 }, (_, index) => issue(clientId, `certificate ${index}`)),
      );
      expect(results.filter(({ ok }) => ok)).toHaveLength(10);
      expect(results.filter((result) => !result.ok && result.problem === 'too-many')).toHaveLength(2);
    });

    test('of one certificate by two clients at the same time is won by one of them', async () => {
      const [one, another] = [await capabilities.makeClient('racer one'), await capabilities.makeClient('racer two')];
      const accepted = await anUpload();
      const results = await Promise.all([
        upload(one.clientId, 'mine', accepted),
        upload(another.clientId, 'mine', accepted),
      ]);
      expect(results.filter(({ ok }) => ok)).toHaveLength(1);
      expect(results.find(({ ok }) => !ok)).toEqual({ ok: false, problem: 'registered-elsewhere' });
    });

    test('of the certificate of somebody else holds its owner off only until it is revoked', async () => {
      const [wrong, owner] = [
        await capabilities.makeClient('not its owner'),
        await capabilities.makeClient('its owner'),
      ];
      const accepted = await anUpload();
      const taken = await upload(wrong.clientId, 'taken', accepted);
      expect(await upload(owner.clientId, 'mine', accepted)).toEqual({ ok: false, problem: 'registered-elsewhere' });
      await revoke(taken.ok ? taken.certificate.id : '');
      expect(await upload(owner.clientId, 'mine', accepted)).toMatchObject({ ok: true });
      expect(await upload(wrong.clientId, 'again', accepted)).toEqual({ ok: false, problem: 'registered-and-revoked' });
    });

    test('is possible again when one has expired: it is no longer counted among the ten', async () => {
      const { passTime } = capabilities;
      const { clientId } = await capabilities.makeClient('expired ten');
      for (let count = 1; count <= 10; count += 1) await issued(clientId, `certificate ${count}`);
      expect(await issue(clientId, 'next')).toEqual({ ok: false, problem: 'too-many' });
      await passTime(365 * dayMs);
      expect(await issue(clientId, 'next')).toMatchObject({ ok: true });
    });
  });
});
