import type { CertificateOrigin } from './certificate-store.js';

const dayMs = 24 * 60 * 60_000;
/** A certificate that was not used for so long may be out of use. */
const quietDays = 7;

/** So many days ahead a notice is given of the end of a certificate, the farthest first. */
export const noticeDays = [30, 14, 7, 1] as const;

/** What a notice says: the threshold that was crossed; 0 when it is over. */
export type ExpiryNotice = (typeof noticeDays)[number] | 0;

export const expiryNotices: readonly ExpiryNotice[] = [...noticeDays, 0];

/**
 * The notice to give now, if any. Only the nearest threshold counts, so a long stop is followed by one notice and not by several,
 * and a clock that was set back gives none a second time.
 *
 * @param lastNotice the last one that was given; null for none
 */
export function decideExpiryNotice(notAfter: number, lastNotice: number | null, now: number): ExpiryNotice | undefined {
  const nearest = expiryNotices.findLast((days) => notAfter - now <= days * dayMs);
  if (nearest === undefined || (lastNotice !== null && lastNotice <= nearest)) return undefined;
  return nearest;
}

/** For people: days that have begun count, and a certificate that is over has none left. */
export function daysLeft(notAfter: number, now: number): number {
  return Math.max(0, Math.ceil((notAfter - now) / dayMs));
}

/** What matters about a client certificate that ends. */
export interface EndingCertificate {
  readonly clientId: string;
  readonly origin: CertificateOrigin;
  readonly notAfter: Date;
  readonly lastUsedAt: Date | null;
  /** The address that used it last. */
  readonly lastUsedFrom: string | null;
  /** Uses before this moment may not have been counted. */
  readonly usesKnownSince: Date;
  /** The client has another one in force that ends later. It may belong to another worker of the client. */
  readonly laterOne: boolean;
}

export interface ExpiryAdvice {
  /** How loud to say it. */
  readonly level: 'info' | 'warn' | 'error';
  readonly situation: string;
  readonly remedy: string;
}

/** How much the end of a client certificate matters, and what to check or do about it. */
export function decideExpiryAdvice(certificate: EndingCertificate, now: number): ExpiryAdvice {
  const { notAfter, lastUsedAt, usesKnownSince, laterOne } = certificate;
  const inUse = lastUsedAt !== null && now - lastUsedAt.getTime() < quietDays * dayMs;
  const quiet = !inUse && now - usesKnownSince.getTime() >= quietDays * dayMs;
  const later = `the client has ${laterOne ? 'another' : 'none'} that ends later`;
  const situation = `${describeLastUse(certificate)}; ${later}`;
  const remedy = describeRemedy(certificate, quiet);
  if (laterOne && quiet) return { level: 'info', situation, remedy };
  return { level: inUse && notAfter.getTime() <= now ? 'error' : 'warn', situation, remedy };
}

function describeLastUse({ lastUsedAt, lastUsedFrom, usesKnownSince }: EndingCertificate): string {
  if (lastUsedAt === null) return `no use is known since ${usesKnownSince.toISOString()}`;
  return `last used at ${lastUsedAt.toISOString()} from ${lastUsedFrom}`;
}

function describeRemedy({ clientId, origin, laterOne }: EndingCertificate, quiet: boolean): string {
  const uses = `"tollward clients show ${clientId}"`;
  const renew = `register its successor with "tollward certs ${origin === 'issued' ? 'issue' : 'upload'} ${clientId}"`;
  if (!laterOne) return quiet ? `if it is still needed, ${renew}` : `${renew} and move what uses it there`;
  if (quiet) return `check in ${uses} whether anything still needs it; if so, ${renew}`;
  return `check in ${uses} whether the other one is meant to replace it; if not, ${renew}`;
}
