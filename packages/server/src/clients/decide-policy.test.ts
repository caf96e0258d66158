import { describe, expect, test } from 'vitest';
import type { ClientPolicy, PolicyChanges } from './client-store.js';
import { decidePolicy, defaultPolicy, describePolicy } from './decide-policy.js';

const other = {
  mtlsRequired: false,
  embeddedModel: true,
  scaOff: true,
  allowedAddresses: ['192.0.2.1'],
  limits: { perSecond: 1, perMinute: 2 },
  accessTokenLifetimeSeconds: 60,
};

describe('the policy of a client', () => {
  test('is as safe as it can be by default', () => {
    expect(defaultPolicy).toEqual({
      mtlsRequired: true,
      embeddedModel: false,
      scaOff: false,
      allowedAddresses: [],
      limits: null,
      accessTokenLifetimeSeconds: 43_200,
    });
  });

  test('keeps what a change leaves out, and takes what it names: off, empty and none included', () => {
    const decide = (before: ClientPolicy, changes: PolicyChanges) => decidePolicy('sandbox', before, changes);
    expect(decide(other, {})).toEqual({ ok: true, policy: other });
    expect(decide(defaultPolicy, other)).toEqual({ ok: true, policy: other });
    expect(decide(other, defaultPolicy)).toEqual({ ok: true, policy: defaultPolicy });
    expect(decide(other, { limits: null })).toEqual({ ok: true, policy: { ...other, limits: null } });
    expect(decide(other, { limits: undefined, scaOff: undefined })).toEqual({ ok: true, policy: other });
  });

  test('has strong customer authentication off in sandbox only', () => {
    const refused = { ok: false, problem: 'sca-off-in-production' };
    expect(decidePolicy('production', defaultPolicy, { scaOff: true })).toEqual(refused);
    expect(decidePolicy('production', other, {})).toEqual(refused);
    expect(decidePolicy('production', other, { scaOff: false })).toMatchObject({ ok: true, policy: { scaOff: false } });
  });

  test('is described in plain words, none of them empty', () => {
    expect(describePolicy(defaultPolicy)).toMatchObject({ allowedAddresses: 'any', limits: 'default' });
    expect(describePolicy({ ...other, allowedAddresses: ['192.0.2.1', '2001:db8::/32'] })).toEqual({
      ...other,
      allowedAddresses: '192.0.2.1 2001:db8::/32',
      limits: '1 a second, 2 a minute',
    });
  });
});
