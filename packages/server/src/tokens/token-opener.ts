import type { Environment } from '@tollward/protocol';
import { LRUCache } from 'lru-cache';
import { type OpenedToken, unsealToken } from './sealed-token.js';
import type { TokenKeyring } from './token-keyring.js';

export interface TokenOpener {
  /** A promise only when the key that sealed the token has to be fetched. */
  open(environment: Environment, token: string, now: number): OpenedToken | Promise<OpenedToken>;
}

interface Remembered {
  readonly opened: OpenedToken;
  readonly keyId: string;
}

/**
 * Opens tokens and remembers what the last ones said: a token is used many times, and what it says never changes. Only
 * that is remembered, never that it was accepted, and for no longer than there is the key that sealed it.
 */
export function createTokenOpener(keys: Pick<TokenKeyring, 'find' | 'reload'>, maximumTokens = 10_000): TokenOpener {
  const remembered = {
    sandbox: new LRUCache<string, Remembered>({ max: maximumTokens }),
    production: new LRUCache<string, Remembered>({ max: maximumTokens }),
  };

  const unseal = (environment: Environment, token: string): OpenedToken => {
    let keyId = '';
    const opened = unsealToken(environment, token, (id) => {
      keyId = id;
      return keys.find(environment, id);
    });
    if (opened.ok) remembered[environment].set(token, { opened, keyId });
    return opened;
  };

  return {
    open: (environment, token, now) => {
      const known = remembered[environment].get(token);
      if (known !== undefined && keys.find(environment, known.keyId) !== undefined) return known.opened;
      const opened = unseal(environment, token);
      if (!opened.ok && opened.problem === 'unknown-key')
        return keys.reload(now).then(() => unseal(environment, token));
      return opened;
    },
  };
}
