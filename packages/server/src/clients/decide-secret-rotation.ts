// Which secrets of a client end when it gets a new one. At most two are live at any time: the new one and the one before,
// for as long as the overlap lasts.

/** A stored secret as this decision needs it. */
export interface RotatedSecret {
  readonly id: string;
  readonly createdAt: number;
  readonly usableUntil: number | null;
  readonly endedAt: number | null;
  readonly revokedAt: number | null;
}

export type SecretState = 'in force' | 'ending' | 'replaced' | 'revoked';

export function decideSecretState(secret: Omit<RotatedSecret, 'id' | 'createdAt'>, now: number): SecretState {
  if (secret.revokedAt !== null) return 'revoked';
  if (secret.endedAt !== null) return 'replaced';
  if (secret.usableUntil === null) return 'in force';
  return secret.usableUntil > now ? 'ending' : 'replaced';
}

/** Whether a secret in this state gets tokens. */
export function isLive(state: SecretState): boolean {
  return state === 'in force' || state === 'ending';
}

/** Every rotation ends what was there before, so the latest has none, or the last: surer than times of a clock that was set. */
const endOf = ({ usableUntil }: RotatedSecret): number => usableUntil ?? Number.MAX_SAFE_INTEGER;

export type RotationDecision =
  | {
      readonly ok: true;
      /** New ends of live secrets, the present moment included. */
      readonly ends: readonly { readonly secretId: string; readonly usableUntil: number }[];
    }
  /** Two secrets are live already. */
  | { readonly ok: false; readonly openUntil: number | null };

/**
 * @param overlapMs how long the latest live secret still gets tokens. It never gets longer than it had.
 * @param force also when two are live: all but the latest then end at once
 */
export function decideRotation(
  secrets: readonly RotatedSecret[],
  overlapMs: number,
  force: boolean,
  now: number,
): RotationDecision {
  const live = secrets
    .filter((secret) => isLive(decideSecretState(secret, now)))
    .sort(
      (left, right) => endOf(right) - endOf(left) || right.createdAt - left.createdAt || (left.id < right.id ? 1 : -1),
    );
  const [latest, ...others] = live;
  if (latest === undefined) return { ok: true, ends: [] };
  if (others.length > 0 && !force) {
    const ends = live.map(({ usableUntil }) => usableUntil).filter((end) => end !== null);
    return { ok: false, openUntil: ends.length === 0 ? null : Math.min(...ends) };
  }
  const usableUntil = Math.min(now + overlapMs, latest.usableUntil ?? Number.POSITIVE_INFINITY);
  return {
    ok: true,
    ends: [{ secretId: latest.id, usableUntil }, ...others.map(({ id }) => ({ secretId: id, usableUntil: now }))],
  };
}
