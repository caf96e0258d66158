import { describe, expect, test } from 'vitest';
import { clientId, secretId, someClient, someClients, someSecret, someTime } from '../testing/facts.js';
import { createRememberedProofs } from './remembered-proofs.js';

const header = 'Basic Y2xpOnNlY3JldA==';
const proved = { client: someClient(), secretId };

function remembering() {
  const proofs = createRememberedProofs();
  proofs.remember('sandbox', header, proved);
  return proofs;
}

describe('a remembered proof', () => {
  test('is recalled for the very same header, with the facts of now and not of then', () => {
    const client = someClient({ generation: 9 });
    expect(remembering().recall('sandbox', header, someTime, someClients(client))).toEqual({ client, secretId });
  });

  test('says nothing for another header or in the other environment', () => {
    const clients = someClients(someClient({ environment: 'production' }));
    for (const other of [`${header} `, header.toLowerCase(), header.slice(0, -1), '']) {
      expect(remembering().recall('sandbox', other, someTime, someClients(someClient()))).toBeUndefined();
    }
    expect(remembering().recall('production', header, someTime, clients)).toBeUndefined();
    expect(clients.asked, 'nobody is looked up for it').toEqual([]);
  });

  test('ends when its secret is revoked, replaced or gone, although another one would do', () => {
    const other = someSecret({ id: `sec_${'9'.repeat(32)}` });
    const proofs = remembering();
    for (const secrets of [
      [someSecret({ revokedAt: someTime }), other],
      [someSecret({ usableUntil: someTime }), other],
      [other],
      [],
    ]) {
      expect(proofs.recall('sandbox', header, someTime, someClients(someClient({ secrets })))).toBeUndefined();
    }
    const runningOut = someClient({ secrets: [someSecret({ usableUntil: someTime + 1 })] });
    expect(proofs.recall('sandbox', header, someTime, someClients(runningOut))).toBeDefined();
  });

  test('needs the client at hand: unknown or still to be read, it leaves the proof to be made again', () => {
    expect(remembering().recall('sandbox', header, someTime, someClients(undefined))).toBeUndefined();
    const reading = { get: async () => someClient(), confirm: async () => someClient() };
    expect(remembering().recall('sandbox', header, someTime, reading)).toBeUndefined();
  });

  test('is forgotten when there are too many', () => {
    const proofs = createRememberedProofs(2);
    const clients = someClients(someClient());
    for (const each of ['a', 'b', 'c']) proofs.remember('sandbox', each, proved);
    const known = ['a', 'b', 'c'].filter((each) => proofs.recall('sandbox', each, someTime, clients) !== undefined);
    expect(known).toEqual(['b', 'c']);
    expect(clients.asked, `one look at ${clientId} for each`).toHaveLength(2);
  });
});
