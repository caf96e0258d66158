import { createHmac } from 'node:crypto';
import { formatSecret } from '@tollward/protocol';
import { describe, expect, test } from 'vitest';
import type { ClientFacts, ConnectionProof } from '../clients/index.js';
import { parseAddressRange } from '../platform/listeners/address.js';
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
  someUsage,
  thumbprintOf,
} from '../testing/facts.js';
import { type IssuedToken, issueToken } from './issue-token.js';
import type { ClientRequest } from './prove-client.js';
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
      learn: () => undefined,
    },
    tokenKeys: {
      current: () => key,
      find: () => key,
      reload: async () => undefined,
    },
    clientRates: createRateLimiter(),
    defaultClientLimits: { perSecond: 1_000, perMinute: 1_000 },
    usage: someUsage(),
    random: createRandomPool(),
    newTokenId: createHexIds(createRandomPool()),
  };
  const proof: ConnectionProof = { proved: undefined };
  const issue = async (changes: Partial<ClientRequest> = {}): Promise<IssuedToken | Refusal> => {
    const result = await issueToken(
      {
        environment: 'sandbox',
        peer: somePeer(thumbprintOf('a')),
        address: '127.0.0.1',
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

const foreign = somePeer(thumbprintOf('z'));

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

  const behind = {
    'a certificate registered': { certificates: new Map() },
    'mutual TLS switched off': { certificates: new Map() },
    'a pause of the certificate ended': { certificates: certificates({ pausedUntil: someTime + 1 }) },
    'an address allowed': {
      allowedAddresses: [parseAddressRange('192.0.2.0/24')].filter((range) => range !== undefined),
    },
  } satisfies Record<string, Partial<ClientFacts>>;
  test.each(Object.entries(behind))('believes %s on another node a moment ago', async (name, changes) => {
    const off = name === 'mutual TLS switched off';
    const { issue, clients } = setUp(client(changes), client({ mtlsRequired: !off }));
    expect(await issue({ peer: off ? null : registered })).toHaveProperty('body');
    expect(clients.asked.filter((what) => what === 'confirm')).toHaveLength(1);
  });

  test('judges other facts from the secret on, and once', async () => {
    const unregistered = { certificates: new Map() };
    const revoked = [someSecret({ hash: hashOf(1, secret), revokedAt: someTime })];
    const ended = setUp(client(unregistered), client({ secrets: revoked }));
    expect(await ended.issue()).toMatchObject({ refusal: 'secret_revoked', step: 'client', clientId });

    const still = setUp(client(unregistered), client({ ...unregistered, name: 'renamed' }));
    expect(await still.issue()).toMatchObject({ refusal: 'certificate_not_registered' });
    expect(still.clients.asked.filter((what) => what === 'confirm')).toHaveLength(1);
    expect(still.dependencies.usage.noted, 'counted once').toHaveLength(1);
  });

  test('asks the database nothing for a yes', async () => {
    const { issue, clients } = setUp(client(), undefined);
    await issue();
    await issue();
    expect(clients.asked).not.toContain('confirm');
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
        expect(isRefusal(answer)).toBe(true);
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

describe('the allowed addresses of a client', () => {
  const range = parseAddressRange('203.0.113.0/24');
  const facts = client({ allowedAddresses: range === undefined ? [] : [range] });

  test('are where its token requests may come from', async () => {
    expect(await setUp(facts).issue({ address: '203.0.113.9' })).toHaveProperty('body');
    for (const address of ['203.0.114.9', '2001:db8::1', 'unknown']) {
      expect(await setUp(facts).issue({ address }), address).toMatchObject({
        refusal: 'address_not_allowed',
        step: 'peer',
        parameters: { address },
        clientId,
      });
    }
  });

  test('are told to nobody who has not proved the client, and asked for before the limits', async () => {
    const authorization = basicOf(clientId, wrongSecret);
    expect(await setUp(facts).issue({ authorization })).toMatchObject({ refusal: 'client_authentication_failed' });
    expect(await setUp(facts).issue({ peer: null })).toMatchObject({ refusal: 'certificate_missing' });
    const limited = setUp({ ...facts, limits: { perSecond: 1, perMinute: 1 } });
    expect(await limited.issue()).toMatchObject({ refusal: 'address_not_allowed' });
    expect(await limited.issue({ address: '203.0.113.9' })).toHaveProperty('body');
  });
});

describe('a secret that was proved and may not be used', () => {
  const at = '2026-03-01T12:00:00.000Z';
  test.each([
    ['revoked', { revokedAt: someTime }, 'secret_revoked', { revokedAt: at }],
    ['replaced', { usableUntil: someTime }, 'secret_replaced', { replacedAt: at }],
    ['ended, by a clock that was ahead,', { endedAt: someTime }, 'secret_replaced', { replacedAt: at }],
    ['paused', { pausedUntil: someTime + 1 }, 'secret_paused', { pausedUntil: '2026-03-01T12:00:00.001Z' }],
  ] as const)(
    'is refused as %s, with since or until when, to the client it belongs to',
    async (_case, changes, ...told) => {
      const [refusal, parameters] = told;
      const secrets = [someSecret({ hash: hashOf(1, secret), ...changes })];
      const { issue, dependencies } = setUp(client({ secrets }));
      expect(await issue()).toMatchObject({ refusal, step: 'client', parameters, clientId });
      const place = { environment: 'sandbox', clientId, certificateId, address: '127.0.0.1' } as const;
      expect(dependencies.usage.noted).toEqual([
        { what: 'refused', use: { ...place, credentialId: secretId } },
        { what: 'refused', use: { ...place, credentialId: certificateId } },
      ]);
    },
  );

  test('is refused also on a connection that it was proved on before', async () => {
    const { issue } = setUp(client());
    const later = client({ secrets: [someSecret({ hash: hashOf(1, secret), usableUntil: someTime + 1_000 })] });
    const proof: ConnectionProof = { proved: undefined };
    expect(await issue({ proof })).toHaveProperty('body');
    const replaced = setUp(later).issue({ proof, now: someTime + 1_000 });
    expect(await replaced).toMatchObject({ refusal: 'secret_replaced' });
  });
});

describe('what a token request says about the use of credentials', () => {
  const noted = async (facts: ClientFacts, changes: Partial<ClientRequest> = {}) => {
    const { issue, dependencies } = setUp(facts);
    await issue({ address: '192.0.2.7', ...changes });
    return dependencies.usage.noted;
  };
  const place = { environment: 'sandbox', clientId, address: '192.0.2.7' } as const;

  test('an issued token used the secret and the certificate that it stands on', async () => {
    expect(await noted(client())).toEqual([
      { what: 'used', use: { ...place, certificateId, credentialId: secretId } },
      { what: 'used', use: { ...place, certificateId, credentialId: certificateId } },
    ]);
    expect(await noted(client({ mtlsRequired: false }), { peer: 'not-asked' })).toEqual([
      { what: 'used', use: { ...place, certificateId: null, credentialId: secretId } },
    ]);
  });

  test('whatever refused it, secret and certificate are noted as refused: whoever sent it still depends on them', async () => {
    const refused = [
      { what: 'refused', use: { ...place, certificateId, credentialId: secretId } },
      { what: 'refused', use: { ...place, certificateId, credentialId: certificateId } },
    ];
    for (const changes of [{ pausedUntil: someTime + 1 }, { notAfter: someTime }, { revokedAt: someTime }]) {
      expect(await noted(client({ certificates: certificates(changes) }))).toEqual(refused);
    }
    const elsewhere = [parseAddressRange('203.0.113.9')].filter((range) => range !== undefined);
    expect(await noted(client({ allowedAddresses: elsewhere }))).toEqual(refused);
    expect(await noted(client({ limits: { perSecond: 0, perMinute: 0 } }))).toEqual(refused);
    expect(await noted(client({ revokedAt: someTime }))).toEqual(refused);
    expect(await noted(client(), { parameters: new Map() })).toEqual(refused);
  });

  test('a certificate that is not registered to the client is nobody we know', async () => {
    const refused = { what: 'refused', use: { ...place, certificateId: null, credentialId: secretId } };
    expect(await noted(client(), { peer: foreign })).toEqual([refused]);
    expect(await noted(client(), { peer: null })).toEqual([refused]);
  });

  test('nothing is noted for strangers', async () => {
    expect(await noted(client(), { authorization: basicOf(clientId, wrongSecret) })).toEqual([]);
    expect(await noted(client(), { authorization: basicOf('nobody', secret) })).toEqual([]);
  });
});
