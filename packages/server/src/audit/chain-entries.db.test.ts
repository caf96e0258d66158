// Several nodes on one PostgreSQL database. PGlite has one process and one connection, and nothing to compete for.

import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { migrate } from '../platform/database/migrate.js';
import { openPostgres } from '../platform/database/postgres.js';
import { lockForUnit } from '../platform/database/unit-lock.js';
import { createTestPostgres, type TestPostgres, testServerUrl } from '../testing/postgres-server.js';
import { appendAuditEntry } from './append.js';
import { openTestChain, type TestChain } from './chain-for-tests.js';

const serverUrl = testServerUrl();

describe.skipIf(!serverUrl)('the audit chain of several nodes', () => {
  let postgres: TestPostgres;
  let databases: Database[];
  let nodes: TestChain[];
  beforeEach(async () => {
    postgres = await createTestPostgres(serverUrl ?? '');
    databases = [];
    nodes = [];
    for (let count = 0; count < 2; count += 1) {
      const database = await openPostgres({ url: postgres.url, poolSize: 12 });
      databases.push(database);
      if (count === 0) await migrate(database);
      nodes.push(await openTestChain(database, nodes[0]?.masterKey));
    }
  });
  afterEach(async () => {
    for (const database of databases) await database.close();
    await postgres.drop();
  });

  const pick = <T>(list: readonly T[], index: number): T => {
    const found = list[index];
    if (found === undefined) throw new Error(`there is no ${index}`);
    return found;
  };
  const write = (database: Database, subject: string, hold: Promise<void> = Promise.resolve()): Promise<void> =>
    database.transaction(async (tx) => {
      const fact = { environment: null, actor: 'operator', action: 'thing.done', subject, details: {} } as const;
      await appendAuditEntry(tx, fact, pick(nodes, 0).time.now, randomBytes);
      await hold;
    });
  const subjects = async (): Promise<readonly string[]> =>
    (await pick(nodes, 0).source().entries(0, 10_000)).map(({ subject }) => subject);

  test('[AUD-02] has no gap and nothing twice while 20 writers write, both nodes link, and one transaction ends late', async () => {
    let end = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      end = resolve;
    });
    const late = write(pick(databases, 0), 'late', held);
    let isWriting = true;
    const linking = nodes.map(async (node) => {
      while (isWriting) await node.turnLater(1_000);
    });
    const writers = Array.from({ length: 20 }, async (_, writer) => {
      for (let count = 0; count < 10; count += 1) await write(pick(databases, writer % 2), `${writer}/${count}`);
    });
    await Promise.all(writers);
    isWriting = false;
    await Promise.all(linking);
    await pick(nodes, 0).turnLater();
    const before = await subjects();
    expect(before).toHaveLength(201);

    end();
    await late;
    for (const node of nodes) await node.turnLater();
    // What has a place keeps it, whoever comes later.
    expect(await subjects()).toEqual([...before, 'late']);
    expect(new Set(before).size).toBe(before.length);
    for (let writer = 0; writer < 20; writer += 1) {
      const own = before.filter((subject) => subject.startsWith(`${writer}/`));
      expect(own).toEqual(Array.from({ length: 10 }, (_, count) => `${writer}/${count}`));
    }
    for (const node of nodes) {
      expect(await node.verify()).toMatchObject({ problems: [], entries: 202 });
      expect(node.chain.state()).toMatchObject({ fault: null });
    }
  });

  test('[AUD-02] is left to the node that is at it; the others tell how much waits, and for how long', async () => {
    await pick(nodes, 0).turn();
    await pick(nodes, 0).append('a');
    const node = pick(nodes, 1);
    await node.turn();
    await databases[0]?.transaction(async (tx) => {
      await lockForUnit(tx, 'audit chain');
      await pick(nodes, 1).append('b');
      await node.turnLater(5_000);
    });
    expect(node.chain.state()).toMatchObject({ unlinkedEntries: 1, lagSeconds: 5 });
    await node.turn();
    expect(node.chain.state()).toMatchObject({ unlinkedEntries: 0, lagSeconds: 0 });
  });

  test('[AUD-09] is watched by the nodes that did not link it, too', async () => {
    await pick(nodes, 0).append('a');
    await pick(nodes, 0).turn();
    await pick(nodes, 1).turnLater();
    await databases[0]?.transaction((tx) => tx.deleteFrom('audit_entries').where('subject', '=', 'a').execute());
    await pick(nodes, 1).turnLater();
    expect(pick(nodes, 1).chain.state().fault).toContain('is gone');
  });

  test('[AUD-10] changes its key once, whichever node is asked', async () => {
    await pick(nodes, 0).turn();
    const { keys } = pick(nodes, 1).chain;
    await keys.rotate({}, pick(nodes, 1).time.now);
    await Promise.all(nodes.map((node) => node.turnLater()));
    expect((await keys.list(0)).map(({ state }) => state)).toEqual(['retired', 'active']);
    await pick(nodes, 0).append('a');
    await pick(nodes, 0).turnLater();
    expect(await pick(nodes, 1).verify()).toMatchObject({ problems: [] });
  });
});
