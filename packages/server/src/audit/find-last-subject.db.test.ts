import { expect, test } from 'vitest';
import { createRandomPool } from '../platform/random.js';
import { describeOnEachEngine } from '../testing/database.js';
import { someTime } from '../testing/facts.js';
import { appendAuditEntry } from './append.js';
import { findLastSubject } from './find-last-subject.js';

describeOnEachEngine('the last subject of an action', (open) => {
  test('is that of the latest entry, in this environment and of this action', async () => {
    const database = await open();
    const random = createRandomPool();
    const append = (subject: string, now: number, changes: { action?: string; environment?: 'production' } = {}) => {
      const fact = { environment: 'sandbox', actor: 'tollward', action: 'thing.done', subject, details: {} } as const;
      return database.transaction((tx) => appendAuditEntry(tx, { ...fact, ...changes }, now, random));
    };
    const last = () => database.read((tx) => findLastSubject(tx, 'sandbox', 'thing.done'));
    expect(await last()).toBeUndefined();
    await append('second', someTime + 1);
    await append('first', someTime);
    await append('of another action', someTime + 2, { action: 'thing.undone' });
    await append('of another environment', someTime + 2, { environment: 'production' });
    expect(await last()).toBe('second');
  });
});
