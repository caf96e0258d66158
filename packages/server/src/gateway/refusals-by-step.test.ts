import type { RefusalCode } from '@tollward/protocol';
import { expect, test } from 'vitest';
import type { RouteRules } from './policy/policy.js';
import { refusalsByStep } from './refusals-by-step.js';

const open: RouteRules = {
  tokens: new Set(['client_credentials', 'user', 'personal']),
  anonymous: false,
  profile: null,
  personalCountries: null,
  sca: null,
  rateClass: null,
};
const embedded = new Set(['embedded', 'personal'] as const);
const query = { in: 'query', name: 'profile', aliases: [], optional: false } as const;
const ofProfile = ['profile_malformed', 'profile_not_accessible', 'upstream_unreachable'] as const;
const personalCountries = new Set(['US']);

const all = (rules: RouteRules): readonly RefusalCode[] => Object.values(refusalsByStep(rules)).flat();

for (const [name, rules, step, expected] of [
  ['every kind of token', {}, 'policy', []],
  [
    'tokens of clients with the embedded model',
    { tokens: embedded },
    'policy',
    ['embedded_model_off', 'token_kind_not_allowed'],
  ],
  ['tokens of users alone', { tokens: new Set(['user'] as const) }, 'policy', ['token_kind_not_allowed']],
  ['no token', { anonymous: true }, 'token', []],
  ['a profile in the path', { profile: { in: 'path', name: 'p' } }, 'policy', ofProfile],
  ['a profile in the query', { profile: query }, 'policy', ['profile_missing', 'parameter_repeated', ...ofProfile]],
  [
    'a profile that may be left out',
    { profile: { ...query, optional: true } },
    'policy',
    ['profile_missing', 'parameter_repeated', ...ofProfile],
  ],
  ['regions for personal tokens', { personalCountries }, 'policy', ['region_not_allowed']],
  [
    'regions, and no personal tokens',
    { tokens: new Set(['client_credentials', 'user'] as const), personalCountries },
    'policy',
    ['token_kind_not_allowed'],
  ],
  ['strong authentication', { sca: { level: 'high', countries: personalCountries } }, 'sca', ['sca_not_available']],
  [
    'a rate class',
    { rateClass: { name: 'slow', limits: { perSecond: 1, perMinute: 1 } } },
    'rate',
    ['route_rate_limited'],
  ],
] as const satisfies readonly (readonly [string, Partial<RouteRules>, string, readonly RefusalCode[]])[]) {
  test(`a route that takes ${name} gives the refusals of that at ${step}, and no others`, () => {
    const before = all(open);
    const added = (codes: readonly RefusalCode[]) => codes.filter((code) => !before.includes(code));
    const steps = refusalsByStep({ ...open, ...rules });
    expect(added(steps[step])).toEqual(expected);
    expect(added(all({ ...open, ...rules }))).toEqual(expected);
  });
}

test('an Authorization header of another scheme is refused where no token is needed, too', () => {
  expect(refusalsByStep({ ...open, anonymous: true }).token).toContain('token_missing');
});
