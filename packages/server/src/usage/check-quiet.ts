import type { Environment } from '@tollward/protocol';
import type { ReadTx } from '../platform/database/database.js';
import { decideRetirement } from './decide-retirement.js';
import type { UsageRecorder } from './record-usage.js';
import { listUses, summariseUses } from './usage-store.js';
import { usesKnownSince } from './uses-known-since.js';

/** A secret or certificate as its uses are judged. */
export interface JudgedCredential {
  readonly environment: Environment;
  readonly clientId: string;
  readonly id: string;
  readonly createdAt: Date;
  /** Later than its creation when it is older than the counting. */
  readonly usesCountedSince: Date;
}

/** Clients can not have longer ones. */
const longestTokenMs = 24 * 60 * 60_000;

export interface StillUsed {
  readonly ok: false;
  readonly problem: 'still-used';
  /** From when on it can be retired, if it is not used until then. */
  readonly safeFrom: Date;
  /** By anybody, refused or not; null when nobody was ever seen. */
  readonly lastTriedAt: Date | null;
  /** Whether it is only the tokens it got that are in the way. */
  readonly onlyTokens: boolean;
  /** Where that came from. */
  readonly lastUse: { readonly address: string; readonly certificateId: string | null } | undefined;
}

/**
 * Whether a credential was used within the last `quietSeconds`, by what has been written. Undefined: it was not.
 *
 * @param tokensMatter whether the tokens it got have to be over as well
 */
export async function checkQuiet(
  tx: ReadTx,
  credential: JudgedCredential,
  { quietSeconds, tokensMatter }: { readonly quietSeconds: number; readonly tokensMatter: boolean },
  now: number,
  usage: UsageRecorder,
): Promise<StillUsed | undefined> {
  const ofClient = await listUses(tx, credential.environment, credential.clientId);
  const { uses, lastTriedAt, tokensUntil } = summariseUses(ofClient, credential.id);
  // What came in after the flush, while the lock was waited for.
  const lastSeenAt = Math.max(lastTriedAt?.getTime() ?? 0, usage.lastPendingAt(credential.id));
  // A token that was got before the counting began, or while it was overrun, may still be out there.
  const { createdAt, usesCountedSince } = credential;
  const uncountedAt = Math.max(usesCountedSince > createdAt ? usesCountedSince.getTime() : 0, usage.lastDroppedAt());
  const unknownTokensUntil = uncountedAt === 0 ? 0 : uncountedAt + longestTokenMs;
  const lastUse = {
    lastTriedAt: Math.max(lastSeenAt, usesKnownSince(credential, usage)),
    neededUntil: tokensMatter ? Math.max(tokensUntil?.getTime() ?? 0, unknownTokensUntil) : null,
  };
  const safeFrom = decideRetirement(lastUse, quietSeconds * 1_000, now);
  if (safeFrom === null) return undefined;
  const latest = uses.find((use) =>
    [use.lastUsedAt, use.lastRefusedAt].some((at) => at !== null && at.getTime() === lastTriedAt?.getTime()),
  );
  const onlyTokens = decideRetirement({ ...lastUse, neededUntil: null }, quietSeconds * 1_000, now) === null;
  return { ok: false, problem: 'still-used', safeFrom: new Date(safeFrom), lastTriedAt, onlyTokens, lastUse: latest };
}
