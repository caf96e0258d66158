import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ClientFacts, ClientFactsSource } from '../clients/index.js';
import { createRateLimiter } from '../platform/rate-limiter.js';
import { catalogue, isRefusal, protectedCallSteps, publicText } from '../refusals/index.js';
import {
  clientId,
  someCertificate,
  someClaims,
  someClient,
  someClients,
  somePeer,
  someTime,
  someTokenKey,
  thumbprintOf,
} from '../testing/facts.js';
import { sealToken, unsealToken } from '../tokens/sealed-token.js';
import { type ProtectedCall, runPipeline } from './pipeline.js';

const key = someTokenKey(1);
const claims = someClaims();
const tokens = {
  open: (environment: 'sandbox' | 'production', token: string) =>
    unsealToken(environment, token, (id) => (id === key.id ? key : undefined)),
};

function bearer(changes: Partial<typeof claims> = {}): string {
  return `Bearer ${sealToken('sandbox', { ...claims, ...changes }, key, randomBytes)}`;
}

interface SetUp {
  readonly client?: ClientFacts | undefined;
  readonly clients?: ClientFactsSource;
  readonly perSecond?: number;
}

function setUp({ client = someClient(), clients = someClients(client), perSecond = 100 }: SetUp = {}) {
  const dependencies = {
    tokens,
    clients,
    clientRates: createRateLimiter(),
    defaultClientLimits: { perSecond, perMinute: 1_000 },
  };
  return async (changes: Partial<ProtectedCall> = {}) => {
    const result = await runPipeline(
      {
        environment: 'sandbox',
        peer: somePeer(thumbprintOf('a')),
        mtlsUrl: 'https://mtls.example',
        authorization: bearer(),
        now: someTime,
        ...changes,
      },
      dependencies,
    );
    if (isRefusal(result)) {
      expect(protectedCallSteps).toContain(result.step);
      expect(publicText(catalogue[result.refusal].text, result.parameters)).not.toMatch(/\{\w+\}/);
    }
    return result;
  };
}

function certificates(changes: Parameters<typeof someCertificate>[0]) {
  const certificate = someCertificate(changes);
  return new Map([[certificate.thumbprint, certificate]]);
}

const expired = { now: claims.expiresAt };
const wrongPeer = { peer: somePeer(thumbprintOf('z')) };
const revoked = someClient({ revokedAt: someTime });

describe('the pipeline', () => {
  test('admits a token that is in force on the connection it is bound to', async () => {
    const client = someClient();
    expect(await setUp({ client })()).toEqual({ claims, client });
  });

  test('refuses for the first step that fails: token, standing, binding, rate', async () => {
    const broken = { authorization: 'Bearer nothing' };
    const call = setUp({ client: revoked, perSecond: 0 });
    expect(await call({ ...broken, ...wrongPeer })).toMatchObject({ refusal: 'token_malformed', step: 'token' });
    expect(await call({ ...expired, ...wrongPeer })).toMatchObject({
      refusal: 'token_expired',
      step: 'token',
      clientId,
    });
    expect(await call(wrongPeer)).toMatchObject({ refusal: 'token_revoked', step: 'standing', clientId });

    const inForce = setUp({ perSecond: 0 });
    expect(await inForce(wrongPeer)).toMatchObject({ refusal: 'token_bound_elsewhere', step: 'binding', clientId });
    expect(await inForce()).toMatchObject({ refusal: 'client_rate_limited', step: 'rate', clientId });
  });

  test('looks nobody up for a token that is not one or has expired', async () => {
    const clients = someClients(someClient());
    const call = setUp({ clients });
    await call({ authorization: undefined });
    await call({ authorization: 'Bearer nothing' });
    await call(expired);
    expect(clients.asked).toEqual([]);
  });

  test('checks the binding on every call, however often the same token passed before', async () => {
    const clients = someClients(someClient());
    const call = setUp({ clients });
    const authorization = bearer();
    for (let count = 0; count < 3; count += 1) {
      expect(await call({ authorization })).toHaveProperty('claims');
      expect(await call({ authorization, ...wrongPeer })).toMatchObject({ refusal: 'token_bound_elsewhere' });
      expect(await call({ authorization, peer: null })).toMatchObject({ refusal: 'certificate_missing' });
    }
  });

  test('does not count calls that were refused before the rate step', async () => {
    const call = setUp({ perSecond: 1 });
    for (let count = 0; count < 5; count += 1) await call(wrongPeer);
    expect(await call()).toHaveProperty('claims');
    expect(await call()).toMatchObject({ refusal: 'client_rate_limited' });
  });
});

describe('the token step', () => {
  test('ends a token at its expiry, without leeway', async () => {
    const call = setUp();
    expect(await call({ now: claims.expiresAt - 1 })).toHaveProperty('claims');
    expect(await call(expired)).toMatchObject({
      refusal: 'token_expired',
      parameters: { expiredAt: '2026-03-02T00:00:00.000Z' },
    });
  });

  test.each([
    [undefined, 'token_missing'],
    ['', 'token_missing'],
    ['Basic YTpi', 'token_missing'],
    ['Bearers abc', 'token_missing'],
    ['Bearer', 'token_malformed'],
    ['Bearer ', 'token_malformed'],
    ['Bearer a b', 'token_malformed'],
    ['Bearer "abc"', 'token_malformed'],
    ['Bearer abc', 'token_malformed'],
    [`Bearer ${sealToken('sandbox', claims, someTokenKey(2), randomBytes)}`, 'token_malformed'],
    [`${bearer().slice(0, -1)}`, 'token_malformed'],
    [`Bearer ${sealToken('production', claims, key, randomBytes)}`, 'token_other_environment'],
  ])('answers the header %s with %s and claims no client for it', async (authorization, refusal) => {
    const result = await setUp()({ authorization });
    expect(result).toMatchObject({ refusal, step: 'token' });
    expect(result).not.toHaveProperty('clientId');
  });

  test('takes any case of the scheme and spaces around the token', async () => {
    const token = bearer().slice('Bearer '.length);
    for (const authorization of [`bearer ${token}`, `BEARER   ${token}  `]) {
      expect(await setUp()({ authorization })).toHaveProperty('claims');
    }
  });

  test('never repeats the token in the evidence', async () => {
    const authorization = bearer();
    const token = authorization.slice('Bearer '.length);
    for (const header of [`${authorization.slice(0, -1)}`, `${authorization}x`, `Bearer "${token}"`]) {
      expect(JSON.stringify(await setUp()({ authorization: header }))).not.toContain(token.slice(11, 30));
    }
  });
});

describe('the standing step', () => {
  test('says yes from the cache without asking the database', async () => {
    const clients = someClients(someClient(), revoked);
    expect(await setUp({ clients })()).toHaveProperty('claims');
    expect(clients.asked).toEqual(['get']);
  });

  test('confirms a no before it refuses, and believes what it then reads', async () => {
    const stale = someClients(someClient({ generation: 4 }), someClient());
    expect(await setUp({ clients: stale })()).toHaveProperty('claims');
    expect(stale.asked).toEqual(['get', 'confirm']);

    const ended = someClients(someClient({ generation: 6 }));
    expect(await setUp({ clients: ended })()).toMatchObject({ refusal: 'token_revoked', clientId });
    expect(ended.asked).toEqual(['get', 'confirm']);
  });

  test('asks the database for a client that is not in the cache', async () => {
    const clients: ClientFactsSource = {
      get: async () => someClient(),
      confirm: async () => someClient(),
    };
    expect(await setUp({ clients })()).toHaveProperty('claims');
  });

  test('passes a fault of the database on instead of admitting or refusing', async () => {
    const away = () => Promise.reject(new Error('away'));
    const waiting = setUp({ clients: { get: () => undefined, confirm: away } })();
    await expect(waiting).rejects.toThrow('away');
  });

  test('names the certificate when that is what was revoked', async () => {
    const client = someClient({ certificates: certificates({ revokedAt: someTime }) });
    expect(await setUp({ client })()).toMatchObject({
      refusal: 'certificate_revoked',
      step: 'standing',
      parameters: { revokedAt: '2026-03-01T12:00:00.000Z' },
    });
  });
});

describe('the binding step', () => {
  const off = someClient({ mtlsRequired: false });
  const unbound = { authorization: bearer({ binding: null }) };
  const registered = somePeer(thumbprintOf('a'));

  test.each([
    ['required, bound, no certificates asked', someClient(), { peer: 'not-asked' }, 'mtls_required'],
    ['required, bound, no certificate sent', someClient(), { peer: null }, 'certificate_missing'],
    ['required, bound, another certificate', someClient(), wrongPeer, 'token_bound_elsewhere'],
    ['required, bound, its certificate', someClient(), { peer: registered }, 'admitted'],
    [
      'required, unbound, with a registered certificate',
      someClient(),
      { ...unbound, peer: registered },
      'token_not_bound',
    ],
    ['required, unbound, on api', someClient(), { ...unbound, peer: 'not-asked' }, 'token_not_bound'],
    ['off, unbound, on api', off, { ...unbound, peer: 'not-asked' }, 'admitted'],
    ['off, unbound, on api-mtls', off, { ...unbound, peer: null }, 'admitted'],
    ['off, unbound, with any certificate', off, { ...unbound, ...wrongPeer }, 'admitted'],
    ['off, bound, on api', off, { peer: 'not-asked' }, 'mtls_required'],
    ['off, bound, no certificate sent', off, { peer: null }, 'certificate_missing'],
    ['off, bound, another certificate', off, wrongPeer, 'token_bound_elsewhere'],
    ['off, bound, its certificate', off, { peer: registered }, 'admitted'],
  ] as const)('by the matrix of mutual TLS: %s', async (_case, client, changes, expected) => {
    const result = await setUp({ client })(changes);
    expect(isRefusal(result) ? result.refusal : 'admitted').toBe(expected);
  });

  test('refuses another certificate of the same client: the token is bound to one', async () => {
    const second = someCertificate({ id: `crt_${'9'.repeat(32)}`, thumbprint: thumbprintOf('b') });
    const client = someClient({ certificates: new Map([...someClient().certificates, [second.thumbprint, second]]) });
    expect(await setUp({ client })({ peer: somePeer(thumbprintOf('b')) })).toMatchObject({
      refusal: 'token_bound_elsewhere',
    });
  });

  test('refuses the right certificate outside of its validity', async () => {
    const over = someClient({ certificates: certificates({ notAfter: someTime }) });
    expect(await setUp({ client: over })()).toMatchObject({ refusal: 'certificate_expired', step: 'binding' });
    const early = someClient({ certificates: certificates({ notBefore: someTime + 1 }) });
    expect(await setUp({ client: early })()).toMatchObject({ refusal: 'certificate_not_yet_valid', step: 'binding' });
  });
});
