// Standing: whether everything a token stands on is still in force. A bounded cache of client facts that may only say
// yes. The node that changes something invalidates itself before it answers; what other nodes change comes by the change
// feed of the database. While that feed is not fresh the cache is not believed: every question is read through, and
// where that fails there is no answer.

import type { Environment } from '@tollward/protocol';
import { LRUCache } from 'lru-cache';
import type { ClientFacts, ClientFactsSource } from '../clients/index.js';
import { loadClientFacts } from '../clients/index.js';
import type { Database } from '../platform/database/database.js';
import { DatabaseUnavailableError } from '../platform/database/database-errors.js';

export interface Standing extends ClientFactsSource {
  /** Forgets a client after a commit that changed it, and spoils reads that began before. */
  invalidate(environment: Environment, clientId: string): void;
  /** Forgets everybody, because changes may have been missed. */
  clear(): void;
}

export interface StandingOptions {
  readonly database: Database;
  readonly clock: () => number;
  /** Whether every change up to the bound ago is known here. */
  readonly isFresh: () => boolean;
  readonly onRead?: (reason: ReadReason) => void;
  readonly maximumClients?: number;
}

/** Not in the cache; a no that is confirmed; a cache that is not believed. */
export type ReadReason = 'miss' | 'confirm' | 'stale';

interface Entry {
  /** Undefined: the database knew no such client. */
  readonly facts: ClientFacts | undefined;
  readonly readAt: number;
}

/** A no is confirmed at most this often per client, so that wrong secrets do not become database load. */
const confirmPauseMs = 50;
/** An answer that takes longer is worth nothing: what it says may have changed meanwhile. */
const longestReadMs = 1_000;
/** Strangers make up as many client ids as they like. */
const maximumUnknown = 1_000;

export function createStanding(options: StandingOptions): Standing {
  const { database, clock, isFresh, onRead = () => undefined, maximumClients = 10_000 } = options;
  // By environment, so that no key has to be put together for a look.
  const known = byEnvironment(() => new LRUCache<string, Entry>({ max: maximumClients }));
  const unknown = byEnvironment(() => new LRUCache<string, Entry>({ max: maximumUnknown }));
  const running = new Map<string, Promise<ClientFacts | undefined>>();

  const read = (environment: Environment, clientId: string, reason: ReadReason): Promise<ClientFacts | undefined> => {
    const key = `${environment} ${clientId}`;
    const joined = running.get(key);
    if (joined !== undefined) return joined;
    onRead(reason);
    const readAt = clock();
    const reading = withinTime(database.readUrgently((tx) => loadClientFacts(tx, environment, clientId, readAt)))
      .then((facts) => {
        if (running.get(key) === reading) {
          (facts === undefined ? known : unknown)[environment].delete(clientId);
          (facts === undefined ? unknown : known)[environment].set(clientId, { facts, readAt });
        }
        return facts;
      })
      .finally(() => {
        if (running.get(key) === reading) running.delete(key);
      });
    running.set(key, reading);
    return reading;
  };

  const find = (environment: Environment, clientId: string): Entry | undefined =>
    known[environment].get(clientId) ?? unknown[environment].get(clientId);

  return {
    get: (environment, clientId) => {
      if (!isFresh()) return read(environment, clientId, 'stale');
      const entry = find(environment, clientId);
      return entry === undefined ? read(environment, clientId, 'miss') : entry.facts;
    },
    confirm: async (environment, clientId) => {
      if (!isFresh()) return read(environment, clientId, 'stale');
      const entry = find(environment, clientId);
      if (entry !== undefined && clock() - entry.readAt < confirmPauseMs) return entry.facts;
      return read(environment, clientId, 'confirm');
    },
    invalidate: (environment, clientId) => {
      known[environment].delete(clientId);
      unknown[environment].delete(clientId);
      // Whoever joined a read that began before the commit still gets its answer; the cache and later readers do not.
      running.delete(`${environment} ${clientId}`);
    },
    clear: () => {
      for (const cache of [known.sandbox, known.production, unknown.sandbox, unknown.production]) cache.clear();
      running.clear();
    },
  };
}

function byEnvironment<T>(make: () => T): Record<Environment, T> {
  return { sandbox: make(), production: make() };
}

/** @throws DatabaseUnavailableError when it takes too long */
function withinTime<T>(reading: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new DatabaseUnavailableError('it did not answer within a second')),
      longestReadMs,
    );
    reading.then(resolve, reject).finally(() => clearTimeout(late));
  });
}
