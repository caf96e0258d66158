import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { environmentFromShortName, environmentShortName, environments } from './environment.js';

describe('short names of environments', () => {
  test('are the three letters that every secret and token already carries', () => {
    expect(environmentShortName('sandbox')).toBe('sbx');
    expect(environmentShortName('production')).toBe('prd');
  });

  test('lead back to their environment', () => {
    for (const environment of environments) {
      expect(environmentFromShortName(environmentShortName(environment))).toBe(environment);
    }
  });

  test('are the only texts that name an environment', () => {
    const others = fc
      .oneof(fc.string(), fc.constantFrom('', 'SBX', 'sandbox', 'production', 'sbx ', 'prd_', '__proto__', 'toString'))
      .filter((text) => text !== 'sbx' && text !== 'prd');
    fc.assert(
      fc.property(others, (text) => {
        expect(environmentFromShortName(text)).toBeUndefined();
      }),
    );
  });
});
