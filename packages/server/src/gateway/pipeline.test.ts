import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ClientFacts, ClientFactsSource } from '../clients/index.js';
import { parseAddressRange } from '../platform/listeners/address.js';
import { isRefusal } from '../refusals/index.js';
import {
  certificateId,
  clientId,
  secretId,
  someCertificate,
  someClaims,
  someClient,
  someClients,
  somePeer,
  someSecret,
  someTime,
  someTokenKey,
  someUsage,
  thumbprintOf,
} from '../testing/facts.js';
import { bearer, setUpPipeline, tokenKey } from '../testing/pipeline.js';
import { sealToken } from '../tokens/sealed-token.js';
import type { ProtectedCall } from './protected-call.js';

const claims = someClaims();
const setUp = setUpPipeline;

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
    [`Bearer ${sealToken('production', claims, tokenKey, randomBytes)}`, 'token_other_environment'],
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

  test('believes what changed on another node a moment ago, and judges the standing by it too', async () => {
    const switchedOff = someClients(someClient(), off);
    expect(await setUp({ clients: switchedOff })({ ...unbound, peer: null })).toHaveProperty('claims');
    expect(switchedOff.asked).toEqual(['get', 'confirm']);

    const resumed = someClients(
      someClient({ certificates: certificates({ pausedUntil: someTime + 1 }) }),
      someClient(),
    );
    expect(await setUp({ clients: resumed })()).toHaveProperty('claims');

    const ended = someClients(someClient(), { ...off, generation: 6 });
    expect(await setUp({ clients: ended })({ ...unbound, peer: null })).toMatchObject({ refusal: 'token_revoked' });

    const still = someClients(someClient(), someClient({ name: 'renamed' }));
    expect(await setUp({ clients: still })({ ...unbound, peer: null })).toMatchObject({ refusal: 'token_not_bound' });
    expect(still.asked).toEqual(['get', 'confirm']);
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

describe('the allowed addresses', () => {
  const allowedAddresses = ['203.0.113.0/24', '2001:db8::1']
    .map(parseAddressRange)
    .filter((range) => range !== undefined);
  const client = someClient({ allowedAddresses });

  test('of a client are where its calls may come from', async () => {
    for (const address of ['203.0.113.9', '2001:db8::1']) {
      expect(await setUp({ client })({ address }), address).toHaveProperty('claims');
    }
    for (const address of ['203.0.114.9', '2001:db8::2', 'unknown']) {
      expect(await setUp({ client })({ address }), address).toEqual({
        refusal: 'address_not_allowed',
        step: 'binding',
        expected: 'a request from one of: 203.0.113.0/24, 2001:db8::1',
        seen: `a request from ${address}`,
        parameters: { address },
        clientId,
      });
    }
  });

  test('are asked for after the binding and before the limits, and hold for unbound tokens too', async () => {
    const call = setUp({ client, perSecond: 0 });
    expect(await call(wrongPeer)).toMatchObject({ refusal: 'token_bound_elsewhere' });
    expect(await call()).toMatchObject({ refusal: 'address_not_allowed' });
    expect(await call({ address: '203.0.113.9' })).toMatchObject({ refusal: 'client_rate_limited' });
    const off = setUp({ client: { ...client, mtlsRequired: false } });
    expect(await off({ authorization: bearer({ binding: null }), peer: 'not-asked' })).toMatchObject({
      refusal: 'address_not_allowed',
    });
  });
});

describe('a paused credential', () => {
  const until = { pausedUntil: someTime + 1 };
  const parameters = { pausedUntil: '2026-03-01T12:00:00.001Z' };

  test('refuses every call with its tokens, after a second look, and none from the end of the pause', async () => {
    const pausedSecret = someClients(someClient({ secrets: [someSecret(until)] }));
    const refused = { refusal: 'secret_paused', step: 'standing', parameters, clientId };
    expect(await setUp({ clients: pausedSecret })()).toMatchObject(refused);
    expect(pausedSecret.asked).toEqual(['get', 'confirm']);
    expect(await setUp({ clients: pausedSecret })({ now: someTime + 1 })).toHaveProperty('claims');

    const pausedCertificate = setUp({ client: someClient({ certificates: certificates(until) }) });
    expect(await pausedCertificate()).toMatchObject({ refusal: 'certificate_paused', step: 'binding', parameters });
    expect(await pausedCertificate({ now: someTime + 1 })).toHaveProperty('claims');
  });
});

describe('what a call says about the use of credentials', () => {
  const noted = async (client: ClientFacts, changes: Partial<ProtectedCall> = {}) => {
    const usage = someUsage();
    await setUp({ client, usage })({ address: '192.0.2.7', ...changes });
    return usage.noted;
  };
  const place = { environment: 'sandbox', clientId, certificateId, address: '192.0.2.7' } as const;

  test('an admitted one used its certificate, and not the secret that got the token', async () => {
    expect(await noted(someClient())).toEqual([{ what: 'used', use: { ...place, credentialId: certificateId } }]);
    const off = someClient({ mtlsRequired: false });
    expect(await noted(off, { authorization: bearer({ binding: null }), peer: 'not-asked' })).toEqual([]);
  });

  const ofCertificate = [{ what: 'refused', use: { ...place, credentialId: certificateId } }];
  const ofSecret = [{ what: 'refused', use: { ...place, credentialId: secretId } }];
  const elsewhere = [parseAddressRange('203.0.113.0/24')].filter((range) => range !== undefined);

  test.each([
    ['its certificate is paused', someClient({ certificates: certificates({ pausedUntil: someTime + 1 }) })],
    ['its certificate has expired', someClient({ certificates: certificates({ notAfter: someTime }) })],
    ['the certificate of its token was revoked', someClient({ certificates: certificates({ revokedAt: someTime }) })],
    ['its address is not allowed', someClient({ allowedAddresses: elsewhere })],
    ['its client is over the limits', someClient({ limits: { perSecond: 0, perMinute: 0 } })],
  ])('one that is refused because %s tried its certificate and did not use it', async (_case, client) => {
    expect(await noted(client)).toEqual(ofCertificate);
  });

  test.each([
    ['paused', { pausedUntil: someTime + 1 }],
    ['revoked', { revokedAt: someTime }],
  ])('one that is refused because the secret of its token is %s tried that secret', async (_case, changes) => {
    const client = someClient({ secrets: [someSecret(changes)] });
    expect(await noted(client)).toEqual(ofSecret);
    const unbound = { authorization: bearer({ binding: null }), peer: 'not-asked' } as const;
    const overNone = { ...place, certificateId: null, credentialId: secretId };
    expect(await noted(client, unbound)).toEqual([{ what: 'refused', use: overNone }]);
  });

  test('one over another certificate tried that one if it is of this client, and never the one of its token', async () => {
    const second = someCertificate({ id: `crt_${'9'.repeat(32)}`, thumbprint: thumbprintOf('b') });
    const client = someClient({ certificates: new Map([...someClient().certificates, [second.thumbprint, second]]) });
    expect(await noted(client, { peer: somePeer(second.thumbprint) })).toEqual([
      { what: 'refused', use: { ...place, certificateId: second.id, credentialId: second.id } },
    ]);
    for (const changes of [wrongPeer, { peer: null }, { peer: 'not-asked' }] as const) {
      expect(await noted(client, changes)).toEqual([]);
    }
  });

  test('one with a token that is none, is over, or was ended for its client tried nothing', async () => {
    for (const changes of [{ authorization: undefined }, { authorization: 'Bearer nothing' }, expired]) {
      expect(await noted(someClient(), changes)).toEqual([]);
    }
    expect(await noted(revoked)).toEqual([]);
  });
});
