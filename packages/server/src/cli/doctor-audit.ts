// The part of `doctor` about the audit chain of the running server.

import { type ChainStateBody, chainStateSchema } from '../surfaces/management/schemas/audit.js';
import type { Check } from './doctor-checks.js';
import { describeDuration } from './duration.js';
import { askManagement } from './management-client.js';

const name = 'audit chain';
const lateSeconds = 60;
/** One is due every hour. */
const oldCheckpointMs = 65 * 60_000;

export async function checkAuditChain(dataDirectory: string, now: number): Promise<readonly Check[]> {
  const path = '/audit/chain/state';
  const answer = await askManagement(dataDirectory, { method: 'GET', path, answer: chainStateSchema });
  if (answer.ok) return [judgeAuditChain(answer.value, now)];
  const remedy = answer.outcome.problem?.message ?? 'look into the log of the server';
  return [{ name, result: 'fail', detail: 'can not be asked for', remedy }];
}

export function judgeAuditChain(
  { unlinkedEntries, lagSeconds, checkpointAt, fault }: ChainStateBody,
  now: number,
): Check {
  if (fault !== null) {
    const remedy =
      '"tollward audit verify" says where; hold the chain against a checkpoint that you noted, and find out who can write to the database';
    return { name, result: 'fail', detail: `it was changed behind the back of the server: ${fault}`, remedy };
  }
  if (lagSeconds > lateSeconds) {
    const detail = `${unlinkedEntries} entries wait for their place, the oldest for ${describeDuration(lagSeconds)}`;
    const remedy = 'the log of the server says why they can not be linked';
    return { name, result: 'warn', detail, remedy };
  }
  if (checkpointAt === null || now - checkpointAt.getTime() > oldCheckpointMs) {
    const detail =
      checkpointAt === null ? 'it has no checkpoint' : `its newest checkpoint is of ${checkpointAt.toISOString()}`;
    return { name, result: 'warn', detail, remedy: 'one is due every hour: look into the log of the server' };
  }
  return { name, result: 'ok', detail: `complete, signed at ${checkpointAt.toISOString()}` };
}
