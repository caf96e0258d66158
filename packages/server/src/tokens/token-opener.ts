import type { Environment } from '@tollward/protocol';
import { LRUCache } from 'lru-cache';
import { type OpenedToken, unsealToken } from './sealed-token.js';
import type { TokenKeyring } from './token-keyring.js';

export interface TokenOpener {
  /** A promise only when the key that sealed the token has to be fetched. */
  open(environment: Environment, token: string, now: number): OpenedToken | Promise<OpenedToken>;
}

/**
 * Opens tokens and remembers what the last ones said: a token is used many times, and what it says never changes. Only
 * that is remembered, never that it was accepted.
 */
export function createTokenOpener(keys: TokenKeyring, maximumTokens = 10_000): TokenOpener {
  const remembered = {
    sandbox: new LRUCache<string, OpenedToken>({ max: maximumTokens }),
    production: new LRUCache<string, OpenedToken>({ max: maximumTokens }),
  };

  const unseal = (environment: Environment, token: string): OpenedToken =>
    unsealToken(environment, token, (keyId) => keys.find(environment, keyId));

  return {
    open: (environment, token, now) => {
      const known = remembered[environment].get(token);
      if (known !== undefined) return known;
      const opened = unseal(environment, token);
      if (!opened.ok && opened.problem === 'unknown-key')
        return keys.reload(now).then(() => unseal(environment, token));
      if (opened.ok) remembered[environment].set(token, opened);
      return opened;
    },
  };
}
