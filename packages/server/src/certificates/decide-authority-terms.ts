// How long each generation of an authority is used, and how long it counts after that.

import type { JudgedGeneration } from '../platform/keys/decide-generations.js';
import type { AuthorityGeneration } from './authority-store.js';
import type { AuthorityKind } from './certificate-authority.js';

const dayMs = 86_400_000;

interface AuthorityTerms {
  /** How long a new one is published before it is used. */
  readonly publishMs: number;
  /** How long one counts after the next took its place. */
  readonly keptMs: number;
}

export const authorityTerms: Readonly<Record<AuthorityKind, AuthorityTerms>> = {
  // Nobody has to know it beforehand, and the last certificate that it signed lasts a year.
  partner: { publishMs: 0, keptMs: 365 * dayMs },
  // Partners need time to trust a new one, and lose nothing by trusting the old one for a while.
  platform: { publishMs: 30 * dayMs, keptMs: 90 * dayMs },
};

/** Before its end, so that what it signs lasts as long as ever. */
const replacedBeforeEndMs = 365 * dayMs;

type Judged = JudgedGeneration<AuthorityGeneration>;

/** Until when what it signed is good. */
export function countsUntil({ generation, supersededAt = Infinity }: Judged): number {
  return Math.min(generation.endsAt, supersededAt + authorityTerms[generation.kind].keptMs);
}

/** What partners are to trust. The one in use stays in the list even when it is over: leaving it out would help nobody. */
export function isPublished(judged: Judged, now: number): boolean {
  return judged.state !== 'retired' || now < countsUntil(judged);
}

/** When the schedule makes the next one. */
export function nextDueAt({ endsAt }: AuthorityGeneration): number {
  return endsAt - replacedBeforeEndMs;
}

/** From when on a successor that the schedule makes now is used: as usual, and not after the end of the one before it. */
export function scheduledStart({ kind, endsAt }: AuthorityGeneration, now: number): number {
  return Math.max(now, Math.min(now + authorityTerms[kind].publishMs, endsAt));
}
