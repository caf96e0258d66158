// The part of `doctor` about the keys of the running server: does the schedule replace them, is a master key left over.

import { type KeyBody, keyListSchema, type MasterKeyBody } from '../surfaces/management/schemas/keys.js';
import type { Check } from './doctor-checks.js';
import { askManagement } from './management-client.js';

/** The schedule looks every minute. */
const lateMs = 10 * 60_000;

export async function checkKeys(dataDirectory: string, now: number): Promise<readonly Check[]> {
  const answer = await askManagement(dataDirectory, { method: 'GET', path: '/keys', answer: keyListSchema });
  if (answer.ok) return [judgeKeys(answer.value.keys, now), ...judgeMasterKeys(answer.value.masterKeys)];
  const remedy = answer.outcome.problem?.message ?? 'look into the log of the server';
  return [{ name: 'keys', result: 'fail', detail: 'can not be asked for', remedy }];
}

export function judgeKeys(keys: readonly KeyBody[], now: number): Check {
  const name = 'keys';
  const overdue = keys.filter(
    ({ state, activeUntil }) => state === 'active' && activeUntil !== null && activeUntil.getTime() < now - lateMs,
  );
  if (overdue.length === 0) {
    const kinds = new Set(keys.map(({ kind }) => kind));
    return { name, result: 'ok', detail: `${keys.length} of ${kinds.size} kinds, and none is overdue` };
  }
  const which = overdue.map(({ kind, environment }) => (environment === null ? kind : `${kind} of ${environment}`));
  const detail = `overdue: ${which.join(', ')}`;
  return { name, result: 'fail', detail, remedy: 'look into the log for why the schedule makes no new one' };
}

export function judgeMasterKeys(masterKeys: readonly MasterKeyBody[]): readonly Check[] {
  return masterKeys.filter(({ role, values }) => role === 'main' || values > 0).map(judgeMasterKey);
}

function judgeMasterKey({ id, role, values }: MasterKeyBody): Check {
  const name = 'master key';
  const detail = `${id} sealed ${values} value${values === 1 ? '' : 's'}`;
  switch (role) {
    case 'main':
      return { name, result: 'ok', detail };
    case 'other':
      return { name, result: 'warn', detail, remedy: '"tollward keys reseal" seals them by the main one' };
    case 'missing':
      return { name, result: 'fail', detail, remedy: 'configure it: the next start needs it' };
  }
}
