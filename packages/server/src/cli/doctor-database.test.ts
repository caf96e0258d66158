import { describe, expect, it } from 'vitest';
import type { PostgresFacts } from '../platform/database/inspect-postgres.js';
import { createMasterKey } from '../platform/keys/master-key.js';
import { SecretValue } from '../platform/secret-value.js';
import { judgeMigrations, judgeNode, judgeNotifications, judgePostgres, judgeSealed } from './doctor-database.js';

const good: PostgresFacts = {
  version: '15.3',
  encoding: 'UTF8',
  readOnly: false,
  synchronousCommit: 'on',
  fsync: true,
  tls: 'TLSv1.3',
  mostConnections: 97,
  openConnections: 20,
};

describe('doctor judges PostgreSQL', () => {
  it('finds nothing wrong with a good one', () => {
    expect(judgePostgres(good, 3, undefined, false).map(({ result }) => result)).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  const faults: readonly [string, Partial<PostgresFacts>, string, string][] = [
    ['another encoding', { encoding: 'LATIN1' }, 'database', 'fail'],
    ['a standby', { readOnly: true }, 'database writes', 'fail'],
    ['writes that are not synced', { fsync: false }, 'database writes', 'fail'],
    ['a network without TLS', { tls: null }, 'database connection', 'fail'],
    ['too few connections for its nodes', { mostConnections: 44 }, 'database connections', 'warn'],
  ];
  for (const [what, change, name, result] of faults) {
    it(`[STO-15] tells of ${what}, and what to do`, () => {
      const exposure = 'tls' in change ? 'db.example without TLS' : undefined;
      const wrong = judgePostgres({ ...good, ...change }, 3, exposure, false).filter((check) => check.result !== 'ok');
      expect(wrong).toEqual([{ name, result, detail: expect.any(String), remedy: expect.any(String) }]);
    });
  }

  it('accepts a connection without TLS on this machine, and warns of one that was allowed', () => {
    const ofConnection = (tls: string | null, exposure: string | undefined, allowed: boolean) =>
      judgePostgres({ ...good, tls }, 1, exposure, allowed)[2]?.result;
    expect(ofConnection(null, undefined, false)).toBe('ok');
    expect(ofConnection(null, 'db.example without TLS', true)).toBe('warn');
    expect(ofConnection('TLSv1.3', 'db.example by TLS without checking its certificate', false)).toBe('fail');
  });

  it('tells of notifications that do not arrive', () => {
    expect(judgeNotifications(true).result).toBe('ok');
    expect(judgeNotifications(false)).toMatchObject({ result: 'fail', remedy: expect.stringContaining('pooler') });
  });
});

describe('doctor judges migrations', () => {
  const applied = [{ name: '0001-a.sql', appliedAt: new Date(0) }];
  const cases: readonly [string, readonly string[], readonly string[], string, string][] = [
    ['nothing is missing', [], [], 'ok', 'ok'],
    ['some are missing', ['0002-b.sql'], [], 'fail', 'ok'],
    ['a newer version applied some', [], ['0009-z.sql'], 'warn', 'fail'],
  ];
  for (const [what, pending, unknown, onPostgres, embedded] of cases) {
    it(`when ${what}: ${onPostgres} on PostgreSQL, ${embedded} on the embedded database, which migrates itself`, () => {
      const status = { applied, pending, unknown };
      expect(judgeMigrations(status, true).result).toBe(onPostgres);
      expect(judgeMigrations(status, false).result).toBe(embedded);
      for (const name of [...pending, ...unknown]) expect(judgeMigrations(status, true).detail).toContain(name);
    });
  }
});

describe('doctor judges sealed values', () => {
  const keyOf = (byte: number) => new SecretValue(Buffer.alloc(32, byte).toString('base64'));
  const [first, second] = [createMasterKey(keyOf(1)), createMasterKey(keyOf(2))];
  const both = createMasterKey(keyOf(1), keyOf(2));

  it('is content when the keys at hand open all of them', () => {
    expect(judgeSealed(first, new Map([[first.id, 3]])).result).toBe('ok');
    expect(judgeSealed(first, new Map()).result).toBe('ok');
    expect(judgeSealed(undefined, new Map()).result).toBe('ok');
    expect(
      judgeSealed(
        both,
        new Map([
          [first.id, 3],
          [second.id, 4],
        ]),
      ),
    ).toMatchObject({
      result: 'ok',
      detail: 'the master key opens all 7, 4 of them as the other master key',
    });
  });

  it('[STO-16] fails when one of them needs another master key, and names it by its id', () => {
    const check = judgeSealed(
      first,
      new Map([
        [first.id, 3],
        [second.id, 1],
      ]),
    );
    expect(check).toMatchObject({ result: 'fail', remedy: expect.stringContaining('TOLLWARD_OTHER_MASTER_KEY') });
    expect(check.detail).toContain(`sealed by master key ${second.id} (1), the one configured is ${first.id}`);
    expect(judgeSealed(undefined, new Map([[second.id, 1]]))).toMatchObject({
      result: 'fail',
      detail: expect.stringContaining(second.id),
    });
  });
});

describe('doctor judges nodes', () => {
  it('warns of one that has not reached the database for longer than its bound', () => {
    const node = { id: 'nod_1', name: 'a:1', version: '1.2.3', environments: ['sandbox'], boundMs: 1_500 };
    expect(judgeNode({ ...node, polledMsAgo: 1_500 }).result).toBe('ok');
    expect(judgeNode({ ...node, polledMsAgo: 1_501 })).toMatchObject({
      result: 'warn',
      detail: expect.stringContaining('a:1'),
    });
  });
});
