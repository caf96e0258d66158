// Standing: whether everything a token stands on is still in force. A bounded cache of client facts that may only say
// yes. This version runs as the only process on its database, so the node that changes something invalidates itself
// before it answers, and nothing else can change behind the cache. A process that lost its lock on the database can not
// know that: it answers nothing until it has the lock again, and then nothing from before.

import type { Environment } from '@tollward/protocol';
import { LRUCache } from 'lru-cache';
import type { ClientFacts, ClientFactsSource } from '../clients/index.js';
import { loadClientFacts } from '../clients/index.js';
import type { Database } from '../platform/database/database.js';
import { DatabaseUnavailableError } from '../platform/database/database-errors.js';

export interface Standing extends ClientFactsSource {
  /** Forgets a client after a commit that changed it, and spoils reads that began before. */
  invalidate(environment: Environment, clientId: string): void;
}

interface Entry {
  /** Undefined: the database knew no such client. */
  readonly facts: ClientFacts | undefined;
  readonly readAt: number;
}

/** A no is confirmed at most this often per client, so that wrong secrets do not become database load. */
const confirmPauseMs = 1_000;

export function createStanding(database: Database, clock: () => number, maximumClients = 10_000): Standing {
  const entries = new LRUCache<string, Entry>({ max: maximumClients });
  const running = new Map<string, Promise<ClientFacts | undefined>>();

  let knownIn = database.exclusivity();

  /** @throws DatabaseUnavailableError */
  const assertExclusive = (): void => {
    const current = database.exclusivity();
    if (current === undefined) throw new DatabaseUnavailableError('its lock is not held');
    if (current === knownIn) return;
    entries.clear();
    running.clear();
    knownIn = current;
  };

  const read = (key: string, environment: Environment, clientId: string): Promise<ClientFacts | undefined> => {
    const joined = running.get(key);
    if (joined !== undefined) return joined;
    const readAt = clock();
    const reading = database
      .read((tx) => loadClientFacts(tx, environment, clientId, readAt))
      .then((facts) => {
        if (running.get(key) === reading) entries.set(key, { facts, readAt });
        return facts;
      })
      .finally(() => {
        if (running.get(key) === reading) running.delete(key);
      });
    running.set(key, reading);
    return reading;
  };

  return {
    get: (environment, clientId) => {
      assertExclusive();
      const key = `${environment} ${clientId}`;
      const entry = entries.get(key);
      return entry === undefined ? read(key, environment, clientId) : entry.facts;
    },
    confirm: async (environment, clientId) => {
      assertExclusive();
      const key = `${environment} ${clientId}`;
      const entry = entries.get(key);
      if (entry !== undefined && clock() - entry.readAt < confirmPauseMs) return entry.facts;
      return read(key, environment, clientId);
    },
    invalidate: (environment, clientId) => {
      const key = `${environment} ${clientId}`;
      entries.delete(key);
      // Whoever joined a read that began before the commit still gets its answer; the cache and later readers do not.
      running.delete(key);
    },
  };
}
