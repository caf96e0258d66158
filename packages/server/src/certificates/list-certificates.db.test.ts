// What is listed of certificates, on both engines. The certificates are rows made here: what is read is the table.

import { beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { daysFrom, insertCertificateRows, insertClientRows } from '../testing/certificate-rows.js';
import { describeOnEachEngine } from '../testing/database.js';
import { someTime } from '../testing/facts.js';
import { createUsageRecorder, type UsageRecorder } from '../usage/index.js';
import { listCertificates } from './list-certificates.js';
import type { CertificateSelection } from './listed-certificate-store.js';

const dayMs = 86_400_000;

describeOnEachEngine('the list of certificates', (open) => {
  let database: Database;
  let usage: UsageRecorder;
  const list = (selection: Partial<CertificateSelection>, now = someTime) =>
    listCertificates({ limit: 100, ...selection }, now, { database, usage });
  const idsOf = async (selection: Partial<CertificateSelection>, now = someTime) =>
    (await list(selection, now)).certificates.map(({ id }) => id);

  beforeAll(async () => {
    database = await open();
    usage = createUsageRecorder(database, () => undefined);
    await insertClientRows(database, [
      { id: 'cli_1' },
      { id: 'cli_2' },
      { id: 'cli_production', environment: 'production' },
      { id: 'cli_revoked', revoked: true },
    ]);
    await insertCertificateRows(database, [
      { id: 'crt_later', clientId: 'cli_1', endsInDays: 200 },
      { id: 'crt_20', clientId: 'cli_1', endsInDays: 20 },
      { id: 'crt_over', clientId: 'cli_1', endsInDays: -1 },
      { id: 'crt_revoked', clientId: 'cli_1', endsInDays: 250, revoked: true },
      { id: 'crt_10', clientId: 'cli_2', endsInDays: 10 },
      { id: 'crt_10_b', clientId: 'cli_2', endsInDays: 10 },
      { id: 'crt_2_revoked', clientId: 'cli_2', endsInDays: 25, revoked: true },
      { id: 'crt_2_not_yet', clientId: 'cli_2', endsInDays: 300, startsInDays: 5 },
      { id: 'crt_production', clientId: 'cli_production', environment: 'production', endsInDays: 15 },
      { id: 'crt_of_revoked', clientId: 'cli_revoked', endsInDays: 5 },
    ]);
  });

  test('has all of them, the first to end first', async () => {
    expect(await idsOf({})).toEqual([
      'crt_over',
      'crt_of_revoked',
      'crt_10',
      'crt_10_b',
      'crt_production',
      'crt_20',
      'crt_2_revoked',
      'crt_later',
      'crt_revoked',
      'crt_2_not_yet',
    ]);
  });

  test('can be narrowed to a client and an environment', async () => {
    expect(await idsOf({ clientId: 'cli_1' })).toEqual(['crt_over', 'crt_20', 'crt_later', 'crt_revoked']);
    expect(await idsOf({ environment: 'production' })).toEqual(['crt_production']);
    expect(await idsOf({ environment: 'production', clientId: 'cli_1' })).toEqual([]);
  });

  test('of those ending soon has none that is over or revoked, and none of a revoked client', async () => {
    expect(await idsOf({ endingWithinDays: 30 })).toEqual(['crt_10', 'crt_10_b', 'crt_production', 'crt_20']);
    expect(await idsOf({ endingWithinDays: 19 })).toEqual(['crt_10', 'crt_10_b', 'crt_production']);
    expect(await idsOf({ endingWithinDays: 20, clientId: 'cli_1' })).toEqual(['crt_20']);
    expect(await idsOf({ endingWithinDays: 20 }, someTime + 20 * dayMs), 'the end itself').toEqual([]);
  });

  test.each([1, 2, 3, 4, 9, 10, 11])('comes in pages of %i that have each certificate once', async (limit) => {
    const found: string[] = [];
    const sizes: number[] = [];
    let after: string | undefined;
    while (sizes.length < 11) {
      const { certificates, next } = await list({ limit, after });
      found.push(...certificates.map(({ id }) => id));
      sizes.push(certificates.length);
      if (next === null) break;
      after = next;
    }
    expect(found).toEqual(await idsOf({}));
    expect(
      sizes.slice(0, -1).every((size) => size === limit),
      'only the last page is shorter',
    ).toBe(true);
    expect(sizes.at(-1)).toBeGreaterThan(0);
  });

  test('pages keep to what was asked for', async () => {
    const first = await list({ endingWithinDays: 30, limit: 3 });
    expect(first.next).toBe('crt_production');
    expect(await list({ endingWithinDays: 30, limit: 3, after: 'crt_production' })).toMatchObject({
      certificates: [{ id: 'crt_20' }],
      next: null,
    });
  });

  test('says whether the client has another one in force that ends later', async () => {
    const { certificates } = await list({});
    const laterOnes = certificates.filter(({ laterOne }) => laterOne).map(({ id }) => id);
    // Neither the one that is not valid yet, nor a revoked one, nor one that ends at the same moment.
    expect(laterOnes).toEqual(['crt_over', 'crt_20']);
    const later = await list({ clientId: 'cli_2' }, someTime + 6 * dayMs);
    expect(later.certificates.map(({ laterOne }) => laterOne)).toEqual([true, true, true, false]);
    const end = await list({ clientId: 'cli_1' }, someTime + 200 * dayMs);
    expect(
      end.certificates.map(({ laterOne }) => laterOne),
      'the later one is over as well',
    ).toEqual([false, false, false, false]);
  });

  describe('of certificates that were used', () => {
    beforeAll(() => {
      const use = { clientId: 'cli_2', certificateId: null };
      const inSandbox = { ...use, environment: 'sandbox', credentialId: 'crt_10' } as const;
      usage.used({ ...inSandbox, address: '192.0.2.1' }, someTime - 3 * dayMs);
      usage.used({ ...inSandbox, address: '192.0.2.2' }, someTime - 2 * dayMs);
      usage.refused({ ...inSandbox, address: '192.0.2.3' }, someTime - dayMs);
      usage.used(
        { ...use, environment: 'sandbox', credentialId: 'sec_1', certificateId: 'crt_10_b', address: '192.0.2.4' },
        someTime,
      );
    });

    test('says who used each last, also what is not written yet, and nothing of refused tries', async () => {
      const [ten, other] = (await list({ clientId: 'cli_2' })).certificates;
      expect(ten).toMatchObject({ id: 'crt_10', lastUsedAt: daysFrom(-2), lastUsedFrom: '192.0.2.2' });
      expect(other).toMatchObject({ id: 'crt_10_b', lastUsedAt: null, lastUsedFrom: null });
    });

    test('says whose they are and since when uses are known', async () => {
      const dropped = { ...usage, lastDroppedAt: () => daysFrom(-100).getTime() };
      const counted = await list({ clientId: 'cli_2', limit: 1 });
      expect(counted.certificates).toMatchObject([
        {
          clientName: 'name of cli_2',
          organisation: 'Organisation of cli_2',
          state: 'in force',
          usesKnownSince: daysFrom(-365),
        },
      ]);
      const afterLoss = await listCertificates({ limit: 1 }, someTime, { database, usage: dropped });
      expect(afterLoss.certificates[0]?.usesKnownSince).toEqual(daysFrom(-100));
    });

    test('is given also when uses can not be written', async () => {
      const failing = { ...usage, flush: () => Promise.reject(new Error('no space left')) };
      const { certificates } = await listCertificates({ limit: 2 }, someTime, { database, usage: failing });
      expect(certificates).toHaveLength(2);
    });
  });
});
