import { refusalCodes } from '@tollward/protocol';
import { expect, test } from 'vitest';
import type { RouteRules } from '../../../gateway/index.js';
import { ofTokenQuestion, ofTokenRequest, refusalsOfForwarded } from './refusals-of-route.js';

const strict: RouteRules = {
  tokens: new Set(['embedded', 'personal']),
  anonymous: false,
  profile: { in: 'query', name: 'profile', aliases: [], optional: false },
  personalCountries: new Set(['US']),
  sca: { level: 'high', countries: new Set(['EE']) },
  rateClass: { name: 'slow', limits: { perSecond: 1, perMinute: 1 } },
};

test('every refusal is described somewhere, but those of no route, that of the upstream itself, and faults that were asked for', () => {
  const described = new Set([...ofTokenRequest, ...ofTokenQuestion, ...refusalsOfForwarded(strict)]);
  expect(refusalCodes.filter((code) => !described.has(code))).toEqual([
    'route_unknown',
    'method_not_allowed',
    'upstream_refused',
    'injected_fault',
  ]);
});
