// Taking a certificate out of use: revoke it, or pause it for a while, which tells who would notice.

import type { Environment } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import type { Database } from '../platform/database/database.js';
import type { RandomBytes } from '../platform/random.js';
import {
  checkQuiet,
  decidePause,
  describePause,
  type PauseResult,
  type StillUsed,
  type UsageRecorder,
} from '../usage/index.js';
import { lockCertificate, storeCertificatePause, storeCertificateRevoked } from './certificate-store.js';

export interface RetireCertificateDependencies {
  readonly database: Database;
  readonly random: RandomBytes;
  readonly usage: UsageRecorder;
  /** Told after the commit and before the caller hears of it, so that this node refuses at once. */
  readonly standingChanged: (environment: Environment, clientId: string) => void;
}

export interface RevokeCertificate {
  readonly certificateId: string;
  /** Only when it was not used for so long. */
  readonly quietSeconds?: number | undefined;
  readonly actor: Actor;
}

export type RevokeCertificateResult =
  | { readonly ok: true; readonly alreadyRevoked: boolean }
  | { readonly ok: false; readonly problem: 'unknown' }
  | StillUsed;

/** Revokes a certificate for good, and with it every token bound to it. */
export async function revokeCertificate(
  { certificateId, quietSeconds, actor }: RevokeCertificate,
  now: number,
  { database, random, usage, standingChanged }: RetireCertificateDependencies,
): Promise<RevokeCertificateResult> {
  if (quietSeconds !== undefined) await usage.flush();
  const { certificate, result } = await database.transaction(async (tx) => {
    const certificate = await lockCertificate(tx, certificateId);
    if (certificate === undefined) return { certificate, result: { ok: false, problem: 'unknown' } as const };
    if (certificate.revokedAt !== null) return { certificate, result: { ok: true, alreadyRevoked: true } as const };
    // A token bound to it is used over it, so its uses are all there is to know.
    const inUse =
      quietSeconds === undefined
        ? undefined
        : await checkQuiet(tx, certificate, { quietSeconds, tokensMatter: false }, now, usage);
    if (inUse !== undefined) return { certificate, result: inUse };
    await storeCertificateRevoked(tx, certificate, new Date(now));
    const { environment, clientId } = certificate;
    const fact = { environment, actor, action: 'certificate.revoked', subject: certificateId, details: { clientId } };
    await appendAuditEntry(tx, fact, now, random);
    return { certificate, result: { ok: true, alreadyRevoked: false } as const };
  });
  if (certificate !== undefined && result.ok) standingChanged(certificate.environment, certificate.clientId);
  return result;
}

/** Treats a certificate as revoked for so many seconds, and afterwards as before. 0 ends a pause. */
export async function pauseCertificate(
  {
    certificateId,
    seconds,
    actor,
  }: { readonly certificateId: string; readonly seconds: number; readonly actor: Actor },
  now: number,
  { database, random, standingChanged }: Omit<RetireCertificateDependencies, 'usage'>,
): Promise<PauseResult> {
  const { certificate, result } = await database.transaction(async (tx) => {
    const certificate = await lockCertificate(tx, certificateId);
    if (certificate === undefined) return { certificate, result: { ok: false, problem: 'unknown' } as const };
    const isOver = certificate.revokedAt !== null || certificate.notAfter.getTime() <= now;
    const pause = decidePause(certificate, isOver, seconds, now);
    if (!pause.changes) return { certificate, result: pause.result };
    await storeCertificatePause(tx, certificate, pause.result.pausedUntil);
    const { environment, clientId } = certificate;
    const change = describePause('certificate', pause.result.pausedUntil, clientId);
    await appendAuditEntry(tx, { environment, actor, subject: certificateId, ...change }, now, random);
    return { certificate, result: pause.result };
  });
  if (certificate !== undefined && result.ok) standingChanged(certificate.environment, certificate.clientId);
  return result;
}
