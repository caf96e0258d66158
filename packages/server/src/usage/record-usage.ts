// Who uses which credential, from where. Counted in memory, because it happens on every request, and written once a minute or
// when somebody asks. Only proved credentials are counted, so strangers can not fill it.

import { type Environment, environments } from '@tollward/protocol';
import type { Database } from '../platform/database/database.js';
import { addUses, type CountedUse, usesPerUnit } from './usage-store.js';

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
}

/** Some 30 MB. At half of it they are written without waiting for the minute to end. */
const mostCounters = 100_000;
/** Of one credential. Further places share a counter, so that the many addresses of one cost the others no counts. */
const mostPlaces = 500;
const furtherPlaces = 'further addresses';

/** @param onDropped told when a use could not be counted because too many others wait to be written */
export function createUsageRecorder(database: Database, onDropped: () => void): UsageRecorder {
  let counters = new Map<string, Places>();
  let counting = 0;
  /** Taken out of `counters`, and not committed yet. */
  let unwritten = new Set<CountedUse>();
  let writing: Promise<void> = Promise.resolve();
  let lastDroppedAt = 0;

  const counterOf = (use: Use, now: number): CountedUse | undefined => {
    const { credentialId, certificateId, address } = use;
    const places = counters.get(credentialId);
    const known = places?.byCertificate.get(certificateId)?.get(address);
    if (known !== undefined) return known;
    if (places !== undefined && places.count >= mostPlaces && address !== furtherPlaces) {
      return counterOf({ ...use, certificateId: null, address: furtherPlaces }, now);
    }
    if (counting >= mostCounters) {
      lastDroppedAt = Math.max(lastDroppedAt, now);
      onDropped();
      return undefined;
    }
    counting += 1;
    return addCounter(places ?? addPlaces(credentialId), use);
  };

  const addPlaces = (credentialId: string): Places => {
    const places = { count: 0, byCertificate: new Map() };
    counters.set(credentialId, places);
    return places;
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
      .flatMap(([, places]) => listCounters(places));
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
      const places = counters.get(credentialId);
      const pending = places === undefined ? [] : listCounters(places);
      for (const use of unwritten) if (use.credentialId === credentialId) pending.push(use);
      return Math.max(0, ...pending.map(({ lastUsedAt, lastRefusedAt }) => Math.max(lastUsedAt, lastRefusedAt)));
    },
    lastDroppedAt: () => lastDroppedAt,
  };
}

/**
 * Where one credential was used. Maps in maps, because this is looked up on every request: a key made of the two texts would have to
 * be made, and hashed, each time.
 */
interface Places {
  count: number;
  readonly byCertificate: Map<string | null, Map<string, CountedUse>>;
}

function addCounter(places: Places, { environment, clientId, credentialId, certificateId, address }: Use): CountedUse {
  const never = { uses: 0, lastUsedAt: 0, tokensUntil: 0, refused: 0, lastRefusedAt: 0 };
  const counter = { environment, clientId, credentialId, certificateId: certificateId ?? '', address, ...never };
  const byAddress = places.byCertificate.get(certificateId) ?? new Map<string, CountedUse>();
  places.byCertificate.set(certificateId, byAddress.set(address, counter));
  places.count += 1;
  return counter;
}

function listCounters({ byCertificate }: Places): CountedUse[] {
  return [...byCertificate.values()].flatMap((byAddress) => [...byAddress.values()]);
}
