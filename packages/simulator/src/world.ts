// State and journal together, and the only way to change either. Use cases are synchronous: what they read is still true when
// they commit, so nothing is done twice however many requests come at once.

import type { Journal, JournalEntry } from './journal.js';
import { apply, type Change, emptyState, type State } from './state.js';

export interface World {
  readonly state: State;
  /** Never earlier than what happened before. */
  now(): number;
  newId(): number;
  newUuid(): string;
  /** Takes effect at once, and all of it or nothing. On disk when `settled` resolves. */
  commit(changes: readonly Change[]): void;
  /** Resolves when everything committed so far would survive a loss of power. */
  settled(): Promise<void>;
}

export interface WorldOptions {
  readonly clock: () => number;
  readonly newUuid: () => string;
  /** What happened before. */
  readonly entries: readonly JournalEntry[];
  readonly journal: Pick<Journal, 'append' | 'settled'>;
}

const firstId = 70_000_001;

export function createWorld({ clock, newUuid, entries, journal }: WorldOptions): World {
  const state = emptyState();
  let latest = 0;
  let lastId = firstId - 1;
  for (const { at, lastId: idAtThatTime, changes } of entries) {
    for (const change of changes) apply(state, change);
    latest = at;
    lastId = idAtThatTime;
  }

  const now = (): number => {
    latest = Math.max(latest, clock());
    return latest;
  };

  return {
    state,
    now,
    newUuid,
    newId: () => {
      lastId += 1;
      return lastId;
    },
    commit: (changes) => {
      // The posting goes first: it is the one change that can turn out to be impossible. A unit has one at most.
      const isPosting = ({ put }: Change): number => Number(put === 'posting');
      const ordered = changes.toSorted((one, other) => isPosting(other) - isPosting(one));
      for (const change of ordered) apply(state, change);
      journal.append({ at: latest, lastId, changes: ordered });
    },
    settled: journal.settled,
  };
}
