// X-idempotence-uuid: the same key with the same body gets the same answer again, and nothing is done twice. Refusals are not
// kept, so what was refused may be tried again with its key.

import { createHash } from 'node:crypto';
import type { Change } from '../state.js';
import type { World } from '../world.js';
import { type Answer, conflict, invalid, type Refusal } from './answers.js';
import { uuidField } from './fields.js';

export interface IdempotentRequest {
  readonly clientId: string;
  /** Keys of different operations, or about different profiles, have nothing to do with each other. */
  readonly operation: string;
  readonly idempotenceKey: string;
  readonly body: unknown;
}

/** What is to be done and said, not done yet. */
export interface Proposal {
  readonly changes: readonly Change[];
  readonly answer: Answer;
}

export function requireIdempotenceKey(key: string | undefined): string | Refusal {
  const parsed = uuidField.safeParse(key);
  if (parsed.success) return parsed.data;
  const message = key === undefined ? 'the header X-idempotence-uuid is required' : 'is no UUID';
  return invalid('X-idempotence-uuid', key === undefined ? 'NotNull' : 'NOT_VALID', message);
}

export function answerOnce(
  world: World,
  request: IdempotentRequest,
  propose: () => Proposal | Refusal,
): Answer | Refusal {
  const { clientId, operation, idempotenceKey, body } = request;
  const key = `${clientId} ${operation} ${idempotenceKey}`;
  const bodyDigest = digestOf(body);
  const before = world.state.remembered.get(key);
  if (before !== undefined) {
    if (before.bodyDigest === bodyDigest) return { status: before.status, body: before.answer };
    return conflict('NOT_UNIQUE', 'the key was used for a request that said something else', 'X-idempotence-uuid');
  }
  const proposal = propose();
  if ('refusal' in proposal) return proposal;
  const { status } = proposal.answer;
  const answer = JSON.stringify(proposal.answer.body);
  world.commit([...proposal.changes, { put: 'remembered', record: { key, bodyDigest, status, answer } }]);
  return { status, body: answer };
}

/** Of what a schema made of a body, so that blanks and the order of members make no difference. */
export function digestOf(body: unknown): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('base64url');
}
