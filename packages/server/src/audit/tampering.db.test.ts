import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { describeOnEachEngine } from '../testing/database.js';
import { emptyChain, entryHashByHand, kindsOf, openTestChain, type TestChain, zeros } from './chain-for-tests.js';
import { readChainLines } from './chain-source.js';

describeOnEachEngine('tampering by SQL is found:', (open) => {
  let database: Database;
  let node: TestChain;
  beforeAll(async () => {
    database = await open();
  });
  // Entries 1 (the key) to 9, checkpoints over 1, 5 and 9.
  beforeEach(async () => {
    await emptyChain(database);
    node = await openTestChain(database);
    await node.turn();
    for (const subjects of ['abcd', 'efgh']) {
      for (const subject of subjects) await node.append(subject);
      await node.turnLater();
    }
    expect(await node.verify()).toMatchObject({ problems: [], entries: 9, checkpoints: 3 });
  });

  const alter = async (...statements: string[]): Promise<void> => {
    for (const statement of statements) await database.transaction((tx) => sql.raw(statement).execute(tx));
  };
  const found = async (): Promise<readonly string[]> => kindsOf(await node.verify());

  /** What somebody without the key does to hide a change: every link is made anew, as the chainer would have. */
  const rehash = async (): Promise<void> => {
    const rows = await database.read((tx) =>
      tx.selectFrom('audit_entries').select(['id', 'entry']).orderBy('chain_position').execute(),
    );
    await alter('update audit_entries set chain_position = chain_position + 1000');
    let previous = zeros;
    for (const [index, { id, entry }] of rows.entries()) {
      const hash = entryHashByHand(previous, index + 1, entry.toString('utf8'));
      await alter(
        `update audit_entries set chain_position = ${index + 1}, previous_hash = decode('${previous}', 'hex'),
         entry_hash = decode('${hash}', 'hex') where id = '${id}'`,
      );
      previous = hash;
    }
  };

  const changed = `convert_to(replace(convert_from(entry, 'UTF8'), '"d"', '"x"'), 'UTF8')`;
  const cases: readonly [what: string, statements: string[], kinds: string[]][] = [
    ['the bytes of an entry', [`update audit_entries set entry = ${changed} where subject = 'd'`], ['entry_changed']],
    ['bytes that are no text', [`update audit_entries set entry = '\\xff' where subject = 'd'`], ['entry_changed']],
    ['a subject', [`update audit_entries set subject = 'x' where subject = 'd'`], ['entry_columns']],
    ['an actor', [`update audit_entries set actor = 'tollward' where subject = 'd'`], ['entry_columns']],
    ['an action', [`update audit_entries set action = 'x' where subject = 'd'`], ['entry_columns']],
    ['an environment', [`update audit_entries set environment = 'production' where subject = 'd'`], ['entry_columns']],
    [
      'a time',
      [`update audit_entries set occurred_at = occurred_at - interval '1 ms' where subject = 'd'`],
      ['entry_columns'],
    ],
    [
      'a time that is none',
      [`update audit_entries set occurred_at = 'infinity' where subject = 'd'`],
      ['entry_columns'],
    ],
    ['an id', [`update audit_entries set id = 'aud_x' where subject = 'd'`], ['entry_columns']],
    ['an entry deleted', [`delete from audit_entries where subject = 'd'`], ['entry_missing']],
    [
      'an entry taken out of the chain',
      [`update audit_entries set chain_position = null where subject = 'd'`],
      ['entry_missing'],
    ],
    ['the entry of a checkpoint deleted', [`delete from audit_entries where chain_position = 5`], ['entry_missing']],
    ['the tail deleted', [`delete from audit_entries where chain_position > 7`], ['chain_cut']],
    [
      'two entries swapped',
      [
        `update audit_entries set chain_position = 1000 where chain_position = 7`,
        `update audit_entries set chain_position = 7 where chain_position = 8`,
        `update audit_entries set chain_position = 8 where chain_position = 1000`,
      ],
      ['entry_link', 'entry_changed'],
    ],
    [
      'the time of a checkpoint',
      [`update audit_checkpoints set signed_at = signed_at + interval '1 s' where number = 2`],
      ['checkpoint_changed'],
    ],
    [
      'what a checkpoint covers',
      [`update audit_checkpoints set position = 4 where number = 2`],
      ['checkpoint_changed', 'checkpoint_mismatch'],
    ],
    ['a signature', [`update audit_checkpoints set signature = sha512('x') where number = 2`], ['checkpoint_changed']],
    ['a checkpoint deleted', [`delete from audit_checkpoints where number = 2`], ['checkpoint_missing']],
    ['every checkpoint deleted', [`delete from audit_checkpoints`], ['checkpoint_missing']],
    ['the key changed', [`update audit_keys set public_key = sha256('x')`], ['key_unknown']],
    ['the key deleted', [`delete from audit_keys`], ['key_unknown']],
  ];
  for (const [what, statements, kinds] of cases) {
    test(`[AUD-06] ${what}`, async () => {
      await alter(...statements);
      expect(await found()).toEqual(kinds);
    });
  }

  test('[AUD-06] a change that was hashed anew to the end', async () => {
    await alter(`update audit_entries set subject = 'x', entry = ${changed} where subject = 'd'`);
    await rehash();
    expect(await found()).toEqual(['checkpoint_mismatch']);
  });

  test('[AUD-06] an entry that was inserted with links that fit', async () => {
    const entry = '[1,"aud_x","2026-03-01T12:00:00.000Z","sandbox","operator","thing.done","x",{}]';
    await alter(
      'update audit_entries set chain_position = chain_position + 1 where chain_position = 9',
      'update audit_entries set chain_position = chain_position + 1 where chain_position = 8',
      `insert into audit_entries (id, occurred_at, environment, actor, action, subject, entry, chain_position)
       values ('aud_x', '2026-03-01T12:00:00Z', 'sandbox', 'operator', 'thing.done', 'x', '${entry}', 8)`,
    );
    await rehash();
    expect(await found()).toEqual(['checkpoint_mismatch']);
  });

  test('[AUD-06] an entry that was deleted, and the rest hashed anew', async () => {
    await alter(`delete from audit_entries where subject = 'd'`);
    await rehash();
    expect(await found()).toEqual(['checkpoint_mismatch', 'chain_cut']);
  });

  test('[AUD-06] tail and checkpoints deleted, by the hour in which a checkpoint is due', async () => {
    await alter('delete from audit_entries where chain_position > 5', 'delete from audit_checkpoints where number > 2');
    node.time.now += 66 * 60_000;
    expect(await found()).toEqual(['checkpoint_old']);
  });

  test('[AUD-06] tail and checkpoints deleted and signed anew after a restart, by a checkpoint noted elsewhere', async () => {
    const { newest } = await node.verify();
    if (newest === null) throw new Error('there is no checkpoint');
    await alter('delete from audit_entries where chain_position > 5', 'delete from audit_checkpoints where number > 2');
    const restarted = await node.restarted();
    await node.append('i');
    await restarted.seal(node.time.now);
    expect(kindsOf(await node.verify({ anchor: newest }))).toEqual(['anchor_missing']);
  });

  test('[AUD-06] all of it made anew with another key, by the key noted elsewhere', async () => {
    const [key] = await node.chain.keys.list(node.time.now);
    await alter(
      'delete from audit_checkpoints',
      'delete from audit_keys',
      `delete from audit_entries where subject = '${key?.id}'`,
    );
    await rehash();
    const another = await node.restarted();
    await another.seal(node.time.now);
    expect(await found()).toEqual([]);
    expect(kindsOf(await node.verify({ trustedKeyId: key?.id }))).toEqual(['key_not_trusted']);
  });

  test('[AUD-10] a key that somebody announced who may write audit entries, and not sign', async () => {
    const details = { publicKey: 'x', previous: 'x', signature: randomBytes(64).toString('base64') };
    await node.append('0'.repeat(64), { action: 'audit_key.created', details });
    await node.turnLater();
    const announced: string[] = [];
    for await (const line of readChainLines(node.source())) {
      if (line.type === 'entry' && line.action === 'audit_key.created') announced.push(line.subject);
    }
    expect(announced).toHaveLength(2);
    await alter(`update audit_checkpoints set key_id = '${'0'.repeat(64)}' where number = 4`);
    expect(await found()).toEqual(['key_unknown']);
  });
});
