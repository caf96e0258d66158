// Who uses which credential, from where. Counted in memory, because it happens on every request, and written once a minute or
// when somebody asks. Only proved credentials are counted, so strangers can not fill it.

import { type Environment, environments } from '@tollward/protocol';
import type { Database } from '../platform/database/database.js';
import { addUses, type CountedUse, purgeUses, usesPerUnit } from './usage-store.js';

/** One use of a client secret or certificate. */
export interface Use {
  readonly environment: Environment;
  readonly clientId: string;
  readonly credentialId: string;
  /** The certificate of the connection; null for none. */
  readonly certificateId: string | null;
  readonly address: string;
}

export interface UsageRecorder {
  /** @param tokenExpiresAt when the token it got runs out, if it got one */
  used(use: Use, now: number, tokenExpiresAt?: number): void;
  /** It was proved, and the request was refused, for whatever reason. */
  refused(use: Use, now: number): void;
  /** Writes what was counted; resolves when it is committed. What can not be written now is kept for the next time. */
  flush(): Promise<void>;
  /** The last use or refusal of a credential that is counted and not written yet; 0 for none. */
  lastPendingAt(credentialId: string): number;
  /** When a use was last not counted, because too many others waited; 0 for never. Before it nothing can be called unused. */
  lastDroppedAt(): number;
  /** Deletes a batch of what is long unused; resolves to how many rows that were. */
  purge(now: number): Promise<number>;
}

/** Some 30 MB. At half of it they are written without waiting for the minute to end. */
const mostCounters = 100_000;
/** Of one credential. Further places share a counter, so that the many addresses of one cost the others no counts. */
const mostPlaces = 500;
const furtherPlaces = 'further addresses';

/** @param onDropped told when a use could not be counted because too many others wait to be written */
export function createUsageRecorder(database: Database, onDropped: () => void): UsageRecorder {
  /** By credential, then by certificate and address. */
  let counters = new Map<string, Map<string, CountedUse>>();
  let counting = 0;
  /** Taken out of `counters`, and not committed yet. */
  let unwritten = new Set<CountedUse>();
  let writing: Promise<void> = Promise.resolve();
  let lastDroppedAt = 0;

  const counterOf = (use: Use, now: number): CountedUse | undefined => {
    const { environment, clientId, credentialId, certificateId, address } = use;
    let places = counters.get(credentialId);
    const place = `${certificateId ?? ''} ${address}`;
    const known = places?.get(place);
    if (known !== undefined) return known;
    if (places !== undefined && places.size >= mostPlaces && address !== furtherPlaces) {
      return counterOf({ ...use, certificateId: null, address: furtherPlaces }, now);
    }
    if (counting >= mostCounters) {
      lastDroppedAt = Math.max(lastDroppedAt, now);
      onDropped();
      return undefined;
    }
    const never = { uses: 0, lastUsedAt: 0, tokensUntil: 0, refused: 0, lastRefusedAt: 0 };
    const counter = { environment, clientId, credentialId, certificateId: certificateId ?? '', address, ...never };
    places ??= new Map();
    places.set(place, counter);
    counters.set(credentialId, places);
    counting += 1;
    return counter;
  };

  /** Not for what comes back from a failed write: that would be tried again at once, for as long as the database is away. */
  const counterOfNew = (use: Use, now: number): CountedUse | undefined => {
    const before = counting;
    const counter = counterOf(use, now);
    // The counts stay when this fails, and the turn of every minute says so.
    if (before < counting && counting === mostCounters / 2) flush().catch(() => undefined);
    return counter;
  };

  const write = async (): Promise<void> => {
    // In one order, so that two nodes that write the same rows do not wait for each other.
    const waiting = [...counters]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .flatMap(([, places]) => [...places.values()]);
    counters = new Map();
    counting = 0;
    unwritten = new Set(waiting);
    try {
      for (const environment of environments) {
        const inEnvironment = waiting.filter((use) => use.environment === environment);
        for (let start = 0; start < inEnvironment.length; start += usesPerUnit) {
          const unit = inEnvironment.slice(start, start + usesPerUnit);
          await database.transaction((tx) => addUses(tx, environment, unit));
          for (const use of unit) unwritten.delete(use);
        }
      }
    } catch (error) {
      const failed = unwritten;
      unwritten = new Set();
      for (const use of failed) putBack(use);
      throw error;
    }
  };

  const putBack = (earlier: CountedUse): void => {
    const lastAt = Math.max(earlier.lastUsedAt, earlier.lastRefusedAt);
    const counter = counterOf({ ...earlier, certificateId: earlier.certificateId || null }, lastAt);
    if (counter === undefined) return;
    counter.uses += earlier.uses;
    counter.lastUsedAt = Math.max(counter.lastUsedAt, earlier.lastUsedAt);
    counter.tokensUntil = Math.max(counter.tokensUntil, earlier.tokensUntil);
    counter.refused += earlier.refused;
    counter.lastRefusedAt = Math.max(counter.lastRefusedAt, earlier.lastRefusedAt);
  };

  const flush = (): Promise<void> => {
    writing = writing.catch(() => undefined).then(write);
    return writing;
  };

  return {
    used: (use, now, tokenExpiresAt = 0) => {
      const counter = counterOfNew(use, now);
      if (counter === undefined) return;
      counter.uses += 1;
      counter.lastUsedAt = Math.max(counter.lastUsedAt, now);
      counter.tokensUntil = Math.max(counter.tokensUntil, tokenExpiresAt);
    },
    refused: (use, now) => {
      const counter = counterOfNew(use, now);
      if (counter === undefined) return;
      counter.refused += 1;
      counter.lastRefusedAt = Math.max(counter.lastRefusedAt, now);
    },
    flush,
    lastPendingAt: (credentialId) => {
      const places = [...(counters.get(credentialId)?.values() ?? [])];
      for (const use of unwritten) if (use.credentialId === credentialId) places.push(use);
      return Math.max(0, ...places.map(({ lastUsedAt, lastRefusedAt }) => Math.max(lastUsedAt, lastRefusedAt)));
    },
    lastDroppedAt: () => lastDroppedAt,
    purge: (now) => database.transaction((tx) => purgeUses(tx, now)),
  };
}
