import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { openAuditChain } from './audit/index.js';
import { openAuthorities } from './certificates/index.js';
import { createHmacKeyRotation } from './clients/index.js';
import { createKeyCommands } from './key-commands.js';
import { createKeyRoutine } from './key-routine.js';
import type { Database } from './platform/database/database.js';
import { openHmacKeyring } from './platform/keys/hmac-keyring.js';
import { createMasterKey, type MasterKey, MasterKeyError } from './platform/keys/master-key.js';
import { assertMasterKeyFits, listMasterKeyUses } from './platform/keys/master-key-use.js';
import type { KeyDescription, RotatableKey } from './platform/keys/rotatable-key.js';
import { openTicketKeys } from './platform/listeners/ticket-keys.js';
import { createLog } from './platform/observability/log.js';
import { SecretValue } from './platform/secret-value.js';
import { describeOnEachEngine } from './testing/database.js';
import { someTime } from './testing/facts.js';
import { openSigningKeys, openTokenKeyring } from './tokens/index.js';

const random = randomBytes;
const minuteMs = 60_000;

function secretOf(byte: number): SecretValue {
  return new SecretValue(Buffer.alloc(32, byte).toString('base64'));
}

/** Every kind of key a node has, opened as a start opens them. */
async function openNode(database: Database, masterKey: MasterKey, now: number) {
  await assertMasterKeyFits(database, masterKey);
  const dependencies = { database, masterKey, random };
  const { logger } = createLog('silent', { write: () => undefined });
  const authorities = await openAuthorities(database, masterKey, now, random);
  const tickets = await openTicketKeys(database, masterKey, now, async () => undefined);
  const hmacKeys = await openHmacKeyring(database, masterKey, now);
  const clocks = { monotonic: () => 0, databaseNow: async () => now };
  const { rotation: tokenKeys } = await openTokenKeyring({ ...dependencies, ...clocks }, now);
  const signingKeys = await openSigningKeys(dependencies, now);
  const audit = await openAuditChain({ ...dependencies, logger, onState: () => undefined }, now);
  const hmac = createHmacKeyRotation({ ...dependencies, reload: hmacKeys.reload });
  const keys = [...authorities.keys, tickets.key, hmac, tokenKeys, signingKeys, audit.keys];
  return {
    keys,
    hmacKeys,
    commands: createKeyCommands({ ...dependencies, keys, tokenKeys }),
    reload: () => Promise.all(keys.map((key) => key.reload())),
  };
}

describeOnEachEngine('replacing the master key under running nodes', (open) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });

  const [oldSecret, newSecret] = [secretOf(1), secretOf(2)];
  const states = {
    before: createMasterKey(oldSecret),
    'new one rolled out': createMasterKey(oldSecret, newSecret),
    swapped: createMasterKey(newSecret, oldSecret),
    after: createMasterKey(newSecret),
  };
  const [oldId, newId] = [states.before.id, states.after.id];

  test('[KEY-09] [KEY-10] leaves no node with a key that it can not open, whatever state its neighbour is in', async () => {
    let now = someTime;
    let first = await openNode(database, states.before, now);
    let second = await openNode(database, states.before, now);
    const hash = first.hmacKeys.hash('sandbox', 1, 'a secret').toString('hex');
    /** New keys of every kind by each node, which the other one has to read. */
    const bothWrite = async () => {
      now += 10 * minuteMs;
      for (const node of [first, second]) {
        for (const kind of ['token', 'hmac', 'signing'] as const) {
          await node.commands.rotate(kind, { publishSeconds: 5 }, now);
        }
        now += 10 * minuteMs;
        await Promise.all([first.reload(), second.reload()]);
      }
      for (const node of [first, second]) {
        expect(node.hmacKeys.hash('sandbox', 1, 'a secret').toString('hex')).toBe(hash);
      }
    };
    const used = async (masterKey: MasterKey) =>
      Object.fromEntries((await listMasterKeyUses(database, masterKey)).map(({ id, values }) => [id, values]));

    first = await openNode(database, states['new one rolled out'], now);
    await bothWrite();
    second = await openNode(database, states['new one rolled out'], now);
    await bothWrite();
    expect((await used(states.swapped))[newId], 'nothing is sealed by it yet').toBe(0);

    first = await openNode(database, states.swapped, now);
    await bothWrite();
    second = await openNode(database, states.swapped, now);
    await bothWrite();
    const mixed = await used(states.swapped);
    expect([(mixed[oldId] ?? 0) > 0, (mixed[newId] ?? 0) > 0]).toEqual([true, true]);
    await expect(openNode(database, states.after, now), 'too early').rejects.toThrow(MasterKeyError);

    const [resealed, again] = await Promise.all([first.commands.reseal(now), second.commands.reseal(now)]);
    expect(resealed.resealed + again.resealed, 'each value once, though two nodes do it').toBe(mixed[oldId]);
    expect((await first.commands.reseal(now)).resealed).toBe(0);
    await bothWrite();
    expect((await used(states.swapped))[oldId]).toBe(0);

    first = await openNode(database, states.after, now);
    await bothWrite();
    await expect(openNode(database, states.before, now)).rejects.toThrow(
      new RegExp(`sealed by master key ${newId}, the one configured is ${oldId}\\. Configure the master key this data`),
    );
    const entries = await database.read((tx) =>
      tx.selectFrom('audit_entries').select('subject').where('action', '=', 'master_key.resealed').execute(),
    );
    expect(entries.every(({ subject }) => subject === newId)).toBe(true);
    expect(entries.length).toBeGreaterThan(0);
  }, 60_000);

  test('lists the keys of every kind, and each of them counts for the master key that sealed it', async () => {
    const { keys, commands } = await openNode(database, states.after, someTime);
    const listed = await commands.list(someTime);
    expect(new Set(listed.keys.map(({ kind }) => kind))).toEqual(new Set(keys.map(({ kind }) => kind)));
    const [main] = listed.masterKeys;
    expect(main?.values).toBeGreaterThanOrEqual(listed.keys.length);
  });
});

describe('the turn of every minute', () => {
  const described: KeyDescription = {
    kind: 'token',
    environment: 'sandbox',
    id: 'a1',
    state: 'active',
    createdAt: 1,
    activeFrom: 2,
    activeUntil: 3,
    readableUntil: 4,
  };

  test('maintains every kind, also when another kind fails, says so, and tells the metrics what there is', async () => {
    const lines: string[] = [];
    const maintained: (readonly [string, number])[] = [];
    const told: (readonly KeyDescription[])[] = [];
    const keyOf = (kind: RotatableKey['kind'], fault?: Error): RotatableKey => ({
      kind,
      list: async () => [{ ...described, kind }],
      rotate: async () => [],
      maintain: async (now) => {
        maintained.push([kind, now]);
        if (fault !== undefined) throw fault;
      },
      reload: async () => undefined,
      reseal: async () => 0,
    });
    const routine = createKeyRoutine({
      keys: [keyOf('hmac', new Error('no room')), keyOf('token')],
      log: createLog('info', { write: (line) => void lines.push(line) }),
      metrics: { keys: (descriptions) => void told.push(descriptions) },
      clock: () => someTime + 100 * minuteMs,
      databaseNow: async () => someTime,
    });
    await routine();
    expect(maintained, 'by the clock that all nodes share').toEqual([
      ['hmac', someTime],
      ['token', someTime],
    ]);
    expect(lines.join('')).toMatch(/keys could not be maintained/);
    expect(told.map((descriptions) => descriptions.map(({ kind }) => kind))).toEqual([['token', 'hmac']]);
  });
});
