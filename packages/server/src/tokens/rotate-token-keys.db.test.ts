import { randomBytes } from 'node:crypto';
import { environments } from '@tollward/protocol';
import { beforeEach, expect, test } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { KeyConflictError } from '../platform/keys/key-conflict-error.js';
import { createMasterKey, type MasterKey } from '../platform/keys/master-key.js';
import { SecretValue } from '../platform/secret-value.js';
import { describeOnEachEngine, openTestDatabase } from '../testing/database.js';
import { someClaims, someTime } from '../testing/facts.js';
import { sealToken } from './sealed-token.js';
import { type OpenedTokenKeyring, openTokenKeyring } from './token-keyring.js';
import { createTokenOpener } from './token-opener.js';

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

function secretOf(byte: number): SecretValue {
  return new SecretValue(Buffer.alloc(32, byte).toString('base64'));
}

const masterKey = createMasterKey(secretOf(1));
let readings = 0;
/** A second passes between two readings of keys. */
const clocks = { monotonic: () => secondMs * readings++, databaseNow: async () => someTime };

describeOnEachEngine('rotating token keys', (open) => {
  let database: Database;
  beforeEach(async () => {
    database ??= await open();
    await database.transaction(async (tx) => {
      await tx.deleteFrom('token_keys').execute();
      await tx.deleteFrom('audit_entries').execute();
    });
  });

  /** A node: its keys, and what it does with tokens. */
  const openNode = async (now: number, master: MasterKey = masterKey) => {
    const ring = await openTokenKeyring({ database, masterKey: master, random: randomBytes, ...clocks }, now);
    const opener = createTokenOpener(ring, () => true);
    return {
      ring,
      rotation: ring.rotation,
      issue: (at: number) => sealToken('sandbox', someClaims(), ring.current('sandbox', at), randomBytes),
      reads: async (token: string) => (await opener.open('sandbox', token)).ok,
    };
  };

  const stateOf = async (ring: OpenedTokenKeyring, now: number) =>
    (await ring.rotation.list(now)).map(({ environment, id, state }) => ({ environment, id, state }));

  const audited = () =>
    database.read((tx) =>
      tx
        .selectFrom('audit_entries')
        .select(['action', 'actor', 'subject', 'environment'])
        .orderBy('occurred_at')
        .orderBy('id')
        .execute(),
    );

  test('[KEY-01] makes a next key that is used a minute later, while the one before still opens what it sealed', async () => {
    const node = await openNode(someTime);
    const [before] = [node.ring.current('sandbox', someTime)];
    const token = node.issue(someTime);
    const listed = await node.rotation.rotate({ environment: 'sandbox' }, someTime);
    const next = listed.find(({ state }) => state === 'next');
    expect(next).toMatchObject({ kind: 'token', environment: 'sandbox', activeFrom: someTime + minuteMs });
    expect(node.ring.current('sandbox', someTime + minuteMs - 1).id).toBe(before.id);
    expect(node.ring.current('sandbox', someTime + minuteMs).id).toBe(next?.id);
    expect(await node.reads(token)).toBe(true);
    expect(await stateOf(node.ring, someTime + minuteMs)).toEqual([
      { environment: 'production', id: node.ring.current('production', someTime).id, state: 'active' },
      { environment: 'sandbox', id: before.id, state: 'retired' },
      { environment: 'sandbox', id: next?.id, state: 'active' },
    ]);
    expect(await audited()).toContainEqual({
      action: 'token_key.created',
      actor: 'operator',
      subject: next?.id,
      environment: 'sandbox',
    });
  });

  test('rotates both environments when none is named', async () => {
    const node = await openNode(someTime);
    const listed = await node.rotation.rotate({ publishSeconds: 5 }, someTime);
    const next = listed.filter(({ state }) => state === 'next');
    expect(next.map(({ environment }) => environment).sort()).toEqual([...environments].sort());
    expect(next.map(({ activeFrom }) => activeFrom)).toEqual([someTime + 5 * secondMs, someTime + 5 * secondMs]);
  });

  test('[KEY-02] never has two next keys: one that waits is brought forward, and a later one is refused', async () => {
    const node = await openNode(someTime);
    const almost = someTime + dayMs - 30 * minuteMs;
    await node.rotation.maintain(almost);
    const scheduled = (await node.rotation.list(almost)).find(
      (key) => key.state === 'next' && key.environment === 'sandbox',
    );
    const listed = await node.rotation.rotate({ environment: 'sandbox', publishSeconds: 10 }, almost);
    expect(listed.filter((key) => key.environment === 'sandbox' && key.state === 'next')).toEqual([
      { ...scheduled, activeFrom: almost + 10 * secondMs, activeUntil: almost + 10 * secondMs + dayMs },
    ]);
    expect(await audited()).toContainEqual(
      expect.objectContaining({ action: 'token_key.brought_forward', subject: scheduled?.id }),
    );
    await expect(node.rotation.rotate({ environment: 'sandbox' }, almost)).rejects.toThrow(KeyConflictError);
    await expect(node.rotation.rotate({}, almost), 'nothing of it happens').rejects.toThrow(
      /of sandbox is there already/,
    );
    expect(await stateOf(node.ring, almost)).toHaveLength(4);
  });

  test('leaves no moment without a key, however long the next one is published', async () => {
    const node = await openNode(someTime);
    const end = node.ring.current('sandbox', someTime).activeUntil;
    await node.rotation.rotate({ publishSeconds: 3 * 86_400 }, someTime);
    for (const at of [end - 1, end, end + 1]) expect(() => node.ring.current('sandbox', at)).not.toThrow();
  });

  test('[KEY-03] is never noticed by a client: over days of schedule and commands two nodes open each other’s tokens', async () => {
    const nodes = [await openNode(someTime), await openNode(someTime)];
    const living: { readonly token: string; readonly expiresAt: number }[] = [];
    let unread = 0;
    let turn = 0;
    for (let now = someTime; now < someTime + 2.5 * dayMs; now += 55 * minuteMs) {
      turn += 1;
      const [first, second] = turn % 2 === 0 ? nodes : nodes.toReversed();
      await first?.rotation.maintain(now);
      if (turn % 9 === 0) await second?.rotation.rotate({ publishSeconds: 5 }, now).catch(ignoreConflict);
      for (const node of nodes)
        living.push({ token: node.issue(now + 6 * secondMs), expiresAt: now + 6 * secondMs + dayMs });
      while ((living[0]?.expiresAt ?? Infinity) <= now + 7 * secondMs) living.shift();
      for (const { token } of [...living.slice(0, 4), ...living.slice(-4)]) {
        for (const node of nodes) if (!(await node.reads(token))) unread += 1;
      }
    }
    expect(unread).toBe(0);
    const keys = await database.read((tx) => tx.selectFrom('token_keys').select('id').execute());
    expect(keys.length, 'the table does not grow').toBeLessThanOrEqual(2 * 12);
  });

  test('[KEY-04] five nodes that maintain at the same moment make one next key', async () => {
    const nodes = await Promise.all([1, 2, 3, 4, 5].map(() => openNode(someTime)));
    expect(await stateOf(nodes[0]?.ring ?? unreachable(), someTime)).toHaveLength(2);
    const due = someTime + dayMs - hourMs;
    await Promise.all(nodes.map(({ rotation }) => rotation.maintain(due)));
    const states = (await stateOf(nodes[0]?.ring ?? unreachable(), due)).map(
      ({ environment, state }) => `${environment} ${state}`,
    );
    expect(states).toEqual(['production active', 'production next', 'sandbox active', 'sandbox next']);
    const ids = nodes.map(({ ring }) => ring.current('sandbox', someTime + dayMs).id);
    expect(new Set(ids).size).toBe(1);
  });

  test('[KEY-05] a revoked key’s tokens are dead on every node that heard of it, and another key seals already', async () => {
    const [ours, theirs] = [await openNode(someTime), await openNode(someTime)];
    const leaked = ours.ring.current('sandbox', someTime);
    const token = ours.issue(someTime);
    const elsewhere = ours.ring.current('production', someTime).id;
    for (const node of [ours, theirs]) expect(await node.reads(token)).toBe(true);

    const at = someTime + minuteMs;
    expect(await ours.rotation.revoke(leaked.id, at)).toEqual({ revoked: true, environment: 'sandbox' });
    await theirs.rotation.reload();
    for (const node of [ours, theirs]) {
      expect(await node.reads(token), 'also where it was opened before').toBe(false);
      expect(node.ring.current('sandbox', at).id).not.toBe(leaked.id);
      expect(node.ring.current('sandbox', at - 2 * secondMs).id, 'with a clock that is behind').not.toBe(leaked.id);
      expect(await node.reads(ours.issue(at))).toBe(true);
      expect(node.ring.current('production', at).id).toBe(elsewhere);
    }
    expect(await audited()).toContainEqual({
      action: 'token_key.revoked',
      actor: 'operator',
      subject: leaked.id,
      environment: 'sandbox',
    });
    expect(await ours.rotation.revoke(leaked.id, at)).toEqual({ revoked: false });
  });

  test('revoking a key while the next one waits puts that one in its place, which every node knows', async () => {
    const node = await openNode(someTime);
    await node.rotation.rotate({ environment: 'sandbox' }, someTime);
    const waiting = node.ring.current('sandbox', someTime + minuteMs);
    await node.rotation.revoke(node.ring.current('sandbox', someTime).id, someTime + secondMs);
    expect(node.ring.current('sandbox', someTime + secondMs).id).toBe(waiting.id);
  });

  test('revoking a key that waits or is retired leaves the one that seals', async () => {
    const node = await openNode(someTime);
    const first = node.ring.current('sandbox', someTime);
    await node.rotation.rotate({ environment: 'sandbox' }, someTime);
    const second = node.ring.current('sandbox', someTime + minuteMs);
    await node.rotation.revoke(second.id, someTime + secondMs);
    expect(node.ring.current('sandbox', someTime + secondMs).id).toBe(first.id);
    const third = node.ring.current('sandbox', someTime + minuteMs);
    expect([first.id, second.id]).not.toContain(third.id);
    await node.rotation.revoke(first.id, someTime + 2 * minuteMs);
    expect(node.ring.current('sandbox', someTime + 2 * minuteMs).id).toBe(third.id);
  });

  test('[KEY-10] sealing anew under another master key changes no token key, and a second time nothing', async () => {
    const next = createMasterKey(secretOf(2), secretOf(1));
    const node = await openNode(someTime);
    const token = node.issue(someTime);
    expect(await node.rotation.reseal(next)).toBe(2);
    expect(await node.rotation.reseal(next)).toBe(0);
    const after = await openNode(someTime, createMasterKey(secretOf(2)));
    expect(await after.reads(token)).toBe(true);
    await expect(openNode(someTime)).rejects.toThrow(/was sealed by master key/);
  });
});

test('a wrong master key seals no key at its start, however overdue one is', async () => {
  const database = await openTestDatabase();
  const dependencies = { database, masterKey, random: randomBytes, ...clocks };
  await openTokenKeyring(dependencies, someTime);
  const wrong = { ...dependencies, masterKey: createMasterKey(secretOf(2)) };
  await expect(openTokenKeyring(wrong, someTime + 3 * dayMs)).rejects.toThrow(/was sealed by master key/);
  await expect(openTokenKeyring(dependencies, someTime + 3 * dayMs)).resolves.toBeDefined();
  await database.close();
});

function ignoreConflict(error: unknown): void {
  if (!(error instanceof KeyConflictError)) throw error;
}

function unreachable(): never {
  throw new Error('there is a first node');
}
