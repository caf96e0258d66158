import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { someClaims, someTime, someTokenKey } from '../testing/facts.js';
import { sealToken } from './sealed-token.js';
import type { TokenKey, TokenKeyring } from './token-keyring.js';
import { createTokenOpener } from './token-opener.js';

/** A keyring of sandbox that knows `keys`, and after a reload `published` too. */
function keyringOf(keys: readonly TokenKey[], published: readonly TokenKey[] = []) {
  const known = [...keys];
  const calls = { found: 0, reloaded: [] as number[] };
  const ring: TokenKeyring = {
    current: () => {
      throw new Error('opening needs no current key');
    },
    find: (environment, id) => {
      calls.found += 1;
      return environment === 'sandbox' ? known.find((key) => key.id === id) : undefined;
    },
    reload: async (now) => {
      calls.reloaded.push(now);
      known.push(...published);
    },
  };
  return { ring, calls };
}

const key = someTokenKey(1);
const claims = someClaims();
const token = sealToken('sandbox', claims, key, randomBytes);

describe('the token opener', () => {
  test('opens without waiting when the key is known, and reads a token it has seen only once', () => {
    const { ring, calls } = keyringOf([key]);
    const opener = createTokenOpener(ring);
    const first = opener.open('sandbox', token, someTime);
    expect(first).toEqual({ ok: true, claims });
    expect(opener.open('sandbox', token, someTime)).toBe(first);
    expect(calls.reloaded).toEqual([]);
  });

  test('does not remember a token for longer than there is the key that sealed it', async () => {
    const known = [key];
    const opener = createTokenOpener({
      find: (_environment, id) => known.find((each) => each.id === id),
      reload: async () => undefined,
    });
    expect(opener.open('sandbox', token, someTime)).toMatchObject({ ok: true });
    known.pop();
    expect(await opener.open('sandbox', token, someTime)).toEqual({ ok: false, problem: 'unknown-key' });
  });

  test('a remembered token does not open in the other environment', () => {
    const opener = createTokenOpener(keyringOf([key]).ring);
    void opener.open('sandbox', token, someTime);
    expect(opener.open('production', token, someTime)).toMatchObject({ ok: false, problem: 'other-environment' });
  });

  test('a remembered token does not vouch for a changed one', () => {
    const opener = createTokenOpener(keyringOf([key]).ring);
    void opener.open('sandbox', token, someTime);
    const changed = token.slice(0, -4) + (token.at(-4) === 'A' ? 'B' : 'A') + token.slice(-3);
    expect(opener.open('sandbox', changed, someTime)).toEqual({ ok: false, problem: 'changed' });
  });

  test('reads the keys again for an unknown key and then opens the token', async () => {
    const { ring, calls } = keyringOf([], [key]);
    const opener = createTokenOpener(ring);
    expect(await opener.open('sandbox', token, someTime)).toEqual({ ok: true, claims });
    expect(calls.reloaded).toEqual([someTime]);
  });

  test('says that the key is unknown when it still is, and asks again the next time', async () => {
    const { ring, calls } = keyringOf([]);
    const opener = createTokenOpener(ring);
    expect(await opener.open('sandbox', token, someTime)).toEqual({ ok: false, problem: 'unknown-key' });
    await opener.open('sandbox', token, someTime + 1);
    expect(calls.reloaded).toEqual([someTime, someTime + 1]);
  });

  test('asks for no key because of a text that is not a token', () => {
    const { ring, calls } = keyringOf([]);
    expect(createTokenOpener(ring).open('sandbox', 'nothing', someTime)).toEqual({ ok: false, problem: 'not-a-token' });
    expect(calls).toEqual({ found: 0, reloaded: [] });
  });

  test('remembers a bounded number of tokens', () => {
    const { ring, calls } = keyringOf([key]);
    const opener = createTokenOpener(ring, 2);
    const others = [1, 2].map(() => sealToken('sandbox', claims, key, randomBytes));
    for (const each of [token, ...others, token]) void opener.open('sandbox', each, someTime);
    expect(calls.found).toBe(4);
  });
});
