import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { DatabaseUnavailableError } from '../platform/database/database-errors.js';
import { someClaims, someTokenKey } from '../testing/facts.js';
import { sealToken } from './sealed-token.js';
import type { TokenKey, TokenKeyring } from './token-keyring.js';
import { createTokenOpener } from './token-opener.js';

/** A keyring of sandbox that knows `keys`, and after a reload `published` too. */
function keyringOf(keys: readonly TokenKey[], published: readonly TokenKey[] = []) {
  const known = [...keys];
  const calls = { found: 0, reloaded: 0 };
  const ring: TokenKeyring = {
    current: () => {
      throw new Error('opening needs no current key');
    },
    find: (environment, id) => {
      calls.found += 1;
      return environment === 'sandbox' ? known.find((key) => key.id === id) : undefined;
    },
    reload: async () => {
      calls.reloaded += 1;
      known.push(...published);
    },
  };
  return { ring, calls };
}

const isFresh = (): boolean => true;
const key = someTokenKey(1);
const claims = someClaims();
const token = sealToken('sandbox', claims, key, randomBytes);

describe('the token opener', () => {
  test('opens without waiting when the key is known, and reads a token it has seen only once', () => {
    const { ring, calls } = keyringOf([key]);
    const opener = createTokenOpener(ring, isFresh);
    const first = opener.open('sandbox', token);
    expect(first).toEqual({ ok: true, claims });
    expect(opener.open('sandbox', token)).toBe(first);
    expect(calls.reloaded).toBe(0);
  });

  test('does not remember a token for longer than there is the key that sealed it', async () => {
    const known = [key];
    const find: TokenKeyring['find'] = (_environment, id) => known.find((each) => each.id === id);
    const opener = createTokenOpener({ find, reload: async () => undefined }, isFresh);
    expect(opener.open('sandbox', token)).toMatchObject({ ok: true });
    known.pop();
    expect(await opener.open('sandbox', token)).toEqual({ ok: false, problem: 'unknown-key' });
  });

  test('a remembered token does not open in the other environment', () => {
    const opener = createTokenOpener(keyringOf([key]).ring, isFresh);
    void opener.open('sandbox', token);
    expect(opener.open('production', token)).toMatchObject({ ok: false, problem: 'other-environment' });
  });

  test('a remembered token does not vouch for a changed one', () => {
    const opener = createTokenOpener(keyringOf([key]).ring, isFresh);
    void opener.open('sandbox', token);
    const changed = token.slice(0, -4) + (token.at(-4) === 'A' ? 'B' : 'A') + token.slice(-3);
    expect(opener.open('sandbox', changed)).toEqual({ ok: false, problem: 'changed' });
  });

  test('reads the keys again for an unknown key and then opens the token', async () => {
    const { ring, calls } = keyringOf([], [key]);
    const opener = createTokenOpener(ring, isFresh);
    expect(await opener.open('sandbox', token)).toEqual({ ok: true, claims });
    expect(calls.reloaded).toBe(1);
  });

  test('says that the key is unknown when it still is, and asks again the next time', async () => {
    const { ring, calls } = keyringOf([]);
    const opener = createTokenOpener(ring, isFresh);
    expect(await opener.open('sandbox', token)).toEqual({ ok: false, problem: 'unknown-key' });
    await opener.open('sandbox', token);
    expect(calls.reloaded).toBe(2);
  });

  test('asks for no key because of a text that is not a token', () => {
    const { ring, calls } = keyringOf([]);
    expect(createTokenOpener(ring, isFresh).open('sandbox', 'nothing')).toEqual({ ok: false, problem: 'not-a-token' });
    expect(calls).toEqual({ found: 0, reloaded: 0 });
  });

  test('opens nothing from memory while changes may not have been heard of, and what it remembers neither', async () => {
    const known = [key];
    let fresh = true;
    let reloaded = 0;
    const find: TokenKeyring['find'] = (_environment, id) => known.find((each) => each.id === id);
    const reload = async (): Promise<void> => {
      reloaded += 1;
      // Somebody revoked it meanwhile.
      if (reloaded === 2) known.pop();
    };
    const opener = createTokenOpener({ find, reload }, () => fresh);
    expect(opener.open('sandbox', token)).toEqual({ ok: true, claims });
    fresh = false;
    expect(await opener.open('sandbox', token), 'the key is still there').toEqual({ ok: true, claims });
    expect(await opener.open('sandbox', token)).toEqual({ ok: false, problem: 'unknown-key' });
    expect(reloaded).toBe(2);
  });

  test('opens nothing at all when it has to read the keys again and can not', async () => {
    const away = new DatabaseUnavailableError('away');
    const { ring } = keyringOf([key]);
    const opener = createTokenOpener({ ...ring, reload: () => Promise.reject(away) }, () => false);
    const changed = `${token.slice(0, -1)}${token.endsWith('A') ? 'Q' : 'A'}`;
    await expect(opener.open('sandbox', token)).rejects.toBe(away);
    await expect(opener.open('sandbox', token)).rejects.toBe(away);
    expect(opener.open('sandbox', changed), 'what no key could open needs none').toMatchObject({ ok: false });
  });

  test('remembers a bounded number of tokens', () => {
    const { ring, calls } = keyringOf([key]);
    const opener = createTokenOpener(ring, isFresh, 2);
    const others = [1, 2].map(() => sealToken('sandbox', claims, key, randomBytes));
    for (const each of [token, ...others, token]) void opener.open('sandbox', each);
    expect(calls.found).toBe(4);
  });
});
