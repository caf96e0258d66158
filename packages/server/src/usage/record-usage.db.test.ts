// Counting who uses which credential: in memory, and as it is written, on both engines.

import { beforeAll, expect, test } from 'vitest';
import { createClient } from '../clients/index.js';
import type { Database } from '../platform/database/database.js';
import { openTestCapabilities } from '../testing/capabilities.js';
import { describeOnEachEngine } from '../testing/database.js';
import { fakeDatabase, someTime } from '../testing/facts.js';
import { createUsageRecorder, type UsageRecorder, type Use } from './record-usage.js';
import { listUses, summariseUses } from './usage-store.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const noneDropped = () => {
  throw new Error('a use was dropped');
};

describeOnEachEngine('uses of credentials', (open) => {
  let database: Database;
  let clientId: string;
  let productionClientId: string;
  let made = 0;
  beforeAll(async () => {
    database = await open();
    const capabilities = await openTestCapabilities(database);
    ({ clientId } = await capabilities.makeClient('counted'));
    const command = { environment: 'production', organisationName: 'Example', policy: {}, actor: 'operator' } as const;
    const created = await createClient({ ...command, name: 'counted' }, someTime, capabilities);
    if (!created.ok) throw new Error(created.problem);
    productionClientId = created.clientId;
  });

  /** A use of a credential that no other test counts. */
  const aUse = (changes: Partial<Use> = {}): Use => {
    made += 1;
    const credentialId = `sec_${String(made).padStart(32, '0')}`;
    return { environment: 'sandbox', clientId, credentialId, certificateId: null, address: '192.0.2.1', ...changes };
  };
  const aRecorder = (onto: Database = database) => createUsageRecorder(onto, noneDropped);
  const written = async ({ credentialId }: Use) =>
    summariseUses(await database.read((tx) => listUses(tx, 'sandbox', clientId)), credentialId);
  const keptUntil = async ({ credentialId }: Use): Promise<Date> => {
    const row = await database.read((tx) =>
      tx
        .selectFrom('credential_uses')
        .select('expires_at')
        .where('credential_id', '=', credentialId)
        .executeTakeFirstOrThrow(),
    );
    return row.expires_at;
  };
  const never = { uses: 0, lastUsedAt: null, refused: 0, lastRefusedAt: null };

  test('are written by flush and not before, one row per address and certificate, the latest first', async () => {
    const use = aUse();
    const overCertificate = { ...use, certificateId: `crt_${'1'.repeat(32)}` };
    const elsewhere = { ...use, address: '2001:db8::1' };
    const recorder = aRecorder();
    recorder.used(use, someTime, someTime + dayMs);
    recorder.used(use, someTime + 2, someTime + 2 * dayMs);
    recorder.used(overCertificate, someTime + 3);
    recorder.refused(elsewhere, someTime + 4);
    expect(await written(use)).toEqual({ uses: [], lastUsedAt: null, lastTriedAt: null, tokensUntil: null });

    await recorder.flush();
    expect(await written(use)).toEqual({
      uses: [
        { ...never, address: '2001:db8::1', certificateId: null, refused: 1, lastRefusedAt: new Date(someTime + 4) },
        {
          ...never,
          address: '192.0.2.1',
          certificateId: overCertificate.certificateId,
          uses: 1,
          lastUsedAt: new Date(someTime + 3),
        },
        { ...never, address: '192.0.2.1', certificateId: null, uses: 2, lastUsedAt: new Date(someTime + 2) },
      ],
      lastUsedAt: new Date(someTime + 3),
      lastTriedAt: new Date(someTime + 4),
      tokensUntil: new Date(someTime + 2 * dayMs),
    });
  });

  test('of a later flush are added to the row, and a flush without any writes none again', async () => {
    const use = aUse();
    const recorder = aRecorder();
    recorder.used(use, someTime);
    await recorder.flush();
    await recorder.flush();
    expect((await written(use)).uses).toMatchObject([{ uses: 1, refused: 0 }]);
    recorder.used(use, someTime + 1);
    recorder.refused(use, someTime + 2);
    await recorder.flush();
    expect((await written(use)).uses).toEqual([
      {
        address: use.address,
        certificateId: null,
        uses: 2,
        lastUsedAt: new Date(someTime + 1),
        refused: 1,
        lastRefusedAt: new Date(someTime + 2),
      },
    ]);
  });

  test('a refused use is a try and no use', async () => {
    const use = aUse();
    const recorder = aRecorder();
    recorder.refused(use, someTime);
    await recorder.flush();
    expect(await written(use)).toMatchObject({ lastUsedAt: null, lastTriedAt: new Date(someTime), tokensUntil: null });
  });

  test('never get older, whatever the clock of another node or a clock that was set back says', async () => {
    const use = aUse();
    const [ahead, behind] = [aRecorder(), aRecorder()];
    ahead.used(use, someTime, someTime + dayMs);
    ahead.refused(use, someTime);
    ahead.used(use, someTime - 1, someTime - 1);
    ahead.refused(use, someTime - 1);
    await ahead.flush();
    behind.used(use, someTime - dayMs, someTime - 1);
    behind.refused(use, someTime - dayMs);
    await behind.flush();
    expect(await written(use)).toMatchObject({
      uses: [{ uses: 3, lastUsedAt: new Date(someTime), refused: 3, lastRefusedAt: new Date(someTime) }],
      lastUsedAt: new Date(someTime),
      tokensUntil: new Date(someTime + dayMs),
    });
    expect(await keptUntil(use), 'by its latest time').toEqual(new Date(someTime + 400 * dayMs));
  });

  test('are kept when they can not be written, and written by the next flush with those that came meanwhile', async () => {
    const use = aUse();
    const elsewhere = { ...use, certificateId: `crt_${'2'.repeat(32)}` };
    let away = true;
    let failed = 0;
    const recorder = aRecorder({
      ...fakeDatabase({}),
      transaction: async (work) => {
        if (!away) return database.transaction(work);
        failed += 1;
        if (failed === 1) {
          recorder.used(use, someTime + 1, someTime + 2);
          recorder.refused(use, someTime + 1);
          recorder.used(elsewhere, someTime + 1);
        }
        throw new Error('away');
      },
    });
    recorder.used(use, someTime + 5, someTime + dayMs);
    recorder.refused(use, someTime + 6);
    await expect(recorder.flush()).rejects.toThrow('away');
    await expect(recorder.flush(), 'a second time too').rejects.toThrow('away');
    away = false;
    await recorder.flush();
    expect(await written(use)).toMatchObject({
      uses: [
        {
          certificateId: null,
          uses: 2,
          lastUsedAt: new Date(someTime + 5),
          refused: 2,
          lastRefusedAt: new Date(someTime + 6),
        },
        { certificateId: elsewhere.certificateId, uses: 1 },
      ],
      tokensUntil: new Date(someTime + dayMs),
    });
  });

  test('are all written once, however many flushes and nodes write at the same time', async () => {
    const uses = Array.from({ length: 5 }, () => aUse());
    const nodes = [aRecorder(), aRecorder(), aRecorder()];
    const flushes: Promise<void>[] = [];
    for (let round = 0; round < 6; round += 1) {
      for (const [index, node] of nodes.entries()) {
        const order = index % 2 === 0 ? uses : [...uses].reverse();
        for (const use of order) node.used(use, someTime + round);
        flushes.push(node.flush());
      }
    }
    await Promise.all(flushes);
    for (const use of uses) {
      expect((await written(use)).uses).toMatchObject([{ uses: 18, lastUsedAt: new Date(someTime + 5) }]);
    }
  });

  test('are written in units of 500 of one environment, and none twice when a unit fails', async () => {
    const uses = Array.from({ length: 1_100 }, () => aUse());
    const inProduction = aUse({ environment: 'production', clientId: productionClientId });
    const units: string[] = [];
    const recorder = aRecorder({
      ...fakeDatabase({}),
      transaction: async (work) => {
        units.push(units.length === 1 ? 'failed' : 'written');
        if (units.at(-1) === 'failed') throw new Error('away');
        return database.transaction(work);
      },
    });
    const counts = async () => {
      const ids = [...uses, inProduction].map(({ credentialId }) => credentialId);
      const rows = await database.read((tx) =>
        tx.selectFrom('credential_uses').select('uses').where('credential_id', 'in', ids).execute(),
      );
      return { rows: rows.length, uses: rows.reduce((sum, row) => sum + Number(row.uses), 0) };
    };
    for (const use of [inProduction, ...uses]) recorder.used(use, someTime);
    await expect(recorder.flush()).rejects.toThrow('away');
    expect(await counts()).toEqual({ rows: 500, uses: 500 });
    await recorder.flush();
    expect(await counts()).toEqual({ rows: 1_101, uses: 1_101 });
    expect(units).toEqual(['written', 'failed', 'written', 'written', 'written']);
  });

  test('are kept for the 50 places of latest use, and no other credential loses one', async () => {
    const [busy, quiet] = [aUse(), aUse()];
    const recorder = aRecorder();
    const address = (number: number) => `192.0.2.${number}`;
    recorder.used(quiet, someTime - dayMs);
    for (let number = 1; number <= 60; number += 1) {
      // The latest are neither the first nor the last to be counted.
      recorder.used({ ...busy, address: address(number) }, someTime + ((number * 7) % 61));
    }
    await recorder.flush();
    const kept = async () => (await written(busy)).uses.map((use) => use.lastUsedAt?.getTime() ?? 0);
    expect(await kept()).toEqual(Array.from({ length: 50 }, (_, index) => someTime + 60 - index));

    recorder.used({ ...busy, address: '198.51.100.1' }, someTime + 100);
    await recorder.flush();
    expect(await kept()).toEqual([someTime + 100, ...Array.from({ length: 49 }, (_, index) => someTime + 60 - index)]);
    expect((await written(quiet)).uses).toHaveLength(1);
  });

  test('that decide are kept however many others come: the latest use, the latest refusal and the longest token', async () => {
    const places = 60;
    const flood = {
      uses: (to: UsageRecorder, use: Use, at: number) => to.used(use, at),
      refusals: (to: UsageRecorder, use: Use, at: number) => to.refused(use, at),
      tokens: (to: UsageRecorder, use: Use, at: number) => to.used(use, at, at + hourMs),
    };
    const until = new Date(someTime + 20 * hourMs);
    const cases = [
      [flood.uses, { lastTriedAt: new Date(someTime + 2 * dayMs), tokensUntil: until }, 50 + 2],
      // The latest refusal is one of the 50.
      [flood.refusals, { lastUsedAt: new Date(someTime), tokensUntil: until }, 50 + 1],
      [flood.tokens, { lastTriedAt: new Date(someTime + 2 * dayMs), tokensUntil: until }, 50 + 2],
    ] as const;
    for (const [add, decisive, kept] of cases) {
      const use = aUse();
      const recorder = aRecorder();
      const from = (address: string) => ({ ...use, address });
      recorder.used(from('the longest token'), someTime, until.getTime());
      recorder.refused(from('the latest refusal'), someTime + 2 * dayMs);
      for (let number = 0; number < places; number += 1) add(recorder, from(String(number)), someTime + 1 + number);
      await recorder.flush();
      expect(await written(use)).toMatchObject(decisive);
      expect((await written(use)).uses).toHaveLength(kept);
    }
  });

  test('are kept for 400 days after the last one', async () => {
    const [use, refused] = [aUse(), aUse()];
    const recorder = aRecorder();
    recorder.used(use, someTime);
    recorder.used(use, someTime + 1);
    recorder.used(refused, someTime);
    recorder.refused(refused, someTime + 2);
    await recorder.flush();
    expect(await keptUntil(use)).toEqual(new Date(someTime + 1 + 400 * dayMs));
    expect(await keptUntil(refused)).toEqual(new Date(someTime + 2 + 400 * dayMs));
  });
});
