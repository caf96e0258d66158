import { describe, expect, test } from 'vitest';
import { decideRegion, decideSca, decideTokenKind } from './decide-access.js';
import type { TokenRule } from './policy/policy.js';

describe('the kind of a token', () => {
  const rows: readonly (readonly [
    readonly TokenRule[],
    'client_credentials' | 'user' | 'personal',
    boolean,
    string,
  ])[] = [
    [['client_credentials'], 'client_credentials', false, 'allowed'],
    [['client_credentials'], 'client_credentials', true, 'allowed'],
    [['client_credentials'], 'user', false, 'token_kind_not_allowed'],
    [['embedded'], 'client_credentials', true, 'allowed'],
    [['embedded'], 'client_credentials', false, 'embedded_model_off'],
    [['embedded', 'user'], 'client_credentials', false, 'embedded_model_off'],
    [['embedded', 'client_credentials'], 'client_credentials', false, 'allowed'],
    [['embedded'], 'user', true, 'token_kind_not_allowed'],
    [['user', 'personal'], 'client_credentials', true, 'token_kind_not_allowed'],
    [['user', 'personal'], 'client_credentials', false, 'token_kind_not_allowed'],
    [['user'], 'user', false, 'allowed'],
    [['user'], 'personal', false, 'token_kind_not_allowed'],
    [['personal'], 'personal', false, 'allowed'],
    [[], 'client_credentials', true, 'token_kind_not_allowed'],
  ];
  for (const [tokens, kind, embeddedModel, expected] of rows) {
    test(`of a ${kind} token, embedded model ${embeddedModel ? 'on' : 'off'}, at a route for ${tokens.join(' and ')}: ${expected}`, () => {
      expect(decideTokenKind(new Set(tokens), kind, embeddedModel)).toBe(expected);
    });
  }
});

describe('the region of a profile', () => {
  test('limits personal tokens to the countries of the route, and nobody else', () => {
    const countries = new Set(['US', 'SG']);
    expect(decideRegion(countries, 'personal', 'US')).toBe('allowed');
    expect(decideRegion(countries, 'personal', 'EE')).toBe('region_not_allowed');
    expect(decideRegion(new Set(), 'personal', 'US')).toBe('region_not_allowed');
    expect(decideRegion(null, 'personal', 'EE')).toBe('allowed');
    for (const kind of ['client_credentials', 'user'] as const) {
      expect(decideRegion(countries, kind, 'EE')).toBe('allowed');
    }
  });
});

describe('strong customer authentication', () => {
  const rule = { level: 'high', countries: new Set(['EE', 'GB']) } as const;

  test('is needed for profiles of the countries of the rule, and for one whose country nobody knows', () => {
    const switches = { environment: 'sandbox', scaOff: false, unsafeNoSca: false } as const;
    expect(decideSca(rule, 'EE', switches)).toBe('needed');
    expect(decideSca(rule, null, switches)).toBe('needed');
    expect(decideSca(rule, 'US', switches)).toBe('not needed');
  });

  test('is switched off by the client in sandbox and by the setting in production, and never the other way round', () => {
    const of = (environment: 'sandbox' | 'production', scaOff: boolean, unsafeNoSca: boolean) =>
      decideSca(rule, 'EE', { environment, scaOff, unsafeNoSca });
    expect(of('sandbox', true, false)).toBe('not needed');
    expect(of('sandbox', false, true)).toBe('needed');
    expect(of('production', true, false)).toBe('needed');
    expect(of('production', false, true)).toBe('not needed');
  });
});
