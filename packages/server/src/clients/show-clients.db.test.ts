// What operators see of a client, its credentials and who uses them, on both engines.

import { beforeAll, expect, test } from 'vitest';
import { revokeCertificate } from '../certificates/index.js';
import { type HeldClient, openTestCapabilities, type TestCapabilities } from '../testing/capabilities.js';
import { describeOnEachEngine } from '../testing/database.js';
import { somePeer } from '../testing/facts.js';
import { endSecret, revokeSecret } from './retire-secret.js';
import { rotateSecret } from './rotate-secret.js';
import { showCertificate, showClient } from './show-clients.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const actor = 'operator';

describeOnEachEngine('showing a client', (open) => {
  let capabilities: TestCapabilities;
  beforeAll(async () => {
    capabilities = await openTestCapabilities(await open());
  });

  const show = async (clientId: string, quietSeconds = 3_600, now = capabilities.time.now) => {
    const shown = await showClient(clientId, { now, quietSeconds }, capabilities);
    if (shown === undefined) throw new Error('there is no such client');
    return shown;
  };
  const retirements = async (clientId: string, quietSeconds?: number, now?: number) => {
    const { secrets, certificates } = await show(clientId, quietSeconds, now);
    return [...secrets, ...certificates].map(({ retirement }) => retirement);
  };
  const rotate = async ({ clientId }: HeldClient) => {
    const command = { clientId, overlapSeconds: 86_400, force: false, actor } as const;
    const rotated = await rotateSecret(command, capabilities.time.now, capabilities);
    if (!rotated.ok) throw new Error(rotated.problem);
    return rotated.secret.id;
  };
  const successors = async (clientId: string) => (await retirements(clientId)).map(({ hasSuccessor }) => hasSuccessor);

  test('tells of each secret and certificate who uses it and when it is safe to retire', async () => {
    const { tokenOf, outcomeOfCall, makeCertificate, passTime, time } = capabilities;
    const { clientId, secret, secretId } = await capabilities.makeClient('shown', { mtlsRequired: true });
    const certificate = await makeCertificate(clientId, 'used');
    const idleMadeAt = time.now;
    const idle = await makeCertificate(clientId, 'idle');
    const peer = somePeer(certificate.thumbprint);
    const tokenAt = time.now;
    const token = await tokenOf(clientId, secret, { peer, address: '192.0.2.1' });
    await passTime(60_000);
    const calledAt = time.now;
    await outcomeOfCall(token, { peer, address: '192.0.2.2' });

    const shown = await show(clientId);
    expect(shown.secrets).toMatchObject([
      {
        id: secretId,
        state: 'in force',
        lastUsedAt: new Date(tokenAt),
        lastTriedAt: new Date(tokenAt),
        tokensUntil: new Date(tokenAt + 12 * hourMs),
        uses: [{ address: '192.0.2.1', certificateId: certificate.id, uses: 1 }],
        retirement: { safeFrom: new Date(tokenAt + hourMs), hasSuccessor: false },
      },
    ]);
    expect(shown.certificates).toMatchObject([
      {
        id: certificate.id,
        lastUsedAt: new Date(calledAt),
        uses: [
          { address: '192.0.2.2', uses: 1 },
          { address: '192.0.2.1', uses: 1 },
        ],
        retirement: { safeFrom: new Date(calledAt + hourMs), hasSuccessor: true },
      },
      {
        id: idle.id,
        lastUsedAt: null,
        lastTriedAt: null,
        uses: [],
        retirement: { safeFrom: new Date(idleMadeAt + hourMs), hasSuccessor: false },
      },
    ]);
  });

  test('calls a credential safe from the very end of the quiet time on, seen or never seen', async () => {
    const { makeCertificate, time, tokenOf } = capabilities;
    const madeAt = time.now;
    const { clientId, secret } = await capabilities.makeClient('quiet');
    await makeCertificate(clientId, 'never seen');
    const safeFrom = async (now: number) => (await retirements(clientId, 60, now)).map((each) => each.safeFrom);
    // The certificate was made one millisecond after the secret.
    expect(await safeFrom(madeAt + 59_999)).toEqual([new Date(madeAt + 60_000), new Date(madeAt + 60_001)]);
    expect(await safeFrom(madeAt + 60_000)).toEqual([null, new Date(madeAt + 60_001)]);
    expect(await safeFrom(madeAt + 60_001)).toEqual([null, null]);
    const usedAt = time.now;
    await tokenOf(clientId, secret);
    expect(await safeFrom(usedAt + 59_999)).toEqual([new Date(usedAt + 60_000), null]);
    expect(await safeFrom(usedAt + 60_000)).toEqual([null, null]);
  });

  test('calls nothing safe that was not counted, or maybe not counted, for the quiet time', async () => {
    const { database, time, usage, passTime } = capabilities;
    const { clientId } = await capabilities.makeClient('older than the counts');
    await passTime(dayMs);
    const since = new Date(time.now);
    await database.transaction((tx) =>
      tx.updateTable('client_secrets').set({ uses_counted_since: since }).where('client_id', '=', clientId).execute(),
    );
    expect(await retirements(clientId)).toMatchObject([{ safeFrom: new Date(since.getTime() + hourMs) }]);
    await passTime(hourMs);
    expect(await retirements(clientId)).toMatchObject([{ safeFrom: null }]);
    const droppedAt = time.now - 1;
    const dropped = { ...capabilities, usage: { ...usage, lastDroppedAt: () => droppedAt } };
    expect(await showClient(clientId, { now: time.now, quietSeconds: 3_600 }, dropped)).toMatchObject({
      secrets: [{ retirement: { safeFrom: new Date(droppedAt + hourMs) } }],
    });
  });

  test('knows a secret that was made later and is in force as its successor, and no other', async () => {
    const held = await capabilities.makeClient('secrets');
    const { clientId } = held;
    expect(await successors(clientId)).toEqual([false]);
    const newer = await rotate(held);
    expect(await successors(clientId)).toEqual([true, false]);
    await endSecret({ secretId: newer, actor }, capabilities.time.now, capabilities);
    expect(await successors(clientId), 'the newer one has ended').toEqual([false, false]);
    await capabilities.passTime(1);
    const newest = await rotate(held);
    expect(await successors(clientId)).toEqual([true, true, false]);
    await revokeSecret({ secretId: newest, actor }, capabilities.time.now, capabilities);
    expect(await successors(clientId)).toEqual([false, false, false]);
  });

  test('knows a certificate that was made later and is in force as its successor, and no other', async () => {
    const { makeCertificate, passTime, time } = capabilities;
    const { clientId } = await capabilities.makeClient('certificates');
    const successorsOfCertificates = async () => (await successors(clientId)).slice(1);
    const first = await makeCertificate(clientId, 'first');
    await passTime(dayMs);
    const second = await makeCertificate(clientId, 'second');
    expect(await successorsOfCertificates()).toEqual([true, false]);
    await revokeCertificate({ certificateId: second.id, actor }, time.now, capabilities);
    expect(await successorsOfCertificates()).toEqual([false, false]);
    await makeCertificate(clientId, 'third');
    expect(await successorsOfCertificates()).toEqual([true, true, false]);

    const judged = { now: time.now, quietSeconds: 60 };
    expect((await showCertificate(first.id, judged, capabilities))?.certificate.retirement.hasSuccessor).toBe(true);
  });

  test('says nothing of a time for what is out of use already', async () => {
    const { makeCertificate, outcomeOf, time } = capabilities;
    const { clientId, secret, secretId } = await capabilities.makeClient('out of use');
    const { id: certificateId } = await makeCertificate(clientId, 'revoked');
    await outcomeOf(clientId, secret);
    await revokeSecret({ secretId, actor }, time.now, capabilities);
    await revokeCertificate({ certificateId, actor }, time.now, capabilities);
    expect(await retirements(clientId)).toMatchObject([{ safeFrom: null }, { safeFrom: null }]);
    const judged = { now: time.now, quietSeconds: 60 };
    expect((await showCertificate(certificateId, judged, capabilities))?.certificate).toMatchObject({
      state: 'revoked',
      revokedAt: new Date(time.now),
      retirement: { safeFrom: null },
    });
  });

  test('works also when the uses can not be written, and they are shown when they can', async () => {
    const { outcomeOf, usage, time } = capabilities;
    const { clientId, secret } = await capabilities.makeClient('not written');
    const { id: certificateId } = await capabilities.makeCertificate(clientId, 'first');
    await outcomeOf(clientId, secret);
    const away = { ...capabilities, usage: { ...usage, flush: () => Promise.reject(new Error('away')) } };
    const judged = { now: time.now, quietSeconds: 3_600 };
    expect(await showClient(clientId, judged, away)).toMatchObject({ id: clientId, secrets: [{ lastUsedAt: null }] });
    expect(await showCertificate(certificateId, judged, away)).toMatchObject({ certificate: { id: certificateId } });
    expect(await show(clientId)).toMatchObject({ secrets: [{ lastUsedAt: new Date(time.now) }] });
  });
});
