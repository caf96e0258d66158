import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { clientId, someClaims, someClient, someClients, someTime, someTokenKey } from '../testing/facts.js';
import { inspectToken } from './inspect-token.js';
import { sealToken, unsealToken } from './sealed-token.js';

const key = someTokenKey(1);
const opener = {
  open: (environment: 'sandbox' | 'production', token: string) =>
    unsealToken(environment, token, (id) => (id === key.id ? key : undefined)),
};
const claims = someClaims();
const token = sealToken('sandbox', claims, key, randomBytes);

describe('inspecting a token', () => {
  test('shows what it says and that it is in force', async () => {
    const inspection = await inspectToken(token, someTime, opener, someClients(someClient()));
    expect(inspection).toEqual({ readable: true, environment: 'sandbox', claims, inForce: true, problem: null });
  });

  test('finds the environment of a token by itself', async () => {
    const client = someClient({ environment: 'production' });
    const other = sealToken('production', claims, key, randomBytes);
    const inspection = await inspectToken(other, someTime, opener, someClients(client));
    expect(inspection).toMatchObject({ readable: true, environment: 'production', inForce: true });
  });

  test('judges by the database and not by the cache', async () => {
    const clients = someClients(someClient(), someClient({ revokedAt: someTime }));
    const inspection = await inspectToken(token, someTime, opener, clients);
    expect(inspection).toMatchObject({ inForce: false, problem: expect.stringContaining('its client was revoked') });
    expect(clients.asked).toEqual(['confirm']);
  });

  test('says since when an expired token is expired, from its last moment on', async () => {
    const at = (now: number) => inspectToken(token, now, opener, someClients(someClient()));
    expect(await at(claims.expiresAt - 1)).toMatchObject({ inForce: true });
    expect(await at(claims.expiresAt)).toMatchObject({
      inForce: false,
      problem: 'it expired at 2026-03-02T00:00:00.000Z',
    });
  });

  test('tells a text that is no token from a changed one and from one of an unknown key', async () => {
    const clients = someClients(someClient());
    const unknown = sealToken('sandbox', claims, someTokenKey(2), randomBytes);
    const changed = token.slice(0, -5) + (token.at(-5) === 'A' ? 'B' : 'A') + token.slice(-4);
    const problems = [];
    for (const text of ['', 'hello', unknown, changed]) {
      const inspection = await inspectToken(text, someTime, opener, clients);
      problems.push(inspection.readable ? 'readable' : inspection.problem);
    }
    expect(problems).toEqual([
      expect.stringContaining('does not look like'),
      expect.stringContaining('does not look like'),
      expect.stringContaining('key'),
      expect.stringContaining('changed'),
    ]);
    expect(clients.asked, `nothing is looked up for ${clientId}`).toEqual([]);
  });
});
