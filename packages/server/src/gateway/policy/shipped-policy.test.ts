// policy/default.yaml against the contract: what is written here by hand was read there, and not in the file.

import { environments } from '@tollward/protocol';
import { describe, expect, test } from 'vitest';
import type { Policy, RoutePolicy } from './policy.js';
import { readPolicyFile, shippedPolicyFile } from './read-policy.js';
import { createRouteTable } from './route-table.js';

const policies = await Promise.all(
  environments.map(async (environment): Promise<readonly [string, Policy]> => {
    const decision = await readPolicyFile(shippedPolicyFile, environment);
    if (!decision.ok) throw new Error(decision.problems.join('\n'));
    return [environment, decision.policy];
  }),
);
const [[, sandbox] = [], [, production] = []] = policies;
if (sandbox === undefined || production === undefined) throw new Error('an environment has no policy');

function callsWhere(policy: Policy, filter: (route: RoutePolicy) => boolean): readonly string[] {
  return policy.routes.filter(filter).map(({ method, path }) => `${method} ${path}`);
}

const funding = 'POST /v3/profiles/{profileId}/transfers/{transferId}/payments';
const statement = 'GET /v1/profiles/{profileId}/balance-statements/{balanceId}/statement';

describe('the policy that comes with the program', () => {
  test('[POL-06] serves each calendar path with the legacy one that the contract names for it', () => {
    const table = createRouteTable(sandbox);
    const upstreamPathOf = (method: string, path: string) => {
      const found = table.find(method, path);
      return found !== undefined && 'route' in found ? found.upstreamPath : found;
    };
    expect([
      upstreamPathOf('GET', '/2026Q3/profiles'),
      upstreamPathOf('GET', '/2026Q3/profiles/5'),
      upstreamPathOf('POST', '/2026Q3/profiles/personal-profile'),
      upstreamPathOf('POST', '/2026Q3/profiles/business-profile'),
      upstreamPathOf('POST', '/2026Q3/quotes'),
      upstreamPathOf('POST', '/2026Q3/profiles/5/quotes'),
      upstreamPathOf('GET', '/2026Q3/quotes/q/account-requirements'),
      upstreamPathOf('POST', '/2026Q3/accounts'),
      upstreamPathOf('GET', '/2026Q3/accounts'),
      upstreamPathOf('GET', '/2026Q3/accounts/6'),
      upstreamPathOf('DELETE', '/2026Q3/accounts/6'),
      upstreamPathOf('PUT', '/2026Q3/transfers/7/cancel'),
      upstreamPathOf('POST', '/2026Q3/profiles/5/transfers/7/payments'),
      upstreamPathOf('GET', '/2026Q3/profiles/5/balances'),
      upstreamPathOf('POST', '/2026Q3/profiles/5/balance-movements'),
      upstreamPathOf('GET', '/2026Q3/profiles/5/balance-statements/8/statement.csv'),
      upstreamPathOf('GET', '/2026Q3/rates'),
      upstreamPathOf('GET', '/2026Q3/simulation/transfers/7/funds_converted'),
    ]).toEqual([
      '/v2/profiles',
      '/v2/profiles/5',
      '/v2/profiles/personal-profile',
      '/v3/profiles/business-profile',
      '/v3/quotes',
      '/v3/profiles/5/quotes',
      '/v1/quotes/q/account-requirements',
      '/v1/accounts',
      '/v2/accounts',
      '/v2/accounts/6',
      '/v2/accounts/6',
      '/v1/transfers/7/cancel',
      '/v3/profiles/5/transfers/7/payments',
      '/v4/profiles/5/balances',
      '/v2/profiles/5/balance-movements',
      '/v1/profiles/5/balance-statements/8/statement.csv',
      '/v1/rates',
      '/v1/simulation/transfers/7/funds_converted',
    ]);
    expect(callsWhere(sandbox, ({ calendarPath }) => calendarPath === null)).toEqual([
      'GET /v1/profiles',
      'GET /v1/accounts/{accountId}',
    ]);
  });

  test('[POL-06] has the simulation of the outside world in the sandbox only', () => {
    expect(callsWhere(production, ({ path }) => path.includes('simulation'))).toEqual([]);
    const more = callsWhere(sandbox, () => true).filter((call) => !callsWhere(production, () => true).includes(call));
    expect(more).toEqual([
      'GET /v1/simulation/transfers/{transferId}/{status}',
      'POST /v1/simulation/balance/topup',
      'POST /v1/simulation/verify-profile',
    ]);
  });

  for (const [environment, policy] of policies) {
    test(`[POL-06] in ${environment} asks strong customer authentication in the EEA and the UK, for payments and statements`, () => {
      const rules = policy.routes.filter(({ sca }) => sca !== null);
      expect(rules.map(({ method, path, sca }) => [`${method} ${path}`, sca?.level])).toEqual([
        [funding, 'high'],
        [`${statement}.json`, 'low'],
        [`${statement}.csv`, 'low'],
      ]);
      const eea = 'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK';
      for (const { sca, personalCountries } of rules) {
        expect([...(sca?.countries ?? [])].toSorted()).toEqual([...eea.split(' '), 'GB'].toSorted());
        expect(personalCountries).toEqual(new Set(['US', 'CA', 'AU', 'NZ', 'SG', 'MY']));
      }
      expect(callsWhere(policy, (route) => route.personalCountries !== null)).toHaveLength(rules.length);
    });

    test(`[POL-06] in ${environment} lets a client without the embedded model have no more than rates, currencies and illustrations`, () => {
      const open = ['POST /v3/quotes', 'GET /v1/rates', 'GET /v1/currencies'];
      expect(callsWhere(policy, ({ tokens }) => tokens.has('client_credentials'))).toEqual(open);
      expect(callsWhere(policy, ({ anonymous }) => anonymous)).toEqual(['POST /v3/quotes', 'GET /v1/currencies']);
    });

    test(`[POL-06] in ${environment} looks at the profile wherever the path names one`, () => {
      expect(
        callsWhere(policy, ({ path, profile }) => path.includes('{profileId}') && profile?.name !== 'profileId'),
      ).toEqual([]);
      const byQuery = policy.routes.filter(({ profile }) => profile?.in === 'query');
      expect(byQuery.map(({ path, profile }) => [path, profile])).toEqual([
        ['/v2/accounts', { in: 'query', name: 'profileId', aliases: ['profile'], optional: true }],
        ['/v1/transfers', { in: 'query', name: 'profile', aliases: [], optional: true }],
      ]);
    });
  }
});
