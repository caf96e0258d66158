import { createHmac } from 'node:crypto';
import { formatSecret } from '@tollward/protocol';
import { describe, expect, test } from 'vitest';
import type { ClientFacts, ConnectionProof } from '../clients/index.js';
import { createHexIds, createRandomPool } from '../platform/random.js';
import { createRateLimiter } from '../platform/rate-limiter.js';
import { catalogue, isRefusal, publicText, type Refusal } from '../refusals/index.js';
import {
  certificateId,
  clientId,
  secretId,
  someCertificate,
  someClient,
  someClients,
  somePeer,
  someSecret,
  someTime,
  someTokenKey,
  thumbprintOf,
} from '../testing/facts.js';
import { type IssuedToken, issueToken, type TokenRequest } from './issue-token.js';
import { unsealToken } from './sealed-token.js';

const secret = formatSecret('sandbox', 'cs', new Uint8Array(32).fill(1));
const wrongSecret = formatSecret('sandbox', 'cs', new Uint8Array(32).fill(2));
const key = someTokenKey(1);

function hashOf(version: number, text: string): Buffer {
  return createHmac('sha256', `key ${version}`).update(text).digest();
}

function basicOf(id: string, password: string): string {
  return `Basic ${Buffer.from(`${id}:${password}`).toString('base64')}`;
}

/** Issues over fakes that count what they are asked for. */
function setUp(client: ClientFacts | undefined, confirmed: ClientFacts | undefined = client) {
  const clients = someClients(client, confirmed);
  const hashed: string[] = [];
  const dependencies = {
    clients,
    hmacKeys: {
      currentVersion: () => 1,
      hash: (_environment: string, version: number, text: string) => {
        hashed.push(text);
        return hashOf(version, text);
      },
    },
    tokenKeys: {
      current: () => key,
      find: () => key,
      reload: async () => undefined,
      maintain: async () => undefined,
    },
    clientRates: createRateLimiter(),
    defaultClientLimits: { perSecond: 1_000, perMinute: 1_000 },
    random: createRandomPool(),
    newTokenId: createHexIds(createRandomPool()),
  };
  const proof: ConnectionProof = { proved: undefined };
  const issue = async (changes: Partial<TokenRequest> = {}): Promise<IssuedToken | Refusal> => {
    const result = await issueToken(
      {
        environment: 'sandbox',
        peer: somePeer(thumbprintOf('a')),
        mtlsUrl: 'https://mtls.example',
        authorization: basicOf(clientId, secret),
        parameters: new Map([['grant_type', 'client_credentials']]),
        now: someTime,
        proof,
        ...changes,
      },
      dependencies,
    );
    if (isRefusal(result)) expectFilledText(result);
    return result;
  };
  return { issue, clients, hashed, dependencies };
}

/** Whoever refuses has to give the catalogue's text its words. */
function expectFilledText(refusal: Refusal): void {
  expect(publicText(catalogue[refusal.refusal].text, refusal.parameters)).not.toMatch(/[{}]/);
}

/** A client that knows `secret`. */
function client(changes: Partial<ClientFacts> = {}): ClientFacts {
  return someClient({ secrets: [someSecret({ hash: hashOf(1, secret) })], ...changes });
}

function certificates(changes: Parameters<typeof someCertificate>[0]) {
  const certificate = someCertificate(changes);
  return new Map([[certificate.thumbprint, certificate]]);
}

describe('issuing a token', () => {
  test('seals the facts of the moment and answers with exactly the members of the contract', async () => {
    const issued = await setUp(client()).issue();
    if (isRefusal(issued)) throw new Error(issued.refusal);
    const { access_token: token, ...rest } = issued.body;
    expect(rest).toEqual({
      token_type: 'bearer',
      expires_in: 43_199,
      scope: 'transfers',
      expires_at: '2026-03-02T00:00:00.000Z',
    });
    expect(unsealToken('sandbox', token, () => key)).toEqual({
      ok: true,
      claims: {
        kind: 'client_credentials',
        tokenId: expect.stringMatching(/^[0-9a-f]{32}$/),
        issuedAt: someTime,
        expiresAt: someTime + 43_200_000,
        organisationGeneration: 3,
        clientId,
        clientGeneration: 5,
        secretId,
        binding: { certificateId, thumbprint: thumbprintOf('a') },
      },
    });
  });

  test('gives every token an id of its own', async () => {
    const { issue } = setUp(client());
    const ids = new Set<string>();
    for (let count = 0; count < 20; count += 1) {
      const issued = await issue();
      if (isRefusal(issued)) throw new Error(issued.refusal);
      const opened = unsealToken('sandbox', issued.body.access_token, () => key);
      if (opened.ok) ids.add(opened.claims.tokenId);
    }
    expect(ids.size).toBe(20);
  });

  const registered = somePeer(thumbprintOf('a'));
  const foreign = somePeer(thumbprintOf('z'));
  const off = { mtlsRequired: false };
  test.each([
    ['required, api: refused, names the mutual TLS host', {}, 'not-asked', 'mtls_required'],
    ['required, api-mtls without a certificate', {}, null, 'certificate_missing'],
    ['required, api-mtls with a foreign certificate', {}, foreign, 'certificate_not_registered'],
    ['required, revoked', { certificates: certificates({ revokedAt: someTime }) }, registered, 'certificate_revoked'],
    ['required, expired', { certificates: certificates({ notAfter: someTime }) }, registered, 'certificate_expired'],
    [
      'required, not yet valid',
      { certificates: certificates({ notBefore: someTime + 1 }) },
      registered,
      'certificate_not_yet_valid',
    ],
    ['required, registered: bound', {}, registered, 'bound'],
    ['off, api: unbound', off, 'not-asked', 'unbound'],
    ['off, api-mtls without a certificate: unbound', off, null, 'unbound'],
    ['off, registered: bound', off, registered, 'bound'],
    ['off, with a foreign certificate', off, foreign, 'certificate_not_registered'],
    [
      'off, with a revoked certificate',
      { ...off, certificates: certificates({ revokedAt: someTime }) },
      registered,
      'certificate_revoked',
    ],
  ] as const)('by the matrix of mutual TLS: %s', async (_case, changes, peer, expected) => {
    const result = await setUp(client(changes)).issue({ peer });
    if (isRefusal(result)) {
      expect(result).toMatchObject({ refusal: expected, step: 'peer', clientId });
      return;
    }
    const opened = unsealToken('sandbox', result.body.access_token, () => key);
    if (!opened.ok) throw new Error(opened.problem);
    expect(opened.claims.binding === null ? 'unbound' : 'bound').toBe(expected);
  });

  test('an unknown client and a wrong secret cost the same hashes and lookups and get an equal public answer', async () => {
    const unknownId = `cli_${'0'.repeat(32)}`;
    const wrong = setUp(client());
    const unknown = setUp(client());
    const wrongAnswer = await wrong.issue({ authorization: basicOf(clientId, wrongSecret) });
    const unknownAnswer = await unknown.issue({ authorization: basicOf(unknownId, wrongSecret) });
    expect(unknown.hashed).toEqual(wrong.hashed);
    expect(unknown.clients.asked).toEqual(wrong.clients.asked);
    expect(wrong.hashed.length).toBeGreaterThan(0);

    const publicParts = (answer: IssuedToken | Refusal) =>
      isRefusal(answer) && [answer.refusal, answer.step, answer.parameters, answer.retryAfterSeconds, answer.clientId];
    expect(publicParts(unknownAnswer)).toEqual(publicParts(wrongAnswer));
    expect(publicParts(wrongAnswer)).toEqual([
      'client_authentication_failed',
      'client',
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('says nothing about the client or the certificate before the secret is proved', async () => {
    const authorization = basicOf(clientId, wrongSecret);
    for (const facts of [client(), client({ revokedAt: someTime }), client({ mtlsRequired: false }), undefined]) {
      for (const peer of ['not-asked', null, foreign] as const) {
        const parameters = new Map([['client_id', 'another']]);
        const answer = await setUp(facts).issue({ authorization, peer, parameters });
        expect(answer).toMatchObject({ refusal: 'client_authentication_failed' });
        expect(answer).not.toHaveProperty('clientId');
      }
    }
  });

  test('never puts the secret that was sent into the evidence', async () => {
    const other = formatSecret('production', 'cs', new Uint8Array(32).fill(3));
    for (const password of [wrongSecret, secret.slice(0, -1), other, 'hunter2-hunter2', `${secret}x`]) {
      for (const name of [clientId, password]) {
        const answer = await setUp(client()).issue({ authorization: basicOf(name, password) });
        expect(answer).toMatchObject({ refusal: 'client_authentication_failed' });
        expect(JSON.stringify(answer)).not.toContain(password.slice(11, 20));
      }
    }
  });

  test('takes the secret by HTTP Basic alone', async () => {
    for (const name of ['client_secret', 'client_assertion']) {
      const parameters = new Map([[name, secret]]);
      const both = await setUp(client()).issue({ parameters });
      expect(both).toMatchObject({ refusal: 'client_authentication_repeated', step: 'client' });
      const bodyOnly = await setUp(client()).issue({ authorization: undefined, parameters });
      expect(bodyOnly).toMatchObject({ refusal: 'client_authentication_failed', step: 'client' });
      expect(JSON.stringify([both, bodyOnly])).not.toContain(secret);
    }
  });

  test('a client_id in the body may repeat the proved one, and be no other', async () => {
    const withId = (id: string) =>
      new Map([
        ['grant_type', 'client_credentials'],
        ['client_id', id],
      ]);
    expect(await setUp(client()).issue({ parameters: withId(clientId) })).toHaveProperty('body');
    expect(await setUp(client()).issue({ parameters: withId('cli_other') })).toMatchObject({
      refusal: 'client_id_mismatch',
      clientId,
    });
  });

  test('a revoked client with the right secret hears that it was revoked, before anything of its certificate', async () => {
    const answer = await setUp(client({ revokedAt: someTime })).issue({ peer: null });
    expect(answer).toMatchObject({ refusal: 'client_revoked', step: 'client', clientId });
  });

  test.each([
    [undefined, 'grant_type_missing'],
    ['password', 'grant_type_unsupported'],
    ['CLIENT_CREDENTIALS', 'grant_type_unsupported'],
    [`${secret} and more`, 'grant_type_unsupported'],
  ])('refuses the grant type %s', async (grantType, code) => {
    const parameters = new Map(grantType === undefined ? [] : [['grant_type', grantType] as const]);
    const answer = await setUp(client()).issue({ parameters });
    expect(answer).toMatchObject({ refusal: code, step: 'grant', clientId });
  });

  test('counts proved requests against the limits of the client, which are its own or the default', async () => {
    const own = setUp(client({ limits: { perSecond: 2, perMinute: 100 } }));
    expect(await own.issue()).toHaveProperty('body');
    expect(await own.issue()).toHaveProperty('body');
    expect(await own.issue()).toMatchObject({
      refusal: 'client_rate_limited',
      step: 'rate',
      clientId,
    });

    const byDefault = setUp(client());
    byDefault.dependencies.defaultClientLimits = { perSecond: 1, perMinute: 100 };
    expect(await byDefault.issue()).toHaveProperty('body');
    expect(await byDefault.issue()).toMatchObject({ refusal: 'client_rate_limited' });
  });

  test('does not let a stranger with a wrong secret use up the limits of a client', async () => {
    const { issue } = setUp(client({ limits: { perSecond: 1, perMinute: 1 } }));
    for (let count = 0; count < 5; count += 1) await issue({ authorization: basicOf(clientId, wrongSecret) });
    expect(await issue()).toHaveProperty('body');
  });

  test('remembers what a header proved, and judges everything else again', async () => {
    const { issue, hashed } = setUp(client());
    await issue();
    const once = hashed.length;
    expect(await issue()).toHaveProperty('body');
    expect(hashed).toHaveLength(once);
    expect(await issue({ peer: foreign })).toMatchObject({ refusal: 'certificate_not_registered' });
    expect(await issue({ parameters: new Map([['client_secret', secret]]) })).toMatchObject({
      refusal: 'client_authentication_repeated',
    });
    expect(await issue({ parameters: new Map([['client_id', 'another']]) })).toMatchObject({
      refusal: 'client_id_mismatch',
    });
    expect(await issue({ authorization: basicOf(clientId, wrongSecret) })).toMatchObject({
      refusal: 'client_authentication_failed',
    });
  });

  test('believes a second look at the database over its cache', async () => {
    const beforeRotation = client({ secrets: [someSecret({ hash: hashOf(1, wrongSecret) })] });
    expect(await setUp(beforeRotation, client()).issue()).toHaveProperty('body');
    expect(await setUp(undefined, client()).issue()).toHaveProperty('body');
  });
});
