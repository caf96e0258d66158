// Retiring a secret only when nobody would notice, on both engines.

import { beforeAll, expect, test } from 'vitest';
import { type HeldClient, openTestCapabilities, type TestCapabilities } from '../testing/capabilities.js';
import { describeOnEachEngine } from '../testing/database.js';
import type { UsageRecorder } from '../usage/index.js';
import { endSecret, pauseSecret, revokeSecret } from './retire-secret.js';

const hourMs = 3_600_000;
const daySeconds = 86_400;

describeOnEachEngine('retiring a secret only when it is quiet', (open) => {
  let capabilities: TestCapabilities;
  beforeAll(async () => {
    capabilities = await openTestCapabilities(await open());
  });

  const retire =
    (way: typeof endSecret) =>
    ({ secretId }: HeldClient, quietSeconds?: number, usage: Partial<UsageRecorder> = {}) =>
      way({ secretId, quietSeconds, actor: 'operator' }, capabilities.time.now, {
        ...capabilities,
        usage: { ...capabilities.usage, ...usage },
      });
  const end = retire(endSecret);
  const revoke = retire(revokeSecret);
  const outcomeOf = ({ clientId, secret }: HeldClient, ...changes: [{ readonly address: string }?]) =>
    capabilities.outcomeOf(clientId, secret, ...changes);
  /** A client whose secret is so old that its age says nothing. */
  const makeOldClient = async (...client: Parameters<TestCapabilities['makeClient']>) => {
    const held = await capabilities.makeClient(...client);
    await capabilities.passTime(48 * hourMs);
    return held;
  };

  test('is refused while it is used, with where from, by uses that were not written yet', async () => {
    const { time, passTime } = capabilities;
    const held = await makeOldClient('safe after');
    const usedAt = time.now;
    expect(await outcomeOf(held, { address: '192.0.2.7' })).toBe('token');
    const audited = await capabilities.auditOf(held.secretId);
    await passTime(3_599_999);
    expect(await end(held, 3_600)).toEqual({
      ok: false,
      problem: 'still-used',
      safeFrom: new Date(usedAt + hourMs),
      lastTriedAt: new Date(usedAt),
      onlyTokens: false,
      lastUse: expect.objectContaining({ address: '192.0.2.7', certificateId: null, uses: 1 }),
    });
    expect(await outcomeOf(held), 'and nothing was changed').toBe('token');
    expect(await capabilities.auditOf(held.secretId)).toEqual(audited);
  });

  test('ends it from the very end of the quiet time on, although its tokens live', async () => {
    const { passTime, tokenOf, outcomeOfCall } = capabilities;
    const held = await makeOldClient('safe to end');
    const token = await tokenOf(held.clientId, held.secret);
    await passTime(hourMs - 1);
    expect(await end(held, 3_600)).toMatchObject({ problem: 'still-used' });
    await passTime(1);
    expect(await end(held, 3_600)).toMatchObject({ ok: true, alreadyDone: false });
    expect(await outcomeOf(held)).toBe('secret_replaced');
    expect(await outcomeOfCall(token)).toBe('admitted');
  });

  test('revokes it when the last token it got has run out, and not before', async () => {
    const { time, passTime, tokenOf } = capabilities;
    const held = await makeOldClient('safe to revoke', { accessTokenLifetimeSeconds: 7_200 });
    await tokenOf(held.clientId, held.secret);
    const runsOut = time.now + 2 * hourMs;
    await passTime(2 * hourMs - 1);
    expect(await revoke(held, 60)).toMatchObject({ ok: false, problem: 'still-used', safeFrom: new Date(runsOut) });
    expect(await outcomeOf(held), 'which is one more use').toBe('token');
    await passTime(2 * hourMs);
    expect(await revoke(held, 60)).toMatchObject({ ok: true, alreadyDone: false });
    expect(await outcomeOf(held)).toBe('secret_revoked');
  });

  test('is refused for a fresh one that nobody used yet: that says nothing until it is old enough', async () => {
    const { time, passTime } = capabilities;
    const madeAt = time.now;
    const [ended, revoked] = [await capabilities.makeClient('fresh one'), await capabilities.makeClient('fresh two')];
    await passTime(madeAt + hourMs - 1 - time.now);
    const unseen = { ok: false, problem: 'still-used', lastTriedAt: null, onlyTokens: false, lastUse: undefined };
    expect(await end(ended, 3_600)).toEqual({ ...unseen, safeFrom: new Date(madeAt + hourMs) });
    expect(await revoke(revoked, 3_600)).toMatchObject(unseen);
    await passTime(hourMs);
    for (const result of [await end(ended, 3_600), await revoke(revoked, 3_600)]) {
      expect(result).toMatchObject({ ok: true, alreadyDone: false });
    }
  });

  test('is refused for an old one as long as its uses were not counted for the quiet time', async () => {
    const { database, time, passTime } = capabilities;
    const held = await makeOldClient('older than the counts');
    const since = new Date(time.now);
    await database.transaction((tx) =>
      tx.updateTable('client_secrets').set({ uses_counted_since: since }).where('id', '=', held.secretId).execute(),
    );
    await passTime(hourMs - 1);
    expect(await end(held, 3_600)).toMatchObject({ ok: false, safeFrom: new Date(since.getTime() + hourMs) });
    await passTime(1);
    expect(await end(held, 3_600)).toMatchObject({ ok: true });
  });

  test('is refused when a use of anybody could not be counted in the quiet time: it may have been of this one', async () => {
    const { time, passTime } = capabilities;
    const held = await makeOldClient('maybe dropped');
    const droppedAt = time.now;
    const dropped = { lastDroppedAt: () => droppedAt };
    await passTime(hourMs - 1);
    expect(await end(held, 3_600, dropped)).toMatchObject({ ok: false, safeFrom: new Date(droppedAt + hourMs) });
    await passTime(1);
    expect(await end(held, 3_600, dropped)).toMatchObject({ ok: true });
  });

  test('is not revoked while a token may be out there that was got uncounted, before the counting or in a dropped use', async () => {
    const { database, time, passTime } = capabilities;
    const [old, dropped] = [await makeOldClient('uncounted before'), await makeOldClient('uncounted by a drop')];
    const at = time.now;
    await database.transaction((tx) =>
      tx
        .updateTable('client_secrets')
        .set({ uses_counted_since: new Date(at) })
        .where('id', '=', old.secretId)
        .execute(),
    );
    const drop = { lastDroppedAt: () => at };
    await passTime(24 * hourMs - 1);
    const safeFrom = new Date(at + 24 * hourMs);
    expect(await revoke(old, 3_600)).toMatchObject({ ok: false, safeFrom });
    expect(await revoke(dropped, 3_600, drop)).toMatchObject({ ok: false, safeFrom });
    await passTime(1);
    expect(await revoke(old, 3_600)).toMatchObject({ ok: true });
    expect(await revoke(dropped, 3_600, drop)).toMatchObject({ ok: true });
  });

  test('is refused for a use that came in after the counts were written', async () => {
    const { time, usage } = capabilities;
    const held = await makeOldClient('used meanwhile');
    const usedAt = time.now;
    const flush = async () => {
      await usage.flush();
      expect(await outcomeOf(held)).toBe('token');
    };
    const stillUsed = { ok: false, problem: 'still-used', safeFrom: new Date(usedAt + hourMs) };
    expect(await end(held, 3_600, { flush })).toMatchObject(stillUsed);
  });

  test('is refused while somebody depends on it whom a pause refused, at token requests and calls', async () => {
    const { time, passTime, tokenOf, outcomeOfCall } = capabilities;
    const [asking, calling] = [await makeOldClient('asking'), await makeOldClient('calling')];
    const token = await tokenOf(calling.clientId, calling.secret);
    await passTime(hourMs);
    for (const { secretId } of [asking, calling]) {
      await pauseSecret({ secretId, seconds: 60, actor: 'operator' }, time.now, capabilities);
    }
    const at = time.now;
    const address = '192.0.2.9';
    expect(await outcomeOf(asking, { address })).toBe('secret_paused');
    expect(await outcomeOfCall(token, { address })).toBe('secret_paused');
    await passTime(hourMs - 1);
    for (const held of [asking, calling]) {
      expect(await end(held, 3_600)).toMatchObject({
        problem: 'still-used',
        safeFrom: new Date(at + hourMs),
        lastTriedAt: new Date(at),
        lastUse: { address },
      });
    }
    await passTime(1);
    for (const held of [asking, calling]) expect(await end(held, 3_600)).toMatchObject({ ok: true });
  });

  test('says of what is retired already that it is, however lately it was used', async () => {
    const held = await makeOldClient('retired already');
    expect(await outcomeOf(held)).toBe('token');
    await end(held);
    expect(await end(held, daySeconds)).toMatchObject({ ok: true, alreadyDone: true });
    await revoke(held);
    expect(await revoke(held, daySeconds)).toMatchObject({ ok: true, alreadyDone: true });
    expect(await end(held, daySeconds)).toMatchObject({ ok: true, alreadyDone: true });
  });

  test('decides nothing when the uses can not be written', async () => {
    const held = await makeOldClient('no flush');
    const away = { flush: () => Promise.reject(new Error('away')) };
    await expect(end(held, 60, away)).rejects.toThrow('away');
    await expect(revoke(held, 60, away)).rejects.toThrow('away');
    expect(await outcomeOf(held)).toBe('token');
  });
});
