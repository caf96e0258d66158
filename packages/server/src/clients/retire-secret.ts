// Three ways to take a secret out of use: end its overlap (tokens it got run out by themselves), revoke it (they die with it), or
// pause it for a while, which tells who would notice.

import type { Environment } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import type { Database, Tx } from '../platform/database/database.js';
import type { RandomBytes } from '../platform/random.js';
import {
  checkQuiet,
  decidePause,
  describePause,
  type PauseResult,
  type StillUsed,
  type UsageRecorder,
} from '../usage/index.js';
import { lockClient } from './client-store.js';
import {
  findSecret,
  type StoredSecret,
  storeSecretEnded,
  storeSecretPause,
  storeSecretRevoked,
} from './secret-store.js';

export interface RetireSecret {
  readonly secretId: string;
  /** Only when it was not used for so long. */
  readonly quietSeconds?: number | undefined;
  readonly actor: Actor;
}

export type RetireResult =
  | { readonly ok: true; readonly alreadyDone: boolean; readonly at: Date; readonly clientId: string }
  | { readonly ok: false; readonly problem: 'unknown' }
  | StillUsed;

export interface RetireDependencies {
  readonly database: Database;
  readonly random: RandomBytes;
  readonly usage: UsageRecorder;
  /** Told after the commit and before the caller hears of it, so that this node refuses at once. */
  readonly standingChanged: (environment: Environment, clientId: string) => void;
}

/** Ends a secret now: it gets no more tokens, and those it got run out. An earlier end stays. */
export function endSecret(command: RetireSecret, now: number, dependencies: RetireDependencies): Promise<RetireResult> {
  return retire(command, now, dependencies, {
    tokensMatter: false,
    doneAt: ({ revokedAt, endedAt, usableUntil }) => {
      const over = usableUntil !== null && usableUntil.getTime() <= now ? usableUntil : null;
      return revokedAt ?? endedAt ?? over;
    },
    change: async (tx, secret) => {
      await storeSecretEnded(tx, secret, new Date(now));
      await audit(tx, secret, 'secret.ended', command.actor, now, dependencies.random);
    },
  });
}

/** Revokes a secret for good, and with it every token it got. */
export function revokeSecret(
  command: RetireSecret,
  now: number,
  dependencies: RetireDependencies,
): Promise<RetireResult> {
  return retire(command, now, dependencies, {
    tokensMatter: true,
    doneAt: ({ revokedAt }) => revokedAt,
    change: async (tx, secret) => {
      await storeSecretRevoked(tx, secret, new Date(now));
      await audit(tx, secret, 'secret.revoked', command.actor, now, dependencies.random);
    },
  });
}

/** Treats a secret as revoked for so many seconds, tokens it got included, and afterwards as before. 0 ends a pause. */
export async function pauseSecret(
  { secretId, seconds, actor }: { readonly secretId: string; readonly seconds: number; readonly actor: Actor },
  now: number,
  { database, random, standingChanged }: Omit<RetireDependencies, 'usage'>,
): Promise<PauseResult> {
  const { secret, result } = await database.transaction(async (tx) => {
    const secret = await lockSecret(tx, secretId);
    if (secret === undefined) return { secret, result: { ok: false, problem: 'unknown' } as const };
    const pause = decidePause(secret, secret.revokedAt !== null, seconds, now);
    if (!pause.changes) return { secret, result: pause.result };
    await storeSecretPause(tx, secret, pause.result.pausedUntil);
    const { environment, clientId } = secret;
    const fact = {
      environment,
      actor,
      subject: secretId,
      ...describePause('secret', pause.result.pausedUntil, clientId),
    };
    await appendAuditEntry(tx, fact, now, random);
    return { secret, result: pause.result };
  });
  if (secret !== undefined && result.ok) standingChanged(secret.environment, secret.clientId);
  return result;
}

interface Retirement {
  /** Whether tokens it got have to be over as well. */
  readonly tokensMatter: boolean;
  /** Since when it is retired; null when it is not. */
  readonly doneAt: (secret: StoredSecret) => Date | null;
  readonly change: (tx: Tx, secret: StoredSecret) => Promise<void>;
}

async function retire(
  { secretId, quietSeconds }: RetireSecret,
  now: number,
  { database, usage, standingChanged }: RetireDependencies,
  { tokensMatter, doneAt, change }: Retirement,
): Promise<RetireResult> {
  if (quietSeconds !== undefined) await usage.flush();
  const { secret, result } = await database.transaction(async (tx) => {
    const secret = await lockSecret(tx, secretId);
    if (secret === undefined) return { secret, result: { ok: false, problem: 'unknown' } as const };
    const at = doneAt(secret);
    const { clientId } = secret;
    if (at !== null) return { secret, result: { ok: true, alreadyDone: true, at, clientId } as const };
    const inUse =
      quietSeconds === undefined ? undefined : await checkQuiet(tx, secret, { quietSeconds, tokensMatter }, now, usage);
    if (inUse !== undefined) return { secret, result: inUse };
    await change(tx, secret);
    return { secret, result: { ok: true, alreadyDone: false, at: new Date(now), clientId } as const };
  });
  if (secret !== undefined && result.ok) standingChanged(secret.environment, secret.clientId);
  return result;
}

/** The client is locked, because a rotation changes its secrets too. */
async function lockSecret(tx: Tx, secretId: string): Promise<StoredSecret | undefined> {
  const found = await findSecret(tx, secretId);
  if (found === undefined) return undefined;
  await lockClient(tx, found.clientId);
  return findSecret(tx, secretId);
}

async function audit(
  tx: Tx,
  { environment, clientId, id }: StoredSecret,
  action: string,
  actor: Actor,
  now: number,
  random: RandomBytes,
): Promise<void> {
  await appendAuditEntry(tx, { environment, actor, action, subject: id, details: { clientId } }, now, random);
}
