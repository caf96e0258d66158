import { beforeAll, expect, test } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { createRandomPool } from '../platform/random.js';
import { describeOnEachEngine } from '../testing/database.js';
import { someTime } from '../testing/facts.js';
import { type AuditFact, appendAuditEntry } from './append.js';

const fact: AuditFact = {
  environment: 'sandbox',
  actor: 'operator',
  action: 'client.created',
  subject: 'cli_1',
  details: { name: 'Zoë "z"', count: 2, mtlsRequired: true, before: null },
};
const fixedBytes = () => Buffer.alloc(16, 0);

describeOnEachEngine('an audit entry', (open) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });

  const entriesOf = (subject: string) =>
    database.read((tx) => tx.selectFrom('audit_entries').selectAll().where('subject', '=', subject).execute());

  test('is written as the bytes that a verifier rebuilds, whatever the order of its details', async () => {
    await database.transaction((tx) => appendAuditEntry(tx, fact, someTime, fixedBytes));
    const [row] = await entriesOf('cli_1');
    // A golden vector: changing it breaks the verification of every entry that was ever written.
    expect(row?.entry.toString('utf8')).toBe(
      '[1,"aud_019ca9450a0070008000000000000000","2026-03-01T12:00:00.000Z","sandbox","operator","client.created","cli_1",' +
        '{"before":null,"count":2,"mtlsRequired":true,"name":"Zoë \\"z\\""}]',
    );
    expect(row).toMatchObject({
      id: 'aud_019ca9450a0070008000000000000000',
      occurred_at: new Date(someTime),
      environment: 'sandbox',
      actor: 'operator',
      action: 'client.created',
    });
  });

  test('waits for its place in the chain, and carries the id of its transaction', async () => {
    const random = createRandomPool();
    await database.transaction(async (tx) => {
      await appendAuditEntry(tx, { ...fact, subject: 'together' }, someTime, random);
      await appendAuditEntry(tx, { ...fact, subject: 'together' }, someTime, random);
    });
    await database.transaction((tx) => appendAuditEntry(tx, { ...fact, subject: 'later' }, someTime, random));
    const together = await entriesOf('together');
    const [later] = await entriesOf('later');
    expect(new Set(together.map((row) => row.transaction_id)).size).toBe(1);
    expect(BigInt(later?.transaction_id ?? 0)).toBeGreaterThan(BigInt(together[0]?.transaction_id ?? 0));
    expect(later).toMatchObject({ chain_position: null, previous_hash: null, entry_hash: null });
  });

  test('is gone when the work it tells of was rolled back', async () => {
    const failed = database.transaction(async (tx) => {
      await appendAuditEntry(tx, { ...fact, subject: 'rolled back' }, someTime, createRandomPool());
      throw new Error('a fault after the entry');
    });
    await expect(failed).rejects.toThrow('a fault after the entry');
    expect(await entriesOf('rolled back')).toEqual([]);
  });

  test('of the whole installation has no environment', async () => {
    await database.transaction((tx) =>
      appendAuditEntry(tx, { ...fact, environment: null, subject: 'whole' }, someTime, createRandomPool()),
    );
    const [row] = await entriesOf('whole');
    expect(row?.environment).toBeNull();
    expect(JSON.parse(row?.entry.toString('utf8') ?? '')).toContainEqual(null);
  });
});
