// What the gateway knows of profiles, which live upstream: who made one, and in which country it is. Asked for once and
// remembered for a while, because every call for a profile needs it.

import type { Environment } from '@tollward/protocol';
import { LRUCache } from 'lru-cache';
import { isRefusal, type Refusal } from '../refusals/index.js';

export interface ProfileFacts {
  /** An int64 in decimal digits. */
  readonly id: string;
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  /** The client that made it; null: no client did. */
  readonly clientId: string | null;
}

/** A refusal: the upstream could not be asked. */
export type FoundProfile = ProfileFacts | 'unknown' | Refusal;

export interface ProfileDirectory {
  /** A promise only when the upstream has to be asked. */
  find(environment: Environment, profileId: string, clientId: string): FoundProfile | Promise<FoundProfile>;
}

export interface ProfileDirectoryOptions {
  readonly ask: (environment: Environment, profileId: string) => Promise<FoundProfile>;
  readonly clock: () => number;
  readonly maximumProfiles?: number;
}

interface Entry {
  readonly profile: ProfileFacts | 'unknown';
  readonly askedAt: number;
}

const knownMs = 60_000;
/** Short, because it may be made at any moment. */
const unknownMs = 2_000;
/** Apart from the others: callers make up as many ids as they like. */
const maximumUnknown = 1_000;

export function createProfileDirectory(options: ProfileDirectoryOptions): ProfileDirectory {
  const { ask, clock, maximumProfiles = 20_000 } = options;
  const known = new LRUCache<string, Entry>({ max: maximumProfiles });
  const unknown = new LRUCache<string, Entry>({ max: maximumUnknown });
  const running = new Map<string, Promise<FoundProfile>>();

  const recall = (key: string, clientId: string): ProfileFacts | 'unknown' | undefined => {
    const now = clock();
    const isYoung = (entry: Entry, lifetimeMs: number): boolean =>
      // A clock that was set back says nothing about the age.
      now >= entry.askedAt && now - entry.askedAt < lifetimeMs;
    const yes = known.get(key);
    // To another client it is as good as unknown, and the time of the answer must not tell the one from the other.
    const isOwn = yes !== undefined && yes.profile !== 'unknown' && yes.profile.clientId === clientId;
    if (yes !== undefined && isYoung(yes, isOwn ? knownMs : unknownMs)) return yes.profile;
    const no = unknown.get(key);
    return no !== undefined && isYoung(no, unknownMs) ? no.profile : undefined;
  };

  const askOnce = async (environment: Environment, profileId: string, key: string): Promise<FoundProfile> => {
    const askedAt = clock();
    const found = await ask(environment, profileId);
    if (found === 'unknown') {
      known.delete(key);
      unknown.set(key, { profile: found, askedAt });
    } else if (!isRefusal(found)) {
      known.set(key, { profile: found, askedAt });
    }
    return found;
  };

  return {
    find: (environment, profileId, clientId) => {
      // By way of a number, because V8 keeps a whole URL in memory for a piece of it: 150 MB when the cache is full.
      const key = `${environment} ${BigInt(profileId)}`;
      const recalled = recall(key, clientId);
      if (recalled !== undefined) return recalled;
      const joined = running.get(key);
      if (joined !== undefined) return joined;
      const asking = askOnce(environment, profileId, key).finally(() => void running.delete(key));
      running.set(key, asking);
      return asking;
    },
  };
}
