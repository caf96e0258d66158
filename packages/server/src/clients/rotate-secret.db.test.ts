// Rotating the secret of a client and what gets tokens afterwards, on both engines, through the real standing.

import { parseSecret } from '@tollward/protocol';
import { beforeAll, expect, test } from 'vitest';
import { dumpOf, type HeldClient, openTestCapabilities, type TestCapabilities } from '../testing/capabilities.js';
import { describeOnEachEngine } from '../testing/database.js';
import { revokeSecret } from './retire-secret.js';
import { revokeClient } from './revoke-client.js';
import { type RotateSecret, rotateSecret } from './rotate-secret.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const daySeconds = 86_400;

describeOnEachEngine('rotating a secret', (open) => {
  let capabilities: TestCapabilities;
  beforeAll(async () => {
    capabilities = await openTestCapabilities(await open());
  });

  const rotate = ({ clientId }: HeldClient, changes: Partial<RotateSecret> = {}) =>
    rotateSecret(
      { clientId, overlapSeconds: daySeconds, force: false, actor: 'operator', ...changes },
      capabilities.time.now,
      capabilities,
    );
  /** Rotates, and is the client with its new secret. */
  const rotated = async (client: HeldClient, changes: Partial<RotateSecret> = {}): Promise<HeldClient> => {
    const result = await rotate(client, changes);
    if (!result.ok) throw new Error(result.problem);
    return { clientId: client.clientId, secretId: result.secret.id, secret: result.secret.value.reveal() };
  };
  const outcomes = (...held: readonly HeldClient[]) =>
    Promise.all(held.map(({ clientId, secret }) => capabilities.outcomeOf(clientId, secret)));

  test('lets both secrets get tokens until the overlap ends, and the old one not a millisecond longer', async () => {
    const { passTime, time } = capabilities;
    const old = await capabilities.makeClient('overlap');
    expect(await outcomes(old), 'its facts are cached from here on').toEqual(['token']);
    const end = time.now + dayMs;
    const result = await rotate(old);
    if (!result.ok) throw new Error(result.problem);
    expect(result.ends).toEqual([
      { secret: expect.objectContaining({ id: old.secretId, hint: old.secret.slice(-4) }), usableUntil: new Date(end) },
    ]);
    const fresh = { ...old, secret: result.secret.value.reveal() };
    expect(parseSecret(fresh.secret)).toEqual({ ok: true, environment: 'sandbox', kind: 'cs' });

    expect(await outcomes(old, fresh)).toEqual(['token', 'token']);
    await passTime(dayMs - 1);
    expect(await outcomes(old, fresh)).toEqual(['token', 'token']);
    await passTime(1);
    expect(time.now).toBe(end);
    expect(await outcomes(old, fresh)).toEqual(['secret_replaced', 'token']);
    await passTime(40 * dayMs);
    expect(await outcomes(old, fresh), 'long forgotten, it is any wrong secret').toEqual([
      'client_authentication_failed',
      'token',
    ]);
  });

  test('touches no token: those the old secret got live to their own end, beyond the overlap', async () => {
    const { passTime, tokenOf, outcomeOfCall } = capabilities;
    const old = await capabilities.makeClient('tokens live on');
    const before = await tokenOf(old.clientId, old.secret);
    await rotated(old, { overlapSeconds: 60 });
    await passTime(59_999);
    const late = await tokenOf(old.clientId, old.secret);
    await passTime(1);
    expect(await outcomes(old)).toEqual(['secret_replaced']);
    expect(await outcomeOfCall(before)).toBe('admitted');
    await passTime(12 * hourMs - 60_001);
    expect(await outcomeOfCall(before)).toBe('admitted');
    await passTime(1);
    expect(await outcomeOfCall(before)).toBe('token_expired');
    expect(await outcomeOfCall(late), 'got in the last moment of the overlap').toBe('admitted');
  });

  test('without an overlap ends the old secret at once, on this node too that knows it well', async () => {
    const old = await capabilities.makeClient('no overlap');
    const token = await capabilities.tokenOf(old.clientId, old.secret);
    const fresh = await rotated(old, { overlapSeconds: 0 });
    expect(await outcomes(old, fresh)).toEqual(['secret_replaced', 'token']);
    expect(await capabilities.outcomeOfCall(token)).toBe('admitted');
  });

  test('is refused while one is open, changes nothing then, and works again when it is over', async () => {
    const { passTime, time } = capabilities;
    const old = await capabilities.makeClient('open');
    const fresh = await rotated(old, { overlapSeconds: 7 * daySeconds });
    const openUntil = new Date(time.now + 7 * dayMs);
    await passTime(7 * dayMs - 1);
    const audited = await capabilities.auditOf(old.secretId);
    expect(await rotate(old, { overlapSeconds: 0 })).toEqual({ ok: false, problem: 'open', openUntil });
    expect(await outcomes(old, fresh)).toEqual(['token', 'token']);
    expect(await capabilities.auditOf(old.secretId)).toEqual(audited);
    await passTime(1);
    const third = await rotated(old);
    expect(await outcomes(old, fresh, third)).toEqual(['secret_replaced', 'token', 'token']);
  });

  test('with force ends all but the latest secret at once, and that one by its overlap', async () => {
    const first = await capabilities.makeClient('forced');
    const second = await rotated(first);
    await capabilities.passTime(1);
    const third = await rotated(first, { force: true, overlapSeconds: 3_600 });
    expect(await outcomes(first, second, third)).toEqual(['secret_replaced', 'token', 'token']);
    await capabilities.passTime(hourMs);
    expect(await outcomes(first, second, third)).toEqual(['secret_replaced', 'secret_replaced', 'token']);
  });

  test('gives a client whose secrets were all revoked a new one', async () => {
    const old = await capabilities.makeClient('all revoked');
    const { time } = capabilities;
    await revokeSecret({ secretId: old.secretId, actor: 'operator' }, time.now, capabilities);
    const fresh = await rotated(old);
    expect(await outcomes(old, fresh)).toEqual(['secret_revoked', 'token']);
  });

  test('of an unknown or revoked client makes none', async () => {
    const held = await capabilities.makeClient('gone');
    const unknown = { ...held, clientId: `cli_${'0'.repeat(32)}` };
    expect(await rotate(unknown)).toEqual({ ok: false, problem: 'unknown' });
    await revokeClient(held.clientId, 'operator', capabilities.time.now, capabilities);
    expect(await rotate(held)).toEqual({ ok: false, problem: 'revoked' });
    const rows = await capabilities.database.read((tx) =>
      tx.selectFrom('client_secrets').select('id').where('client_id', '=', held.clientId).execute(),
    );
    expect(rows).toEqual([{ id: held.secretId }]);
  });

  test('is won by exactly one of many at the same time', async () => {
    const old = await capabilities.makeClient('race');
    const results = await Promise.all(Array.from({ length: 8 }, () => rotate(old)));
    const won = results.filter((result) => result.ok);
    expect(won).toHaveLength(1);
    for (const result of results.filter((one) => !one.ok)) expect(result).toMatchObject({ problem: 'open' });
    const live = await capabilities.database.read((tx) =>
      tx.selectFrom('client_secrets').select('id').where('client_id', '=', old.clientId).execute(),
    );
    expect(live).toHaveLength(2);
  });

  test('forced by many at the same time leaves two live secrets', async () => {
    const old = await capabilities.makeClient('forced race');
    const results = await Promise.all(Array.from({ length: 6 }, () => rotate(old, { force: true })));
    const held = results.flatMap((result) =>
      result.ok ? [{ ...old, secretId: result.secret.id, secret: result.secret.value.reveal() }] : [],
    );
    expect(held).toHaveLength(6);
    const answers = await outcomes(old, ...held);
    expect(answers.filter((answer) => answer === 'token')).toHaveLength(2);
    expect(answers.filter((answer) => answer === 'secret_replaced')).toHaveLength(5);
  });

  test('is in the audit trail: the new secret, and the end that each earlier one got', async () => {
    const { time, auditOf } = capabilities;
    const first = await capabilities.makeClient('audited');
    const { clientId } = first;
    const firstEnd = new Date(time.now + dayMs).toISOString();
    const second = await rotated(first);
    await capabilities.passTime(1);
    const forcedAt = new Date(time.now).toISOString();
    const secondEnd = new Date(time.now + 60_000).toISOString();
    await rotated(first, { force: true, overlapSeconds: 60 });
    expect(await auditOf(first.secretId)).toEqual([
      { action: 'secret.created', details: { clientId } },
      { action: 'secret.replaced', details: { clientId, usableUntil: firstEnd } },
      { action: 'secret.replaced', details: { clientId, usableUntil: forcedAt } },
    ]);
    expect(await auditOf(second.secretId)).toEqual([
      { action: 'secret.created', details: { clientId } },
      { action: 'secret.replaced', details: { clientId, usableUntil: secondEnd } },
    ]);
  });

  test('stores no secret: only its keyed hash and its last four characters', async () => {
    const { database, hmacKeys } = capabilities;
    const old = await capabilities.makeClient('kept secret');
    const fresh = await rotated(old);
    const everything = await dumpOf(database);
    for (const { secret } of [old, fresh]) {
      expect(everything).not.toContain(secret.slice(0, -4));
      expect(everything).not.toContain(secret.slice(11, 31));
      expect(everything).toContain(hmacKeys.hash('sandbox', 1, secret).toString('hex'));
    }
  });
});
