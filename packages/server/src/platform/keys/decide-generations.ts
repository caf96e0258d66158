// Keys that follow one another: the newest whose time has come is used, at most one waits for its time, and those before
// are kept for a while for what they made.

import type { KeyState } from './rotatable-key.js';

export interface Generation {
  readonly id: string;
  readonly createdAt: number;
  readonly activeFrom: number;
}

export interface JudgedGeneration<T extends Generation> {
  readonly generation: T;
  readonly state: KeyState;
  /** When the one after it came or comes into use; undefined while there is none. */
  readonly supersededAt: number | undefined;
}

/** In the order of their use. */
export function judgeGenerations<T extends Generation>(
  generations: readonly T[],
  now: number,
): readonly JudgedGeneration<T>[] {
  const ordered = generations.toSorted((left, right) => left.activeFrom - right.activeFrom);
  const started = ordered.findLastIndex(({ activeFrom }) => activeFrom <= now);
  // A clock that was set back to before the first one still needs one.
  const active = Math.max(started, 0);
  return ordered.map((generation, index) => ({
    generation,
    state: index < active ? 'retired' : index === active ? 'active' : 'next',
    supersededAt: ordered[index + 1]?.activeFrom,
  }));
}

export function activeGeneration<T extends Generation>(generations: readonly T[], now: number): T | undefined {
  return judgeGenerations(generations, now).find(({ state }) => state === 'active')?.generation;
}

export type RotationDecision<T extends Generation> =
  | { readonly kind: 'make' }
  /** One is published already, and was to be used later than is wanted now. */
  | { readonly kind: 'bring-forward'; readonly next: T }
  | { readonly kind: 'conflict'; readonly next: T };

/** What a wish for a key that is used from `activeFrom` on comes to: there is never more than one next key. */
export function decideRotation<T extends Generation>(
  generations: readonly T[],
  activeFrom: number,
  now: number,
): RotationDecision<T> {
  const next = judgeGenerations(generations, now).find(({ state }) => state === 'next')?.generation;
  if (next === undefined) return { kind: 'make' };
  return { kind: activeFrom < next.activeFrom ? 'bring-forward' : 'conflict', next };
}
