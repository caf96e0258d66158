// Which notices are given, on both engines. The certificates are rows made here: what is read is the table.

import { beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { createLog } from '../platform/observability/log.js';
import { type CertificateRow, daysFrom, insertCertificateRows, insertClientRows } from '../testing/certificate-rows.js';
import { describeOnEachEngine } from '../testing/database.js';
import { someTime } from '../testing/facts.js';
import { createUsageRecorder, type UsageRecorder } from '../usage/index.js';
import { announceExpiry } from './announce-expiry.js';
import { readExpiryOutlook } from './listed-certificate-store.js';

const dayMs = 86_400_000;

describeOnEachEngine('notices of expiry', (open) => {
  let database: Database;
  let usage: UsageRecorder;

  const insertCertificates = (rows: readonly (Omit<CertificateRow, 'clientId'> & { clientId?: string })[]) =>
    insertCertificateRows(
      database,
      rows.map((row) => ({ clientId: 'cli_1', ...row })),
    );

  async function announce(now = someTime): Promise<Record<string, unknown>[]> {
    const lines: Record<string, unknown>[] = [];
    const { logger } = createLog('info', { write: (line) => void lines.push(JSON.parse(line)) });
    await announceExpiry(now, { database, usage, logger });
    return lines;
  }
  const idsIn = (lines: readonly Record<string, unknown>[]) => lines.map(({ certificateId }) => certificateId);

  beforeAll(async () => {
    database = await open();
    usage = createUsageRecorder(database, () => undefined);
    await insertClientRows(database, [
      ...['cli_1', 'cli_2', 'cli_3'].map((id) => ({ id })),
      { id: 'cli_production', environment: 'production' },
      { id: 'cli_revoked', revoked: true },
    ]);
  });

  describe('of certificates at every distance', () => {
    beforeAll(() =>
      insertCertificates([
        { id: 'crt_far', endsInDays: 30.001 },
        { id: 'crt_30', endsInDays: 30 },
        { id: 'crt_14', endsInDays: 13 },
        { id: 'crt_7', endsInDays: 7, environment: 'production', clientId: 'cli_production' },
        { id: 'crt_1', endsInDays: 0.5 },
        { id: 'crt_0', endsInDays: -3 },
        { id: 'crt_revoked', endsInDays: 5, revoked: true },
        { id: 'crt_of_revoked', endsInDays: 5, clientId: 'cli_revoked' },
        { id: 'crt_not_yet', endsInDays: 400, startsInDays: 20, clientId: 'cli_2' },
        { id: 'crt_late_revoked', endsInDays: 300, revoked: true, clientId: 'cli_2' },
        { id: 'crt_early', endsInDays: 20, clientId: 'cli_2' },
        {
          id: 'crt_begins_soon',
          endsInDays: 6,
          startsInDays: 3,
          environment: 'production',
          clientId: 'cli_production',
        },
      ]),
    );

    test('the figures count those in force, of clients in force', async () => {
      const outlook = await database.read((tx) => readExpiryOutlook(tx, someTime));
      const counts = (within30: number, within14: number, within7: number, within1: number) => [
        { withinDays: 30, count: within30 },
        { withinDays: 14, count: within14 },
        { withinDays: 7, count: within7 },
        { withinDays: 1, count: within1 },
      ];
      expect(outlook).toHaveLength(2);
      expect(outlook).toContainEqual({
        environment: 'sandbox',
        soonestEnd: daysFrom(0.5),
        ending: counts(4, 2, 1, 1),
      });
      expect(outlook).toContainEqual({
        environment: 'production',
        soonestEnd: daysFrom(7),
        ending: counts(1, 1, 1, 0),
      });
    });

    test('there is one line each, the soonest end first, and none for what is revoked', async () => {
      usage.used(
        { environment: 'sandbox', clientId: 'cli_1', credentialId: 'crt_0', certificateId: null, address: '::1' },
        someTime - 4 * dayMs,
      );
      const lines = await announce();
      expect(lines.map(({ certificateId, level, daysLeft }) => [certificateId, level, daysLeft])).toEqual([
        ['crt_0', 'error', 0],
        ['crt_1', 'info', 1],
        ['crt_begins_soon', 'info', 6],
        ['crt_7', 'warn', 7],
        ['crt_14', 'info', 13],
        ['crt_early', 'warn', 20],
        ['crt_30', 'info', 30],
      ]);
      expect(lines[0]).toEqual({
        level: 'error',
        time: expect.any(String),
        environment: 'sandbox',
        clientId: 'cli_1',
        clientName: 'name of cli_1',
        organisation: 'Organisation of cli_1',
        certificateId: 'crt_0',
        name: 'name of crt_0',
        notAfter: daysFrom(-3).toISOString(),
        daysLeft: 0,
        lastUsedAt: daysFrom(-4).toISOString(),
        lastUsedFrom: '::1',
        laterOne: true,
        msg: expect.stringContaining('tollward clients show'),
      });
    });

    test('they are not repeated, and the next threshold is a notice of its own', async () => {
      expect(await announce()).toEqual([]);
      expect(await announce(someTime - 20 * dayMs)).toEqual([]);
      expect(idsIn(await announce(someTime + 0.5 * dayMs))).toEqual(['crt_1', 'crt_far']);
    });

    test('there are no figures of an environment without a certificate in force', async () => {
      const [first] = await database.read((tx) => readExpiryOutlook(tx, someTime + 500 * dayMs));
      expect(first?.soonestEnd).toBeNull();
      expect(first?.ending.map(({ count }) => count)).toEqual([0, 0, 0, 0]);
    });
  });

  test('two nodes at the same time give each notice once', async () => {
    const rows = Array.from({ length: 40 }, (_, place) => ({ id: `crt_shared_${place}`, endsInDays: place / 2 }));
    await insertCertificates(rows);
    const shared = (await Promise.all([announce(), announce(), announce()])).flat();
    // One that another node had locked is left to a later turn.
    const all = [...shared, ...(await announce())];
    expect(idsIn(all).sort()).toEqual(rows.map(({ id }) => id).sort());
  });

  test('a turn gives at most 1,000, the soonest ends first, and the next one the rest', async () => {
    const rows = Array.from({ length: 1_005 }, (_, place) => ({
      id: `crt_many_${place}`,
      endsInDays: 2 + place / 1_000,
      clientId: 'cli_3',
    }));
    await insertCertificates(rows);
    expect(idsIn(await announce())).toEqual(rows.slice(0, 1_000).map(({ id }) => id));
    expect(idsIn(await announce())).toEqual(rows.slice(1_000).map(({ id }) => id));
  });
});
