import { describe, expect, test } from 'vitest';
import { secretId, someClient, someClients, someSecret, someTime } from '../testing/facts.js';
import type { ClientFactsSource } from './client-facts.js';
import { type ConnectionProof, recallProof, rememberProof } from './connection-proof.js';

const header = 'Basic Y2xpOnNlY3JldA==';

function remembering(): ConnectionProof {
  const memory: ConnectionProof = { proved: undefined };
  rememberProof(memory, header, { client: someClient(), secretId });
  return memory;
}

function recall(memory: ConnectionProof, authorization: string, clients: ClientFactsSource, currentVersion = 1) {
  const hmacKeys = { currentVersion: () => currentVersion };
  return recallProof(memory, 'sandbox', authorization, someTime, clients, hmacKeys);
}

describe('the proof of a connection', () => {
  test('is recalled for the very same header, with the facts of now and not of then', () => {
    const client = someClient({ generation: 9 });
    const recalled = recall(remembering(), header, someClients(client));
    expect(recalled).toEqual({ client, secretId });
  });

  test('says nothing for another header, nor on a connection that proved nothing', () => {
    const clients = someClients(someClient());
    for (const other of [`${header} `, header.toLowerCase(), header.slice(0, -1), '']) {
      expect(recall(remembering(), other, clients)).toBeUndefined();
    }
    expect(recall({ proved: undefined }, header, clients)).toBeUndefined();
    expect(clients.asked, 'nobody is looked up for it').toEqual([]);
  });

  test('ends when its secret is revoked, replaced, paused or gone, although another one would do', () => {
    const other = someSecret({ id: `sec_${'9'.repeat(32)}` });
    for (const secrets of [
      [someSecret({ revokedAt: someTime }), other],
      [someSecret({ usableUntil: someTime }), other],
      [someSecret({ pausedUntil: someTime + 1 }), other],
      [other],
      [],
    ]) {
      const clients = someClients(someClient({ secrets }));
      expect(recall(remembering(), header, clients)).toBeUndefined();
    }
    const runningOut = someClients(someClient({ secrets: [someSecret({ usableUntil: someTime + 1 })] }));
    expect(recall(remembering(), header, runningOut)).toBeDefined();
  });

  test('[KEY-07] is made again while the secret is stored under an old key, so that it can be stored under the current one', () => {
    const client = someClient({ secrets: [someSecret({ hmacKeyVersion: 1 })] });
    expect(recall(remembering(), header, someClients(client), 1)).toBeDefined();
    expect(recall(remembering(), header, someClients(client), 2)).toBeUndefined();
  });

  test('needs the client at hand: unknown or still to be read, it leaves the proof to be made again', () => {
    expect(recall(remembering(), header, someClients(undefined))).toBeUndefined();
    const reading = { get: async () => someClient(), confirm: async () => someClient() };
    expect(recall(remembering(), header, reading)).toBeUndefined();
  });

  test('leaves no rejection behind that nobody handles, when the client can not be read', async () => {
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', onUnhandled);
    const away = { get: async () => Promise.reject(new Error('away')), confirm: async () => undefined };
    expect(recall(remembering(), header, away)).toBeUndefined();
    await new Promise(setImmediate);
    process.off('unhandledRejection', onUnhandled);
    expect(unhandled).toEqual([]);
  });
});
