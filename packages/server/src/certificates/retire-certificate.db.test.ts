// Revoking and pausing a certificate, and revoking it only when nobody would notice, on both engines.

import { beforeAll, expect, test } from 'vitest';
import { openTestCapabilities, type TestCapabilities } from '../testing/capabilities.js';
import { describeOnEachEngine } from '../testing/database.js';
import { somePeer } from '../testing/facts.js';
import type { UsageRecorder } from '../usage/index.js';
import { pauseCertificate, revokeCertificate } from './retire-certificate.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

describeOnEachEngine('retiring a certificate', (open) => {
  let capabilities: TestCapabilities;
  beforeAll(async () => {
    capabilities = await openTestCapabilities(await open());
  });

  const revoke = (certificateId: string, quietSeconds?: number, usage: Partial<UsageRecorder> = {}) =>
    revokeCertificate({ certificateId, quietSeconds, actor: 'operator' }, capabilities.time.now, {
      ...capabilities,
      usage: { ...capabilities.usage, ...usage },
    });
  const pause = (certificateId: string, seconds: number) =>
    pauseCertificate({ certificateId, seconds, actor: 'operator' }, capabilities.time.now, capabilities);
  const makeClient = (name: string) => capabilities.makeClient(name, { mtlsRequired: true });
  const over = ({ thumbprint }: { readonly thumbprint: string }) => ({ peer: somePeer(thumbprint) });
  const revoked = { ok: true, alreadyRevoked: false };

  test('revoked, it and its tokens end at once on this node, and others of the client live on', async () => {
    const { outcomeOf, outcomeOfCall, tokenOf, makeCertificate } = capabilities;
    const { clientId, secret } = await makeClient('revoked');
    const [old, fresh] = [await makeCertificate(clientId, 'old'), await makeCertificate(clientId, 'fresh')];
    const oldToken = await tokenOf(clientId, secret, over(old));
    const freshToken = await tokenOf(clientId, secret, over(fresh));
    expect(await outcomeOfCall(oldToken, over(old))).toBe('admitted');
    expect(await revoke(old.id)).toEqual(revoked);
    expect(await outcomeOfCall(oldToken, over(old))).toBe('certificate_revoked');
    expect(await outcomeOf(clientId, secret, over(old))).toBe('certificate_revoked');
    expect(await outcomeOfCall(freshToken, over(fresh))).toBe('admitted');
    expect(await outcomeOfCall(oldToken, over(fresh))).toBe('certificate_revoked');
  });

  test('revoked, it stays so: a second time changes nothing and writes no entry', async () => {
    const { clientId } = await makeClient('revoked twice');
    const { id } = await capabilities.makeCertificate(clientId, 'only');
    expect(await revoke(id)).toEqual(revoked);
    await capabilities.passTime(1);
    expect(await revoke(id)).toEqual({ ok: true, alreadyRevoked: true });
    expect(await revoke(id, 60), 'quiet or not').toEqual({ ok: true, alreadyRevoked: true });
    expect(await capabilities.auditOf(id)).toMatchObject([
      { action: 'certificate.issued' },
      { action: 'certificate.revoked', details: { clientId } },
    ]);
  });

  test('paused, it refuses token requests and calls until the very end of the pause', async () => {
    const { outcomeOf, outcomeOfCall, tokenOf, passTime, time, makeCertificate } = capabilities;
    const { clientId, secret } = await makeClient('paused');
    const [old, fresh] = [await makeCertificate(clientId, 'old'), await makeCertificate(clientId, 'fresh')];
    const token = await tokenOf(clientId, secret, over(old));
    const pausedUntil = new Date(time.now + 30_000);
    expect(await pause(old.id, 30)).toEqual({ ok: true, pausedUntil });
    for (const ms of [0, 29_999]) {
      await passTime(ms);
      expect(await outcomeOf(clientId, secret, over(old))).toBe('certificate_paused');
      expect(await outcomeOfCall(token, over(old))).toBe('certificate_paused');
      expect(await outcomeOf(clientId, secret, over(fresh))).toBe('token');
    }
    await passTime(1);
    expect(await outcomeOf(clientId, secret, over(old))).toBe('token');
    expect(await outcomeOfCall(token, over(old))).toBe('admitted');
    expect(await capabilities.auditOf(old.id)).toMatchObject([
      { action: 'certificate.issued' },
      { action: 'certificate.paused', details: { clientId, until: pausedUntil.toISOString() } },
    ]);
  });

  test('resumed, it works at once; resuming what is not paused changes and audits nothing', async () => {
    const { outcomeOf, passTime } = capabilities;
    const { clientId, secret } = await makeClient('resumed');
    const certificate = await capabilities.makeCertificate(clientId, 'only');
    const resumed = { ok: true, pausedUntil: null };
    expect(await pause(certificate.id, 0)).toEqual(resumed);
    await pause(certificate.id, 30);
    await passTime(1);
    expect(await pause(certificate.id, 0)).toEqual(resumed);
    expect(await outcomeOf(clientId, secret, over(certificate))).toBe('token');
    await passTime(1);
    expect(await pause(certificate.id, 0)).toEqual(resumed);
    expect((await capabilities.auditOf(certificate.id)).map(({ action }) => action)).toEqual([
      'certificate.issued',
      'certificate.paused',
      'certificate.resumed',
    ]);
  });

  test('one that is revoked or has expired can not be paused', async () => {
    const { makeCertificate, passTime, time } = capabilities;
    const { clientId } = await makeClient('over');
    const [gone, expired] = [await makeCertificate(clientId, 'gone'), await makeCertificate(clientId, 'expired')];
    await revoke(gone.id);
    const isOver = { ok: false, problem: 'over' };
    expect(await pause(gone.id, 60)).toEqual(isOver);
    await passTime(expired.notAfter.getTime() - 1 - time.now);
    expect(await pause(expired.id, 60)).toMatchObject({ ok: true });
    await passTime(1);
    expect(await pause(expired.id, 60)).toEqual(isOver);
    expect((await capabilities.auditOf(expired.id)).map(({ action }) => action)).toEqual([
      'certificate.issued',
      'certificate.paused',
    ]);
  });

  test('only when quiet: refused while it is used, calls included, and done from the end of the quiet time', async () => {
    const { tokenOf, outcomeOfCall, passTime, time } = capabilities;
    const { clientId, secret } = await makeClient('quiet');
    const certificate = await capabilities.makeCertificate(clientId, 'quiet');
    const token = await tokenOf(clientId, secret, over(certificate));
    await passTime(hourMs);
    const calledAt = time.now;
    expect(await outcomeOfCall(token, { ...over(certificate), address: '192.0.2.7' })).toBe('admitted');
    await passTime(hourMs - 1);
    expect(await revoke(certificate.id, 3_600)).toMatchObject({
      ok: false,
      problem: 'still-used',
      lastTriedAt: new Date(calledAt),
      safeFrom: new Date(calledAt + hourMs),
      lastUse: { address: '192.0.2.7', certificateId: certificate.id },
    });
    await passTime(1);
    expect(await revoke(certificate.id, 3_600)).toEqual(revoked);
  });

  test('only when quiet: refused for one whose uses were not counted for that long, or maybe not all', async () => {
    const { makeCertificate, database, passTime, time } = capabilities;
    const { clientId } = await makeClient('unknown uses');
    const madeAt = time.now;
    const fresh = await makeCertificate(clientId, 'fresh');
    await passTime(madeAt + hourMs - 1 - time.now);
    const unseen = { ok: false, problem: 'still-used', lastTriedAt: null };
    expect(await revoke(fresh.id, 3_600)).toMatchObject({ ...unseen, safeFrom: new Date(madeAt + hourMs) });
    await passTime(1);
    expect(await revoke(fresh.id, 3_600)).toEqual(revoked);

    const old = await makeCertificate(clientId, 'older than the counts');
    await passTime(dayMs);
    const since = new Date(time.now);
    await database.transaction((tx) =>
      tx.updateTable('certificates').set({ uses_counted_since: since }).where('id', '=', old.id).execute(),
    );
    await passTime(hourMs);
    expect(await revoke(old.id, 7_200)).toMatchObject({ ...unseen, safeFrom: new Date(since.getTime() + 2 * hourMs) });
    const droppedAt = time.now - 1;
    const dropped = { lastDroppedAt: () => droppedAt };
    expect(await revoke(old.id, 3_600, dropped)).toMatchObject({ ...unseen, safeFrom: new Date(droppedAt + hourMs) });
    expect(await revoke(old.id, 3_600)).toEqual(revoked);
  });

  test('only when quiet: nothing is decided when the uses can not be written', async () => {
    const { clientId, secret } = await makeClient('no flush');
    const certificate = await capabilities.makeCertificate(clientId, 'only');
    await capabilities.passTime(dayMs);
    const away = { flush: () => Promise.reject(new Error('away')) };
    await expect(revoke(certificate.id, 60, away)).rejects.toThrow('away');
    expect(await capabilities.outcomeOf(clientId, secret, over(certificate))).toBe('token');
    expect(await revoke(certificate.id, undefined, away), 'no question, no flush').toEqual(revoked);
  });

  test('one that is not there can not be retired', async () => {
    const unknown = `crt_${'0'.repeat(32)}`;
    for (const result of [await revoke(unknown), await revoke(unknown, 60), await pause(unknown, 1)]) {
      expect(result).toEqual({ ok: false, problem: 'unknown' });
    }
  });
});
