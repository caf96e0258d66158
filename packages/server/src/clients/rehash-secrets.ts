// Secrets that are stored under an old HMAC key move to the current one when they are proved, because only then their text
// is known. Away from the request, and at most once each; who is never used keeps the old key alive.

import type { Environment } from '@tollward/protocol';
import type { Database } from '../platform/database/database.js';
import { storeNewHash } from './secret-store.js';

/** What a proved secret is to be stored as. */
export interface NewHash {
  readonly environment: Environment;
  readonly clientId: string;
  readonly secretId: string;
  readonly oldVersion: number;
  readonly version: number;
  readonly hash: Buffer;
}

export interface SecretRehasher {
  note(newHash: NewHash): void;
  /** Writes what was noted; resolves when it is committed, or given up. */
  flush(): Promise<void>;
}

export interface RehashDependencies {
  readonly database: Database;
  /** Told after the commit, so that this node compares with the new hash. */
  readonly standingChanged: (environment: Environment, clientId: string) => void;
}

const mostWaiting = 1_000;
const perUnit = 100;
const flushAfterMs = 200;

export function createSecretRehasher({ database, standingChanged }: RehashDependencies): SecretRehasher {
  /** By secret, until they are committed: what waits is not noted twice. */
  const waiting = new Map<string, NewHash>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  const write = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    // In one order, so that two nodes that write the same rows do not wait for each other.
    const all = [...waiting.values()].sort((left, right) => (left.secretId < right.secretId ? -1 : 1));
    for (let start = 0; start < all.length; start += perUnit) {
      const unit = all.slice(start, start + perUnit);
      try {
        await database.transaction(async (tx) => {
          for (const newHash of unit) await storeNewHash(tx, newHash);
        });
        for (const { environment, clientId } of unit) standingChanged(environment, clientId);
      } catch {
        // The old hash still works, and the next use of the secret brings it here again.
      }
      for (const { secretId } of unit) waiting.delete(secretId);
    }
  };
  const flush = (): Promise<void> => {
    writing = writing.then(write);
    return writing;
  };

  return {
    note: (newHash) => {
      if (waiting.size >= mostWaiting || waiting.has(newHash.secretId)) return;
      waiting.set(newHash.secretId, newHash);
      timer ??= setTimeout(() => void flush(), flushAfterMs).unref();
    },
    flush,
  };
}
