import type { Environment } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import { lockOrganisation } from '../organisations/index.js';
import type { Database } from '../platform/database/database.js';
import type { RandomBytes } from '../platform/random.js';
import { isNameTaken, type LockedClient, lockClient, type PolicyChanges, storeClientPolicy } from './client-store.js';
import { decidePolicy, describePolicy, type PolicyProblem } from './decide-policy.js';

export interface UpdateClientDependencies {
  readonly database: Database;
  readonly random: RandomBytes;
  /** Told after the commit and before the caller hears of it, so that the new policy holds for the next request. */
  readonly standingChanged: (environment: Environment, clientId: string) => void;
}

export type UpdateClientResult =
  | { readonly ok: true; readonly before: LockedClient }
  | { readonly ok: false; readonly problem: 'unknown' | 'revoked' | 'name-taken' | PolicyProblem };

/** Changes name and policy switches of a client. Requests that begin after it resolves are judged by the new ones. */
export async function updateClient(
  command: {
    readonly clientId: string;
    readonly name?: string | undefined;
    readonly changes: PolicyChanges;
    readonly actor: Actor;
  },
  now: number,
  { database, random, standingChanged }: UpdateClientDependencies,
): Promise<UpdateClientResult> {
  const { clientId, changes, actor } = command;
  const result = await database.transaction(async (tx): Promise<UpdateClientResult> => {
    const before = await lockClient(tx, clientId);
    if (before === undefined) return { ok: false, problem: 'unknown' };
    if (before.revokedAt !== null) return { ok: false, problem: 'revoked' };
    const { environment, organisationId } = before;
    const decision = decidePolicy(environment, before, changes);
    if (!decision.ok) return decision;
    const { policy } = decision;
    const name = command.name ?? before.name;
    if (name !== before.name) {
      await lockOrganisation(tx, organisationId);
      if (await isNameTaken(tx, before, name)) return { ok: false, problem: 'name-taken' };
    }
    const details = describeChanges(
      { name: before.name, ...describePolicy(before) },
      { name, ...describePolicy(policy) },
    );
    if (Object.keys(details).length === 0) return { ok: true, before };
    await storeClientPolicy(tx, before, name, policy);
    const fact = { environment, actor, action: 'client.updated', subject: clientId, details };
    await appendAuditEntry(tx, fact, now, random);
    return { ok: true, before };
  });
  if (result.ok) standingChanged(result.before.environment, clientId);
  return result;
}

/** `mtlsRequired before: false` and `mtlsRequired after: true`, for everything that is not as it was. */
function describeChanges<Value extends string | number | boolean>(
  before: Readonly<Record<string, Value>>,
  after: Readonly<Record<string, Value>>,
): Record<string, Value> {
  const changed: Record<string, Value> = {};
  for (const [name, value] of Object.entries(after)) {
    const earlier = before[name];
    if (earlier === undefined || earlier === value) continue;
    changed[`${name} before`] = earlier;
    changed[`${name} after`] = value;
  }
  return changed;
}
