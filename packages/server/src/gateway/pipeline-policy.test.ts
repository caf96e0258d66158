// The steps after the token is believed: the rate class of the route, its policy, strong customer authentication.

import { describe, expect, test } from 'vitest';
import type { ClientFactsSource } from '../clients/index.js';
import { parseAddressRange } from '../platform/listeners/address.js';
import { createRateLimiter } from '../platform/rate-limiter.js';
import { isRefusal, type Refusal } from '../refusals/index.js';
import {
  certificateId,
  clientId,
  someClaims,
  someClient,
  someClients,
  someProfile,
  someRules,
  someTime,
  someUsage,
} from '../testing/facts.js';
import { bearer, setUpPipeline } from '../testing/pipeline.js';
import { confirmAdmission } from './pipeline.js';
import type { TokenRule } from './policy/policy.js';
import type { FoundProfile, ProfileDirectory } from './profile-directory.js';

const embeddedClient = someClient({ embeddedModel: true });
const inPath = { in: 'path', name: 'profileId' } as const;
const embedded = { tokens: new Set<TokenRule>(['embedded', 'user']), profile: inPath };
const mine = { parameters: { profileId: '77001234' } };
const sca = { level: 'high', countries: new Set(['EE']) } as const;

/** A directory that answers at once, and notes what it was asked. */
function someProfiles(found: FoundProfile = someProfile()): ProfileDirectory & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    find: (environment, id) => {
      asked.push(`${environment} ${id}`);
      return found;
    },
  };
}

describe('a token in the query', () => {
  for (const query of [
    'access_token=x',
    'a=b&access_token=x',
    'access%5Ftoken=x',
    'Access_Token=x',
    'a;access_token=x',
    '%20access_token',
    'access_token',
  ]) {
    test(`[GW-42] is refused as ${query}, with and without a token in its place, and never passed on`, async () => {
      const both = await setUpPipeline()({ query });
      expect(both).toMatchObject({ refusal: 'token_in_query', step: 'token', clientId });
      expect(await setUpPipeline()({ query, authorization: undefined })).toMatchObject({ refusal: 'token_missing' });
      const nobody = await setUpPipeline({ rules: { anonymous: true } })({ query, authorization: undefined });
      expect(nobody).toMatchObject({ refusal: 'token_in_query', step: 'token' });
    });
  }

  test('is not what merely contains its name', async () => {
    for (const query of ['', 'a=access_token', 'my_access_token=x', 'access_token_hint=x', 'a=%26access_token']) {
      expect(await setUpPipeline()({ query }), query).toHaveProperty('claims');
    }
  });
});

describe('a route that is open to anybody', () => {
  const open = { anonymous: true };

  test('takes a call without a token, looks nobody up and counts no use', async () => {
    const clients = someClients(someClient());
    const usage = someUsage();
    const call = setUpPipeline({ rules: { ...open, tokens: new Set() }, clients, usage, perSecond: 0 });
    expect(await call({ authorization: undefined })).toEqual({ claims: null, client: null });
    expect([clients.asked, usage.noted]).toEqual([[], []]);
  });

  test('judges a token that is sent all the same', async () => {
    const call = setUpPipeline({ rules: open });
    expect(await call()).toHaveProperty('claims.clientId', clientId);
    expect(await call({ authorization: 'Bearer nothing' })).toMatchObject({ refusal: 'token_malformed' });
    expect(await call({ authorization: 'Basic YTpi' })).toMatchObject({ refusal: 'token_missing' });
    expect(await call({ authorization: '' })).toMatchObject({ refusal: 'token_missing' });
    expect(await call({ peer: null })).toMatchObject({ refusal: 'certificate_missing' });
    const others = setUpPipeline({ rules: { ...open, tokens: new Set(['user']) } });
    expect(await others()).toMatchObject({ refusal: 'token_kind_not_allowed' });
  });

  test('is open to nobody when it is about a profile', async () => {
    const call = setUpPipeline({ rules: { ...open, ...embedded } });
    expect(await call({ authorization: undefined, ...mine })).toMatchObject({ refusal: 'token_missing' });
  });
});

describe('the order of the steps', () => {
  test('is rate, policy, sca, and what was refused before is not asked of anybody', async () => {
    const profiles = someProfiles();
    const stages = { rules: { ...embedded, sca }, profiles };
    const of = async (changes: Parameters<typeof setUpPipeline>[0]) => {
      const result = await setUpPipeline({ ...stages, ...changes })(mine);
      return isRefusal(result) ? `${result.step} ${result.refusal}` : 'admitted';
    };
    const limited = { rules: { ...stages.rules, rateClass: { name: 'a', limits: { perSecond: 0, perMinute: 0 } } } };
    expect(await of({ perSecond: 0, ...limited })).toBe('rate client_rate_limited');
    expect(await of(limited)).toBe('rate route_rate_limited');
    expect(await of({})).toBe('policy embedded_model_off');
    expect(profiles.asked).toEqual([]);
    expect(await of({ client: embeddedClient })).toBe('sca sca_not_available');
    expect(profiles.asked).toEqual(['sandbox 77001234']);
    expect(await of({ client: { ...embeddedClient, scaOff: true } })).toBe('admitted');
  });
});

describe('the rate class of a route', () => {
  const rateClass = { name: 'statements', limits: { perSecond: 1, perMinute: 10 } };

  test('has a limit for each client, beside that of the client, and says which it is', async () => {
    const call = setUpPipeline({ rules: { rateClass } });
    expect(await call()).toHaveProperty('claims');
    expect(await call()).toEqual({
      refusal: 'route_rate_limited',
      step: 'rate',
      expected: 'at most 1 in a second',
      seen: 'one more than that',
      parameters: { limit: '1', window: 'a second', rateClass: 'statements' },
      retryAfterSeconds: 2,
      clientId,
    });
    expect(await call({ now: someTime + 2_000 })).toHaveProperty('claims');
  });

  test('is counted apart for each client and each class', async () => {
    const clients: ClientFactsSource = {
      get: (_environment, id) => someClient({ id, mtlsRequired: false }),
      confirm: async (_environment, id) => someClient({ id, mtlsRequired: false }),
    };
    const routeRates = createRateLimiter();
    const outcomes = [];
    for (const [id, name] of [
      ['a', 'statements'],
      ['b', 'statements'],
      ['a', 'rates'],
      ['a', 'statements'],
    ] as const) {
      const rules = { rateClass: { ...rateClass, name } };
      const authorization = bearer({ clientId: `cli_${id.repeat(32)}`, binding: null });
      const result = await setUpPipeline({ clients, rules, routeRates })({ authorization });
      outcomes.push(isRefusal(result) ? result.refusal : 'admitted');
    }
    expect(outcomes).toEqual(['admitted', 'admitted', 'admitted', 'route_rate_limited']);
  });

  test('counts a call once, also when it is judged a second time by newer facts', async () => {
    const clients = someClients(someClient(), { ...embeddedClient, mtlsRequired: false });
    const call = setUpPipeline({ rules: { ...embedded, rateClass }, clients, profiles: someProfiles() });
    expect(await call(mine)).toHaveProperty('claims');
    expect(clients.asked).toEqual(['get', 'confirm']);
    expect(await call(mine)).toMatchObject({ refusal: 'route_rate_limited' });

    const switchedOff = someClients(someClient(), someClient({ mtlsRequired: false }));
    const unbound = setUpPipeline({ rules: { rateClass }, clients: switchedOff });
    const authorization = bearer({ binding: null });
    expect(await unbound({ authorization })).toHaveProperty('claims');
    expect(switchedOff.asked).toEqual(['get', 'confirm']);
    expect(await unbound({ authorization })).toMatchObject({ refusal: 'route_rate_limited' });
  });

  test('counts nobody who has no token', async () => {
    const call = setUpPipeline({ rules: { anonymous: true, rateClass } });
    for (let count = 0; count < 3; count += 1) {
      expect(await call({ authorization: undefined })).toEqual({ claims: null, client: null });
    }
  });
});

describe('the kind of a token', () => {
  test('[POL-20] is refused with the kinds that the route takes', async () => {
    const call = setUpPipeline({ rules: { tokens: new Set(['user', 'personal']) } });
    expect(await call()).toEqual({
      refusal: 'token_kind_not_allowed',
      step: 'policy',
      expected: 'a user token or a personal token',
      seen: 'a client-credentials token',
      parameters: { kind: 'a client-credentials token', allowed: 'a user token or a personal token' },
      clientId,
    });
  });

  test('does not rest on what is remembered of the client, so nobody is asked again', async () => {
    const clients = someClients(someClient());
    await setUpPipeline({ rules: { tokens: new Set(['user']) }, clients })();
    expect(clients.asked).toEqual(['get']);
  });
});

describe('the profile of a call', () => {
  const call = (found: FoundProfile) =>
    setUpPipeline({ client: embeddedClient, rules: embedded, profiles: someProfiles(found) })(mine);

  test('[POL-21] has to be one that the client of the token made', async () => {
    expect(await call(someProfile())).toHaveProperty('claims');
    const refused = {
      refusal: 'profile_not_accessible',
      step: 'policy',
      expected: `a profile that client ${clientId} made`,
      clientId,
    };
    const foreign = await call(someProfile({ clientId: 'cli_other' }));
    expect(foreign).toEqual({ ...refused, seen: 'profile 77001234, made by client cli_other' });
    expect(await call(someProfile({ clientId: null }))).toEqual({
      ...refused,
      seen: 'profile 77001234, which no client made',
    });
    expect(await call('unknown')).toEqual({ ...refused, seen: 'profile 77001234, which the upstream does not know' });
  });

  test('has to be one of the client, also where every client-credentials token may call', async () => {
    const rules = { ...embedded, tokens: new Set<TokenRule>(['client_credentials']) };
    const of = (profile: FoundProfile) => setUpPipeline({ rules, profiles: someProfiles(profile) })(mine);
    expect(await of(someProfile())).toHaveProperty('claims');
    expect(await of(someProfile({ clientId: 'cli_other' }))).toMatchObject({ refusal: 'profile_not_accessible' });
  });

  test('is read from where the route says, and a request without a readable one asks nobody', async () => {
    const profiles = someProfiles();
    const rules = { ...embedded, profile: { in: 'query', name: 'profile', aliases: [], optional: false } as const };
    const send = setUpPipeline({ client: embeddedClient, rules, profiles });
    const rows = [
      [undefined, 'profile_missing'],
      ['profile=abc', 'profile_malformed'],
      ['profile=1&profile=2', 'parameter_repeated'],
    ] as const;
    for (const [query, refusal] of rows) {
      const expected = { refusal, step: 'policy', parameters: { parameter: 'profile' }, clientId };
      expect(await send({ query })).toMatchObject(expected);
    }
    expect(profiles.asked).toEqual([]);
    expect(await send({ query: 'profile=77001234' })).toHaveProperty('claims');
    expect(profiles.asked).toEqual(['sandbox 77001234']);
  });

  test('[POL-25] that may be left out is not asked for without one, and judged as any other with one', async () => {
    const profiles = someProfiles(someProfile({ clientId: 'cli_other' }));
    const profile = { in: 'query', name: 'profileId', aliases: ['profile'], optional: true } as const;
    const send = setUpPipeline({ client: embeddedClient, rules: { ...embedded, profile }, profiles });
    expect(await send({ query: 'status=x' })).toHaveProperty('claims');
    expect(await send({ query: undefined })).toHaveProperty('claims');
    expect(profiles.asked).toEqual([]);
    for (const query of ['profileId=77001234', 'profile=77001234']) {
      expect(await send({ query })).toMatchObject({ refusal: 'profile_not_accessible', clientId });
    }
    expect(await send({ query: 'profile=77001234&profileId=77001234' })).toMatchObject({
      refusal: 'parameter_repeated',
      expected: 'the id of a profile, once, in plain digits, as profileId or profile in the query',
      parameters: { parameter: 'profileId or profile' },
    });
  });

  test('is waited for when the upstream has to be asked, and one that is away is the refusal of the call', async () => {
    const away: Refusal = { refusal: 'upstream_unreachable', step: 'forward', expected: 'an answer', seen: 'none' };
    const slow = (found: FoundProfile): ProfileDirectory => ({ find: async () => found });
    const of = (profiles: ProfileDirectory) =>
      setUpPipeline({ client: embeddedClient, rules: embedded, profiles })(mine);
    expect(await of(slow(someProfile()))).toHaveProperty('claims');
    expect(await of(slow('unknown'))).toMatchObject({ refusal: 'profile_not_accessible' });
    expect(await of(slow(away))).toEqual({ ...away, step: 'policy', clientId });
    expect(await of(someProfiles(away))).toEqual({ ...away, step: 'policy', clientId });
    await expect(of({ find: () => Promise.reject(new Error('a bug')) })).rejects.toThrow('a bug');
  });
});

describe('strong customer authentication', () => {
  const rules = { ...embedded, sca };
  const of = (client = embeddedClient, profile = someProfile()) =>
    setUpPipeline({ client, rules, profiles: someProfiles(profile) })(mine);

  test('[POL-23] can not be asked for yet: calls that need it are refused, and nobody asks for what a challenge would need', async () => {
    expect(await of()).toEqual({
      refusal: 'sca_not_available',
      step: 'sca',
      expected: 'strong customer authentication, level high',
      seen: 'none, for profile 77001234 of EE',
      clientId,
    });
    expect(await of(embeddedClient, someProfile({ country: 'US' }))).toHaveProperty('claims');
  });

  test('is off in sandbox for a client that has it off, and the setting of production changes nothing there', async () => {
    expect(await of({ ...embeddedClient, scaOff: true })).toHaveProperty('claims');
    const call = setUpPipeline({ client: embeddedClient, rules, profiles: someProfiles(), unsafeNoSca: true });
    expect(await call(mine)).toMatchObject({ refusal: 'sca_not_available' });
  });

  test('holds for a route that does not say whose profile it is about', async () => {
    const unnamed = setUpPipeline({ rules: { sca } });
    expect(await unnamed()).toMatchObject({
      refusal: 'sca_not_available',
      seen: expect.stringContaining('does not name'),
    });
  });
});

describe('a switch of the client', () => {
  const rules = { ...embedded, sca };
  const profiles = someProfiles();
  const allOn = { ...embeddedClient, scaOff: true };
  const cases = [
    ['the embedded model', someClient({ scaOff: true }), 'embedded_model_off'],
    ['strong customer authentication', embeddedClient, 'sca_not_available'],
  ] as const;

  for (const [name, before, refusal] of cases) {
    test(`[POL-24] ${name}: a no is judged again by facts that were just read`, async () => {
      const switched = someClients(before, allOn);
      expect(await setUpPipeline({ clients: switched, rules, profiles })(mine)).toHaveProperty('client', allOn);
      expect(switched.asked).toEqual(['get', 'confirm']);

      const still = someClients(before);
      expect(await setUpPipeline({ clients: still, rules, profiles })(mine)).toMatchObject({ refusal });
      expect(still.asked).toEqual(['get', 'confirm']);
    });

    test(`${name}: with the newer facts the whole call is judged again`, async () => {
      const ended = someClients(before, { ...allOn, generation: 6 });
      expect(await setUpPipeline({ clients: ended, rules, profiles })(mine)).toMatchObject({
        refusal: 'token_revoked',
      });
      const elsewhere = [parseAddressRange('203.0.113.0/24')].filter((range) => range !== undefined);
      const moved = someClients(before, { ...allOn, allowedAddresses: elsewhere });
      expect(await setUpPipeline({ clients: moved, rules, profiles })(mine)).toMatchObject({
        refusal: 'address_not_allowed',
      });
      const renamed = someClients(before, { ...before, name: 'renamed' });
      expect(await setUpPipeline({ clients: renamed, rules, profiles })(mine)).toMatchObject({ refusal });
    });
  }
});

describe('a call that is judged again because its body took its time', () => {
  test('is refused when it may not go on, and counts against no limit and as no use a second time', async () => {
    const usage = someUsage();
    const rateClass = { name: 'a', limits: { perSecond: 1, perMinute: 10 } };
    const clients = someClients(someClient(), someClient({ generation: 6 }));
    const call = setUpPipeline({ usage, clients, perSecond: 1, rules: { rateClass } });
    expect(await call({})).toHaveProperty('claims');
    expect(await call({}, confirmAdmission)).toHaveProperty('claims');
    expect(usage.noted).toHaveLength(1);
    await clients.confirm('sandbox', clientId);
    expect(await call({}, confirmAdmission)).toMatchObject({ refusal: 'token_revoked' });
    expect(await call({ now: someClaims().expiresAt }, confirmAdmission)).toMatchObject({ refusal: 'token_expired' });
  });
});

describe('the use of a certificate', () => {
  const rules = { ...embedded, sca };
  const use = { environment: 'sandbox', clientId, certificateId, credentialId: certificateId, address: '127.0.0.1' };

  for (const [name, client, found] of [
    ['its kind', someClient(), someProfile()],
    ['its profile', embeddedClient, 'unknown'],
    ['strong customer authentication', embeddedClient, someProfile()],
  ] as const) {
    test(`counts as refused when a call is refused for ${name}`, async () => {
      const usage = someUsage();
      await setUpPipeline({ client, rules, usage, profiles: someProfiles(found) })(mine);
      expect(usage.noted).toEqual([{ what: 'refused', use }]);
    });
  }

  test('counts as used when the whole policy is kept', async () => {
    const usage = someUsage();
    const client = { ...embeddedClient, scaOff: true };
    await setUpPipeline({ client, rules, usage, profiles: someProfiles() })(mine);
    expect(usage.noted).toEqual([{ what: 'used', use }]);
  });
});

test('the rules of these tests are open to a client-credentials token without more', async () => {
  expect(someRules()).toMatchObject({ anonymous: false, profile: null, sca: null, rateClass: null });
  expect(await setUpPipeline()()).toHaveProperty('claims');
});
