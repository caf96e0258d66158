import { hkdfSync } from 'node:crypto';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { describeOnEachEngine } from '../../testing/database.js';
import { someTime } from '../../testing/facts.js';
import type { Database } from '../database/database.js';
import { createMasterKey } from '../keys/master-key.js';
import { SecretValue } from '../secret-value.js';
import { openTicketKeys, type TicketKeys } from './ticket-keys.js';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

function secretOf(byte: number): SecretValue {
  return new SecretValue(Buffer.alloc(32, byte).toString('base64'));
}
const masterKey = createMasterKey(secretOf(1));

describeOnEachEngine('the keys of session tickets', (open) => {
  let database: Database;
  let noted: string[];
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await database.transaction((tx) => tx.deleteFrom('ticket_keys').execute());
    noted = [];
  });
  const openKeys = (now = someTime, key = masterKey) =>
    openTicketKeys(database, key, now, async (_tx, { environment }, actor) => {
      noted.push(`${environment} by ${actor}`);
    });
  const roots = () => database.read((tx) => tx.selectFrom('ticket_keys').selectAll().execute());

  test('[AUT-08] are the same on every node, and others for every listener, environment and five minutes', async () => {
    const nodes = await Promise.all([openKeys(), openKeys()]);
    expect(noted.sort()).toEqual(['production by tollward', 'sandbox by tollward']);
    const [one, other] = nodes;
    const places = [
      ['sandbox', 'api', someTime],
      ['sandbox', 'api-mtls', someTime],
      ['production', 'api', someTime],
      ['sandbox', 'api', someTime + 5 * minuteMs],
    ] as const;
    const keysOf = (node: TicketKeys | undefined) =>
      places.map(([environment, listener, at]) => node?.of(environment, listener, at).toString('hex'));
    expect(keysOf(one)).toEqual(keysOf(other));
    expect(new Set(keysOf(one)).size).toBe(4);
    // The whole of a period, which begins at a round five minutes.
    expect(one?.of('sandbox', 'api', someTime + 5 * minuteMs - 1)).toEqual(one?.of('sandbox', 'api', someTime));
  });

  test('are 48 bytes by HKDF from a root that only the master key opens', async () => {
    const keys = await openKeys();
    const row = (await roots()).find(({ environment }) => environment === 'sandbox');
    const place = { environment: 'sandbox', table: 'ticket_keys', row: row?.id ?? '' };
    const root = masterKey.open(row?.key_sealed ?? Buffer.alloc(0), place);
    expect(root).toHaveLength(32);
    const info = `["tollward session tickets","sandbox","api",${Date.UTC(2026, 2, 1, 12) / (5 * minuteMs)}]`;
    expect(keys.of('sandbox', 'api', someTime)).toEqual(Buffer.from(hkdfSync('sha256', root, '', info, 48)));
  });

  test('have another root every day, known to all a minute before its use, and the old one is gone soon after', async () => {
    const [one, other] = [await openKeys(), await openKeys()];
    const before = one.of('sandbox', 'api', someTime + dayMs);
    const maintain = async (at: number): Promise<void> => {
      await Promise.all([one.key.maintain(at), other.key.maintain(at)]);
      await Promise.all([one.key.reload(), other.key.reload()]);
    };
    await maintain(someTime + dayMs - 1);
    expect(await roots()).toHaveLength(2);
    await maintain(someTime + dayMs);
    expect(await roots()).toHaveLength(4);
    expect(one.of('sandbox', 'api', someTime + dayMs)).toEqual(before);
    const start = someTime + dayMs + minuteMs;
    expect(one.of('sandbox', 'api', start)).not.toEqual(before);
    expect(other.of('sandbox', 'api', start)).toEqual(one.of('sandbox', 'api', start));

    await maintain(start + 10 * minuteMs - 1);
    expect(await roots()).toHaveLength(4);
    await maintain(start + 10 * minuteMs);
    const left = await roots();
    expect(left.map(({ active_from }) => active_from.getTime())).toEqual([start, start]);
    expect(noted).toHaveLength(4);
  });

  test('have another root by command, in place of one that waits', async () => {
    const { key, of } = await openKeys();
    const sandbox = { environment: 'sandbox' } as const;
    const states = async (at: number) =>
      (await key.list(at)).map(({ environment, state }) => `${environment} ${state}`);
    expect((await key.rotate(sandbox, someTime + 1)).map(({ state }) => state)).toEqual(['active', 'next']);
    await key.rotate({ ...sandbox, publishSeconds: 5 }, someTime + 2);
    expect(await states(someTime + 2)).toEqual(['sandbox active', 'sandbox next', 'production active']);
    const start = someTime + 5_002;
    expect(await states(start)).toEqual(['sandbox retired', 'sandbox active', 'production active']);
    expect(of('sandbox', 'api', start)).not.toEqual(of('sandbox', 'api', start - 1));
    expect(noted.slice(2)).toEqual(['sandbox by operator', 'sandbox by operator']);
    const [retired] = await key.list(start);
    expect(retired).toMatchObject({ activeUntil: start, readableUntil: start + 10 * minuteMs });
  });

  test('are sealed anew under another master key', async () => {
    const { key, of } = await openKeys();
    const both = createMasterKey(secretOf(2), secretOf(1));
    expect(await key.reseal(both)).toBe(2);
    expect(await key.reseal(both)).toBe(0);
    const after = await openKeys(someTime, createMasterKey(secretOf(2)));
    expect(after.of('production', 'api', someTime)).toEqual(of('production', 'api', someTime));
  });
});
