import { createHmac } from 'node:crypto';
import { formatSecret } from '@tollward/protocol';
import { describe, expect, test } from 'vitest';
import { clientId, someClient, someClients, someSecret, someTime } from '../testing/facts.js';
import { authenticateClient } from './authenticate-client.js';
import type { ClientFacts } from './client-facts.js';

const secret = formatSecret('sandbox', 'cs', new Uint8Array(32).fill(1));
const otherSecret = formatSecret('sandbox', 'cs', new Uint8Array(32).fill(2));

function hashOf(version: number, text: string): Buffer {
  return createHmac('sha256', `key ${version}`).update(text).digest();
}

const hmacKeys = {
  currentVersion: () => 2,
  hash: (_environment: string, version: number, text: string) => hashOf(version, text),
};

function authenticate(password: string, cached: ClientFacts | undefined, confirmed = cached, name = clientId) {
  const authorization = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
  const clients = someClients(cached, confirmed);
  return { clients, result: authenticateClient('sandbox', authorization, someTime, { clients, hmacKeys }) };
}

const current = someSecret({ id: `sec_${'1'.repeat(32)}`, hash: hashOf(2, secret), hmacKeyVersion: 2 });
const old = someSecret({ id: `sec_${'2'.repeat(32)}`, hash: hashOf(1, otherSecret), hmacKeyVersion: 1 });

describe('authenticating a client', () => {
  test('proves it by either of two live secrets, of whatever key version, and says which one it was', async () => {
    const client = someClient({ secrets: [current, old] });
    for (const [password, id] of [
      [secret, current.id],
      [otherSecret, old.id],
    ] as const) {
      const { result, clients } = authenticate(password, client);
      expect(await result).toEqual({ authenticated: true, client, secretId: id });
      expect(clients.asked, 'a yes needs no second look').toEqual(['get']);
    }
  });

  test('proves it when id and secret were form-encoded', async () => {
    const client = someClient({ secrets: [current] });
    const encoded = (text: string) => text.replaceAll('_', '%5F');
    const { result } = authenticate(encoded(secret), client, client, encoded(clientId));
    expect(await result).toMatchObject({ authenticated: true });
  });

  test('does not take the stored hash for the secret', async () => {
    const { result } = authenticate(current.hash.toString('hex'), someClient({ secrets: [current] }));
    expect(await result).toMatchObject({ authenticated: false });
  });

  test('asks again before it says no, and says yes when the database does', async () => {
    const client = someClient({ secrets: [current] });
    const { result, clients } = authenticate(secret, someClient({ secrets: [old] }), client);
    expect(await result).toEqual({ authenticated: true, client, secretId: current.id });
    expect(clients.asked).toEqual(['get', 'confirm']);
  });

  test('says no to the right secret of a client without any secret', async () => {
    const { result } = authenticate(secret, someClient({ secrets: [] }));
    expect(await result).toMatchObject({ authenticated: false });
  });

  test.each([
    ['a replaced secret', secret, { usableUntil: someTime }, 'replaced'],
    ['a revoked secret', secret, { revokedAt: someTime }, 'revoked at'],
    ['another secret', otherSecret, {}, 'none of its secrets'],
    ['a cut-off secret', `${secret.slice(0, -2)}00`, {}, 'checksum'],
    ['a secret of the other environment', formatSecret('production', 'cs', new Uint8Array(32)), {}, 'of production'],
    ['a refresh token', formatSecret('sandbox', 'rt', new Uint8Array(32)), {}, 'no client secret'],
    ['any password', 'hunter2', {}, 'no Tollward secret'],
  ])('tells the operator that it was %s', async (_case, password, changes, seen) => {
    const { result } = authenticate(password, someClient({ secrets: [{ ...current, ...changes }] }));
    expect(await result).toEqual({ authenticated: false, seen: expect.stringContaining(seen), clientNamed: clientId });
  });

  test('names an unknown client id, but repeats nothing that has not the form of one', async () => {
    const unknown = `cli_${'f'.repeat(32)}`;
    expect(await authenticate(secret, undefined, undefined, unknown).result).toMatchObject({
      seen: expect.stringContaining(unknown),
      clientNamed: unknown,
    });
    const pasted = await authenticate(secret, undefined, undefined, otherSecret).result;
    expect(pasted).not.toHaveProperty('clientNamed');
    expect(JSON.stringify(pasted)).not.toContain(otherSecret.slice(11));
  });

  test('asks no database about a name that is no client id, but hashes as often as for an unknown client', async () => {
    const hashed: string[] = [];
    const counting = {
      ...hmacKeys,
      hash: (environment: string, version: number, text: string) => {
        hashed.push(text);
        return hmacKeys.hash(environment, version, text);
      },
    };
    const attempt = async (name: string) => {
      hashed.length = 0;
      const clients = someClients(undefined);
      const authorization = `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;
      const result = await authenticateClient('sandbox', authorization, someTime, { clients, hmacKeys: counting });
      expect(result).toMatchObject({ authenticated: false });
      return { asked: clients.asked, hashes: hashed.length };
    };
    const unknown = await attempt(`cli_${'f'.repeat(32)}`);
    expect(unknown).toEqual({ asked: ['get', 'confirm'], hashes: 2 });
    for (const name of ['admin', clientId.toUpperCase(), `${clientId}0`, `sec_${'f'.repeat(32)}`, ` ${clientId}`]) {
      expect(await attempt(name), name).toEqual({ asked: [], hashes: unknown.hashes });
    }
  });

  test('looks nobody up for a header it can not read', async () => {
    const clients = someClients(someClient());
    for (const header of [undefined, 'Bearer x', 'Basic ?', `Basic ${Buffer.from('cli\0:x').toString('base64')}`]) {
      const result = await authenticateClient('sandbox', header, someTime, { clients, hmacKeys });
      expect(result).toEqual({ authenticated: false, seen: expect.stringContaining('Authorization header') });
    }
    expect(clients.asked).toEqual([]);
  });
});
