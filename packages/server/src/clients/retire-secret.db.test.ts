// Ending, revoking and pausing a secret, on both engines.

import { beforeAll, expect, test } from 'vitest';
import { type HeldClient, openTestCapabilities, type TestCapabilities } from '../testing/capabilities.js';
import { describeOnEachEngine } from '../testing/database.js';
import { endSecret, pauseSecret, revokeSecret } from './retire-secret.js';
import { rotateSecret } from './rotate-secret.js';

const hourMs = 3_600_000;
const daySeconds = 86_400;

describeOnEachEngine('retiring a secret', (open) => {
  let capabilities: TestCapabilities;
  beforeAll(async () => {
    capabilities = await openTestCapabilities(await open());
  });

  const retire =
    (way: typeof endSecret) =>
    ({ secretId }: Pick<HeldClient, 'secretId'>, quietSeconds?: number) =>
      way({ secretId, quietSeconds, actor: 'operator' }, capabilities.time.now, capabilities);
  const end = retire(endSecret);
  const revoke = retire(revokeSecret);
  const pause = ({ secretId }: Pick<HeldClient, 'secretId'>, seconds: number) =>
    pauseSecret({ secretId, seconds, actor: 'operator' }, capabilities.time.now, capabilities);
  const rotated = async ({ clientId }: HeldClient, overlapSeconds = daySeconds): Promise<HeldClient> => {
    const command = { clientId, overlapSeconds, force: false, actor: 'operator' } as const;
    const result = await rotateSecret(command, capabilities.time.now, capabilities);
    if (!result.ok) throw new Error(result.problem);
    return { clientId, secretId: result.secret.id, secret: result.secret.value.reveal() };
  };
  const outcomes = (...held: readonly HeldClient[]) =>
    Promise.all(held.map(({ clientId, secret }) => capabilities.outcomeOf(clientId, secret)));
  const done = (at: number, alreadyDone = false) => ({
    ok: true,
    alreadyDone,
    at: new Date(at),
    clientId: expect.stringMatching(/^cli_/),
  });
  const nobody = { secretId: `sec_${'0'.repeat(32)}` };

  test('ending it early takes effect at once, and its tokens run out', async () => {
    const { time, passTime, tokenOf, outcomeOfCall } = capabilities;
    const old = await capabilities.makeClient('ended early');
    const fresh = await rotated(old);
    await passTime(1);
    const token = await tokenOf(old.clientId, old.secret);
    const endedAt = time.now;
    expect(await end(old)).toEqual(done(endedAt));
    expect(await outcomes(old, fresh)).toEqual(['secret_replaced', 'token']);
    expect(await outcomeOfCall(token)).toBe('admitted');
    await passTime(12 * hourMs - 1);
    expect(await outcomeOfCall(token)).toBe('admitted');
    expect(await end(old), 'it stays ended since then').toEqual(done(endedAt, true));
    expect(await capabilities.auditOf(old.secretId)).toMatchObject([
      { action: 'secret.created' },
      { action: 'secret.replaced' },
      { action: 'secret.ended', details: { clientId: old.clientId } },
    ]);
  });

  test('ending one that has ended by itself or was revoked changes nothing', async () => {
    const { time, passTime } = capabilities;
    const old = await capabilities.makeClient('ended already');
    const overlapEnd = time.now + 1_000;
    const fresh = await rotated(old, 1);
    await passTime(5_000);
    expect(await end(old)).toEqual(done(overlapEnd, true));
    const revokedAt = time.now;
    await revoke(fresh);
    await passTime(1);
    expect(await end(fresh)).toEqual(done(revokedAt, true));
    expect(await outcomes(old, fresh)).toEqual(['secret_replaced', 'secret_revoked']);
    expect((await capabilities.auditOf(old.secretId)).map(({ action }) => action)).not.toContain('secret.ended');
  });

  test('revoking it ends its tokens at once on this node, and those of the other secret live on', async () => {
    const { time, passTime, tokenOf, outcomeOfCall } = capabilities;
    const old = await capabilities.makeClient('revoked');
    const fresh = await rotated(old);
    const itsToken = await tokenOf(old.clientId, old.secret);
    const otherToken = await tokenOf(fresh.clientId, fresh.secret);
    expect(await outcomeOfCall(itsToken), 'its facts are cached from here on').toBe('admitted');
    await passTime(1);
    const revokedAt = time.now;
    expect(await revoke(old)).toEqual(done(revokedAt));
    expect(await outcomeOfCall(itsToken)).toBe('token_revoked');
    expect(await outcomeOfCall(otherToken)).toBe('admitted');
    expect(await outcomes(old, fresh)).toEqual(['secret_revoked', 'token']);
    await passTime(1);
    expect(await revoke(old), 'it stays revoked since then').toEqual(done(revokedAt, true));
    expect((await capabilities.auditOf(old.secretId)).map(({ action }) => action)).toEqual([
      'secret.created',
      'secret.replaced',
      'secret.revoked',
    ]);
  });

  test('revoking one whose overlap is over still ends the tokens it got', async () => {
    const { passTime, tokenOf, outcomeOfCall } = capabilities;
    const old = await capabilities.makeClient('revoked late');
    const token = await tokenOf(old.clientId, old.secret);
    await rotated(old, 0);
    await passTime(hourMs);
    expect(await outcomeOfCall(token)).toBe('admitted');
    expect(await revoke(old)).toMatchObject({ ok: true, alreadyDone: false });
    expect(await outcomeOfCall(token)).toBe('token_revoked');
  });

  test('pausing it refuses token requests and its tokens until the very end of the pause, and not the other secret', async () => {
    const { time, passTime, tokenOf, outcomeOfCall } = capabilities;
    const old = await capabilities.makeClient('paused');
    const fresh = await rotated(old);
    const itsToken = await tokenOf(old.clientId, old.secret);
    const otherToken = await tokenOf(fresh.clientId, fresh.secret);
    expect(await pause(old, 30)).toEqual({ ok: true, pausedUntil: new Date(time.now + 30_000) });
    for (const ms of [0, 29_999]) {
      await passTime(ms);
      expect(await outcomes(old, fresh)).toEqual(['secret_paused', 'token']);
      expect(await outcomeOfCall(itsToken)).toBe('secret_paused');
      expect(await outcomeOfCall(otherToken)).toBe('admitted');
    }
    await passTime(1);
    expect(await outcomes(old, fresh)).toEqual(['token', 'token']);
    expect(await outcomeOfCall(itsToken)).toBe('admitted');
  });

  test('a pause can be ended early, and made again; the audit says until when each was meant to last', async () => {
    const { tokenOf, outcomeOfCall, time } = capabilities;
    const held = await capabilities.makeClient('resumed');
    const { clientId } = held;
    const token = await tokenOf(clientId, held.secret);
    const firstUntil = new Date(time.now + 3_600_000).toISOString();
    await pause(held, 3_600);
    await capabilities.passTime(1);
    expect(await pause(held, 0)).toEqual({ ok: true, pausedUntil: null });
    expect(await outcomes(held)).toEqual(['token']);
    expect(await outcomeOfCall(token)).toBe('admitted');
    await capabilities.passTime(1);
    const secondUntil = new Date(time.now + 1_000).toISOString();
    await pause(held, 1);
    expect(await outcomes(held)).toEqual(['secret_paused']);
    expect(await capabilities.auditOf(held.secretId)).toMatchObject([
      { action: 'secret.created' },
      { action: 'secret.paused', details: { clientId, until: firstUntil } },
      { action: 'secret.resumed', details: { clientId } },
      { action: 'secret.paused', details: { clientId, until: secondUntil } },
    ]);
  });

  test('resuming one that is not paused, or not any more, changes and audits nothing', async () => {
    const held = await capabilities.makeClient('never paused');
    const resumed = { ok: true, pausedUntil: null };
    expect(await pause(held, 0)).toEqual(resumed);
    expect(await capabilities.auditOf(held.secretId)).toMatchObject([{ action: 'secret.created' }]);
    await pause(held, 1);
    await capabilities.passTime(1_000);
    expect(await pause(held, 0)).toEqual(resumed);
    expect(await capabilities.auditOf(held.secretId)).toMatchObject([
      { action: 'secret.created' },
      { action: 'secret.paused' },
    ]);
  });

  test('pausing a revoked one is refused and audits nothing; one that ended still has tokens to pause', async () => {
    const { tokenOf, outcomeOfCall } = capabilities;
    const [revoked, ended] = [
      await capabilities.makeClient('pause revoked'),
      await capabilities.makeClient('pause ended'),
    ];
    const token = await tokenOf(ended.clientId, ended.secret);
    await revoke(revoked);
    await end(ended);
    await capabilities.passTime(1);
    expect(await pause(revoked, 60)).toEqual({ ok: false, problem: 'over' });
    expect((await capabilities.auditOf(revoked.secretId)).at(-1)).toMatchObject({ action: 'secret.revoked' });
    expect(await pause(ended, 60)).toMatchObject({ ok: true });
    expect(await outcomeOfCall(token)).toBe('secret_paused');
  });

  test('a pause finds who still uses it: refused requests and calls are counted by address', async () => {
    const { tokenOf, outcomeOf, outcomeOfCall, usage, database } = capabilities;
    const held = await capabilities.makeClient('brown-out');
    const token = await tokenOf(held.clientId, held.secret, { address: '192.0.2.1' });
    await pause(held, 60);
    await outcomeOf(held.clientId, held.secret, { address: '192.0.2.9' });
    await outcomeOfCall(token, { address: '192.0.2.9' });
    await usage.flush();
    const rows = await database.read((tx) =>
      tx
        .selectFrom('credential_uses')
        .select(['address', 'uses', 'refused'])
        .where('credential_id', '=', held.secretId)
        .orderBy('address')
        .execute(),
    );
    expect(rows.map((row) => [row.address, Number(row.uses), Number(row.refused)])).toEqual([
      ['192.0.2.1', 1, 0],
      ['192.0.2.9', 0, 2],
    ]);
  });

  test('one that is not there can not be retired', async () => {
    expect(await end(nobody)).toEqual({ ok: false, problem: 'unknown' });
    expect(await revoke(nobody)).toEqual({ ok: false, problem: 'unknown' });
    expect(await pause(nobody, 1)).toEqual({ ok: false, problem: 'unknown' });
    expect(await end(nobody, 60)).toEqual({ ok: false, problem: 'unknown' });
  });
});
