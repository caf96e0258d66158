import type { Environment } from '@tollward/protocol';
import { LRUCache } from 'lru-cache';
import { type OpenedToken, unsealToken } from './sealed-token.js';
import type { TokenKeyring } from './token-keyring.js';

export interface TokenOpener {
  /**
   * A promise only when the keys have to be read again: for a key that is not known, and while this node may not have
   * heard that one was revoked.
   *
   * @throws DatabaseUnavailableError, as a promise, when they can not be read
   */
  open(environment: Environment, token: string): OpenedToken | Promise<OpenedToken>;
}

interface Remembered {
  readonly opened: OpenedToken;
  readonly keyId: string;
}

/**
 * Opens tokens and remembers what the last ones said: a token is used many times, and what it says never changes. Only
 * that is remembered, never that it was accepted, and for no longer than there is the key that sealed it.
 *
 * @param isFresh whether every change up to the bound ago is known here
 */
export function createTokenOpener(
  keys: Pick<TokenKeyring, 'find' | 'reload'>,
  isFresh: () => boolean,
  maximumTokens = 10_000,
): TokenOpener {
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

  const recall = (environment: Environment, token: string): OpenedToken => {
    const known = remembered[environment].get(token);
    if (known !== undefined && keys.find(environment, known.keyId) !== undefined) return known.opened;
    return unseal(environment, token);
  };

  return {
    open: (environment, token) => {
      const opened = recall(environment, token);
      // Other reasons for a no are in the token itself: no key that comes or goes changes them.
      const isDoubtful = opened.ok ? !isFresh() : opened.problem === 'unknown-key';
      return isDoubtful ? keys.reload().then(() => recall(environment, token)) : opened;
    },
  };
}
