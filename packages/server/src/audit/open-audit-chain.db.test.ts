import { sql } from 'kysely';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { describeOnEachEngine } from '../testing/database.js';
import {
  checkpointHashByHand,
  emptyChain,
  entryHashByHand,
  openTestChain,
  type TestChain,
  zeros,
} from './chain-for-tests.js';
import { readChainLines } from './chain-source.js';
import type { CheckpointLine, EntryLine } from './export-format.js';

describeOnEachEngine('the audit chain', (open) => {
  let database: Database;
  let node: TestChain;
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyChain(database);
    node = await openTestChain(database);
  });

  const linesOf = async () => {
    const entries: EntryLine[] = [];
    const checkpoints: CheckpointLine[] = [];
    for await (const line of readChainLines(node.source())) {
      if (line.type === 'entry') entries.push(line);
      if (line.type === 'checkpoint') checkpoints.push(line);
    }
    return { entries, checkpoints };
  };

  test('[AUD-01] links every entry without a gap, in the order of the transactions, each with the hash before it', async () => {
    for (const subject of ['a', 'b', 'c']) await node.append(subject);
    await node.turn();
    await node.append('d');
    await node.turn();
    const { entries } = await linesOf();
    expect(
      entries.map(({ position, subject, action }) => [position, action === 'thing.done' ? subject : action]),
    ).toEqual([
      [1, 'audit_key.created'],
      [2, 'a'],
      [3, 'b'],
      [4, 'c'],
      [5, 'd'],
    ]);
    let previousHash = zeros;
    for (const entry of entries) {
      expect(entry.previousHash).toBe(previousHash);
      expect(entry.entryHash).toBe(entryHashByHand(previousHash, entry.position, entry.entry));
      previousHash = entry.entryHash;
    }
  });

  test('[AUD-01] links many entries in one turn', async () => {
    await database.transaction((tx) =>
      sql`insert into audit_entries (id, occurred_at, actor, action, subject, entry)
          select 'aud_' || n, now(), 'operator', 'thing.done', 'x', 'x' from generate_series(1, 1200) n`.execute(tx),
    );
    await node.turn();
    expect((await linesOf()).entries).toHaveLength(1_201);
    expect(node.states.at(-1)).toMatchObject({ unlinkedEntries: 0 });
  });

  test('[AUD-03] signs when it has grown, at most every 10 seconds, and each hour when it rests', async () => {
    await node.turn();
    const numbers = async () => (await linesOf()).checkpoints.map(({ number, position }) => [number, position]);
    await node.append('a');
    await node.turnLater(9_999);
    expect(await numbers()).toEqual([[1, 1]]);
    await node.turnLater(1);
    expect(await numbers()).toEqual([
      [1, 1],
      [2, 2],
    ]);
    await node.turnLater(3_599_999);
    expect(await numbers()).toEqual([
      [1, 1],
      [2, 2],
    ]);
    await node.turnLater(10_000);
    expect(await numbers()).toEqual([
      [1, 1],
      [2, 2],
      [3, 2],
    ]);
    const { checkpoints } = await linesOf();
    for (const [index, checkpoint] of checkpoints.entries()) {
      const before = checkpoints[index - 1];
      expect(checkpoint.previousHash).toBe(before === undefined ? zeros : checkpointHashByHand(before));
    }
  });

  test('[AUD-03] says each checkpoint in the log, where the database can not change it', async () => {
    await node.turn();
    const [checkpoint] = (await linesOf()).checkpoints;
    if (checkpoint === undefined) throw new Error('there is no checkpoint');
    expect(node.logged.filter(({ msg }) => msg === 'audit checkpoint')).toMatchObject([
      { number: 1, hash: checkpointHashByHand(checkpoint), position: 1, keyId: checkpoint.keyId },
    ]);
  });

  test('[AUD-03] is sealed at once when somebody wants to read it', async () => {
    await node.turn();
    await node.append('a');
    await node.chain.seal(node.time.now);
    await node.chain.seal(node.time.now);
    expect((await linesOf()).checkpoints.map(({ position }) => position)).toEqual([1, 2]);
  });

  test('a clock that was set back far does not keep it from being signed', async () => {
    await node.turn();
    await node.append('a');
    await node.turnLater(-365 * 86_400_000);
    expect((await linesOf()).checkpoints).toHaveLength(2);
  });

  test('links entries that were restored from another server, whatever their transactions were there', async () => {
    await database.transaction((tx) =>
      sql`insert into audit_entries (id, occurred_at, actor, action, subject, entry, transaction_id)
          values ('aud_restored', now(), 'operator', 'thing.done', 'x', 'x', '9000000000')`.execute(tx),
    );
    await node.turn();
    expect((await linesOf()).entries.map(({ id }) => id)).toContain('aud_restored');
  });

  describe('[AUD-09] a running node notices what was done behind its back:', () => {
    const alter = (statement: string) => database.transaction((tx) => sql.raw(statement).execute(tx));
    const cases: readonly [what: string, statement: string, fault: string][] = [
      ['the tail cut off', 'delete from audit_entries where chain_position >= 3', 'entry 4 is gone'],
      [
        'the tail made anew',
        "update audit_entries set entry_hash = sha256('x') where chain_position = 4",
        'entry 4 is another',
      ],
      ['the newest checkpoint removed', 'delete from audit_checkpoints where number = 2', 'checkpoint 2 is gone'],
      [
        'tail and checkpoints removed',
        'delete from audit_entries where chain_position > 1; delete from audit_checkpoints where number > 1',
        'ends before entry 4',
      ],
      [
        'a checkpoint changed',
        "update audit_checkpoints set signed_at = signed_at + interval '1 s' where number = 2",
        'not signed by its key',
      ],
    ];
    for (const [what, statements, fault] of cases) {
      test(what, async () => {
        await node.turn();
        for (const subject of ['a', 'b', 'c']) await node.append(subject);
        await node.turnLater();
        expect(node.states.at(-1)).toMatchObject({ fault: null });
        for (const statement of statements.split(';')) await alter(statement);
        await node.append('d');
        await node.turnLater();
        // It goes on, and says so for as long as it runs.
        await node.turnLater();
        expect(node.states.at(-1)).toMatchObject({ unlinkedEntries: 0, fault: expect.stringContaining(fault) });
        const errors = node.logged.filter(({ level }) => level === 'error');
        expect(errors[0]).toMatchObject({ fault: expect.stringContaining(fault) });
        // After its restart, the chain itself still says it.
        expect((await node.verify()).problems).toContainEqual({
          kind: 'noted_by_server',
          position: expect.any(Number),
          text: expect.stringContaining(fault),
        });
      });
    }

    test('an entry that is not signed yet and was made anew', async () => {
      await node.turn();
      await node.append('a');
      await node.turn();
      await alter("update audit_entries set entry_hash = sha256('x') where chain_position = 2");
      await node.turnLater();
      expect(node.states.at(-1)?.fault).toContain('entry 2 is another one than it was');
    });

    test('a checkpoint that does not fit its entry, even when it was just started', async () => {
      await node.turn();
      await alter("update audit_entries set entry_hash = sha256('x') where chain_position = 1");
      const restarted = await node.restarted();
      await restarted.turn(node.time.now);
      expect(restarted.state().fault).toContain('entry 1 is another one');
    });
  });
});
