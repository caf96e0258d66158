import { describe, expect, it } from 'vitest';
import type { KeyBody } from '../surfaces/management/schemas/keys.js';
import { judgeKeys, judgeMasterKeys } from './doctor-keys.js';

const now = Date.parse('2026-03-01T12:00:00.000Z');
const minuteMs = 60_000;

function keyThatEnds(inMs: number | null, changes: Partial<KeyBody> = {}): KeyBody {
  return {
    kind: 'token',
    environment: 'sandbox',
    id: '01234567',
    state: 'active',
    createdAt: new Date(0),
    activeFrom: new Date(0),
    activeUntil: inMs === null ? null : new Date(now + inMs),
    readableUntil: null,
    ...changes,
  };
}

describe('doctor judges keys', () => {
  it('gives the schedule ten minutes, and names what is overdue then', () => {
    expect(judgeKeys([keyThatEnds(-10 * minuteMs), keyThatEnds(null, { kind: 'hmac' })], now)).toEqual({
      name: 'keys',
      result: 'ok',
      detail: '2 of 2 kinds, and none is overdue',
    });
    const late = keyThatEnds(-10 * minuteMs - 1);
    expect(judgeKeys([late, { ...late, environment: null, kind: 'audit' }], now)).toMatchObject({
      result: 'fail',
      detail: 'overdue: token of sandbox, audit',
    });
  });

  it('leaves keys alone that were replaced', () => {
    expect(judgeKeys([keyThatEnds(-60 * minuteMs, { state: 'retired' })], now).result).toBe('ok');
  });

  it('warns of values that wait for resealing, and fails for a master key that is not configured', () => {
    const uses = [
      { id: 'aaaaaaaa', role: 'main', values: 0 },
      { id: 'bbbbbbbb', role: 'other', values: 2 },
      { id: 'cccccccc', role: 'missing', values: 1 },
    ] as const;
    expect(judgeMasterKeys(uses).map(({ result }) => result)).toEqual(['ok', 'warn', 'fail']);
    expect(judgeMasterKeys([{ id: 'bbbbbbbb', role: 'other', values: 0 }])).toEqual([]);
  });
});
