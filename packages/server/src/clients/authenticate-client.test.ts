import { createHmac } from 'node:crypto';
import { formatSecret } from '@tollward/protocol';
import fc from 'fast-check';
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
  learn: () => undefined,
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

  test('tells of a proved secret under an old key, with its hash under the current one, and of nothing else', async () => {
    const noted: unknown[] = [];
    const onOldHash = (newHash: unknown): void => void noted.push(newHash);
    const ask = (password: string, client: ClientFacts) =>
      authenticateClient('sandbox', `Basic ${Buffer.from(`${clientId}:${password}`).toString('base64')}`, someTime, {
        clients: someClients(client),
        hmacKeys,
        onOldHash,
      });
    await ask(secret, someClient({ secrets: [current, old] }));
    await ask(`${otherSecret}x`, someClient({ secrets: [old] }));
    await ask(otherSecret, someClient({ secrets: [{ ...old, revokedAt: someTime }] }));
    expect(noted).toEqual([]);
    await ask(otherSecret, someClient({ secrets: [current, old] }));
    expect(noted).toEqual([
      {
        environment: 'sandbox',
        clientId,
        secretId: old.id,
        oldVersion: 1,
        version: 2,
        hash: hashOf(2, otherSecret),
      },
    ]);
  });

  test('waits for a key that it does not know yet', async () => {
    const steps: string[] = [];
    const learning = {
      ...hmacKeys,
      learn: async (_environment: string, versions: Iterable<number>) =>
        void steps.push(`learn ${[...versions].join()}`),
      hash: (environment: string, version: number, text: string) => {
        steps.push(`hash ${version}`);
        return hmacKeys.hash(environment, version, text);
      },
    };
    const clients = someClients(someClient({ secrets: [old] }));
    const authorization = `Basic ${Buffer.from(`${clientId}:${otherSecret}`).toString('base64')}`;
    const result = await authenticateClient('sandbox', authorization, someTime, { clients, hmacKeys: learning });
    expect(result).toMatchObject({ authenticated: true });
    expect(steps).toEqual(['learn 1', 'hash 1']);
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
    ['another secret', otherSecret, 'none of its secrets'],
    ['a cut-off secret', `${secret.slice(0, -2)}00`, 'checksum'],
    ['a refresh token', formatSecret('sandbox', 'rt', new Uint8Array(32)), 'no client secret'],
    ['any password', 'hunter2', 'no Tollward secret'],
  ])('tells the operator, and nobody else, that it was %s', async (_case, password, seen) => {
    const { result } = authenticate(password, someClient({ secrets: [current] }));
    expect(await result).toEqual({
      authenticated: false,
      code: 'client_authentication_failed',
      seen: expect.stringContaining(seen),
      clientNamed: clientId,
    });
  });

  const at = new Date(someTime).toISOString();
  test.each([
    ['a replaced secret', { usableUntil: someTime }, 'secret_replaced', { replacedAt: at }],
    ['a revoked secret', { revokedAt: someTime }, 'secret_revoked', { revokedAt: at }],
    ['a paused secret', { pausedUntil: someTime + 1 }, 'secret_paused', { pausedUntil: '2026-03-01T12:00:00.001Z' }],
  ])(
    'tells whoever knows %s what happened to it, and which client and secret it was',
    async (_case, changes, ...told) => {
      const [code, parameters] = told;
      const client = someClient({ secrets: [{ ...current, ...changes }, old] });
      const { result, clients } = authenticate(secret, client);
      expect(await result).toEqual({
        authenticated: false,
        code,
        parameters,
        seen: expect.stringContaining(`secret ${current.id}, `),
        client,
        secretId: current.id,
      });
      expect(clients.asked, 'a no is confirmed').toEqual(['get', 'confirm']);
    },
  );

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
      expect(result).toEqual({
        authenticated: false,
        code: 'client_authentication_failed',
        seen: expect.stringContaining('Authorization header'),
      });
    }
    expect(clients.asked).toEqual([]);
  });
});

/** The percent-encoding of every character, as some libraries encode even what needs none. */
function percentEncode(text: string): string {
  return [...text].map((character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`).join('');
}

describe('a changed secret', () => {
  const entropy = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const printable = fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code));
  const encodings = fc.constantFrom((text: string) => text, percentEncode, encodeURIComponent);

  /** Whether `sent` proves a client whose one secret is `stored`, with an HMAC of a real key. */
  const proves = async (stored: string, sent: string): Promise<boolean> => {
    const client = someClient({ secrets: [someSecret({ hash: hashOf(2, stored), hmacKeyVersion: 2 })] });
    return (await authenticate(sent, client).result).authenticated;
  };

  test('in any one character is refused, however it is encoded; unchanged it is accepted', async () => {
    await fc.assert(
      fc.asyncProperty(entropy, fc.nat(), printable, encodings, async (bytes, seed, other, encode) => {
        const stored = formatSecret('sandbox', 'cs', bytes);
        const at = seed % stored.length;
        const changed = stored.slice(0, at) + other + stored.slice(at + 1);
        expect(await proves(stored, encode(stored))).toBe(true);
        expect(await proves(stored, encode(changed))).toBe(changed === stored);
      }),
      { numRuns: 1_000 },
    );
  });

  test('in the case of any letter is refused', async () => {
    for (const [at, letter] of [...secret].entries()) {
      const swapped = letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase();
      if (swapped === letter) continue;
      expect(await proves(secret, secret.slice(0, at) + swapped + secret.slice(at + 1)), `letter ${at}`).toBe(false);
    }
    expect(await proves(secret, secret.toUpperCase())).toBe(false);
    expect(await proves(secret, secret.toLowerCase())).toBe(false);
  });

  test('with anything added or left out is refused, white space and what form decoding turns into it included', async () => {
    for (let at = 0; at <= secret.length; at += 1) {
      const [front, back] = [secret.slice(0, at), secret.slice(at)];
      for (const added of ['0', ' ', '+', '%20', '%00', '%0a', '%', ':', '%3a', '_']) {
        expect(await proves(secret, front + added + back), `${added} at ${at}`).toBe(false);
      }
      if (back !== '') expect(await proves(secret, front + back.slice(1)), `without ${at}`).toBe(false);
    }
    for (const other of ['', secret.repeat(2), [...secret].reverse().join('')]) {
      expect(await proves(secret, other)).toBe(false);
    }
  });

  test('with a right checksum is refused just the same', async () => {
    await fc.assert(
      fc.asyncProperty(entropy, fc.nat(31), fc.integer({ min: 1, max: 255 }), async (bytes, at, change) => {
        const changed = Uint8Array.from(bytes, (byte, index) => (index === at ? byte ^ change : byte));
        const stored = formatSecret('sandbox', 'cs', bytes);
        expect(await proves(stored, formatSecret('sandbox', 'cs', changed))).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a secret of the other environment', () => {
  test.each([
    ['sandbox', 'production'],
    ['production', 'sandbox'],
  ] as const)('at %s is told from its prefix alone: nobody is looked up and nothing is hashed', async (here, there) => {
    const hashed: string[] = [];
    const counting = {
      ...hmacKeys,
      hash: (_: string, version: number, text: string) => {
        hashed.push(text);
        return hashOf(version, text);
      },
    };
    const theirs = formatSecret(there, 'cs', new Uint8Array(32).fill(5));
    for (const [name, sent] of [
      [clientId, theirs],
      [percentEncode(clientId), percentEncode(theirs)],
    ]) {
      const clients = someClients(
        someClient({ environment: here, secrets: [someSecret({ hash: hashOf(2, theirs) })] }),
      );
      const header = `Basic ${Buffer.from(`${name}:${sent}`).toString('base64')}`;
      const result = await authenticateClient(here, header, someTime, { clients, hmacKeys: counting });
      expect(result).toEqual({
        authenticated: false,
        code: 'secret_other_environment',
        seen: `a client secret of ${there}`,
        parameters: { environment: here, secretEnvironment: there },
        clientNamed: clientId,
      });
      expect(clients.asked).toEqual([]);
    }
    expect(hashed).toEqual([]);
  });

  test('is not repeated in evidence when it stands where the client id belongs', async () => {
    const theirs = formatSecret('production', 'cs', new Uint8Array(32).fill(5));
    const result = await authenticate(theirs, someClient(), undefined, theirs).result;
    expect(result).toMatchObject({ code: 'secret_other_environment' });
    expect(result).not.toHaveProperty('clientNamed');
    expect(JSON.stringify(result)).not.toContain(theirs.slice(11));
  });

  test('is nothing else: not with a wrong checksum, not of another kind, not one of here', async () => {
    const theirs = formatSecret('production', 'cs', new Uint8Array(32).fill(5));
    const moved = secret.replace('_sbx_', '_prd_');
    for (const sent of [
      moved,
      `${theirs}0`,
      theirs.slice(0, -1),
      formatSecret('production', 'rt', new Uint8Array(32)),
    ]) {
      const { result, clients } = authenticate(sent, someClient({ secrets: [current] }));
      expect(await result).toMatchObject({ code: 'client_authentication_failed' });
      expect(clients.asked).toEqual(['get', 'confirm']);
    }
    expect(await authenticate(otherSecret, someClient({ secrets: [current] })).result).toMatchObject({
      code: 'client_authentication_failed',
    });
  });
});
