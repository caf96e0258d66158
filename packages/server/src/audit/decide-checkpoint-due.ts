import type { CheckpointLine } from './export-format.js';

/** How often a chain that grows is signed. */
const growingMs = 10_000;
/** How often one that rests is signed, so that an old newest checkpoint means that something was cut off. */
export const restingMs = 60 * 60_000;

export function decideCheckpointDue(
  newest: Pick<CheckpointLine, 'position' | 'signedAt'> | undefined,
  headPosition: number,
  now: number,
): boolean {
  if (newest === undefined) return true;
  // A clock that was set back far must not silence the chain until it has caught up.
  const age = Math.abs(now - Date.parse(newest.signedAt));
  return age >= (headPosition === newest.position ? restingMs : growingMs);
}
