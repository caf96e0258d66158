// Changing the policy of a client that is in use, on both engines, through the real standing.

import { beforeAll, describe, expect, test } from 'vitest';
import { parseAddressRange } from '../platform/listeners/address.js';
import { type HeldClient, openTestCapabilities, type TestCapabilities } from '../testing/capabilities.js';
import { describeOnEachEngine } from '../testing/database.js';
import type { ClientPolicy, PolicyChanges } from './client-store.js';
import { createClient } from './create-client.js';
import { revokeClient } from './revoke-client.js';
import { listClients } from './show-clients.js';
import { updateClient } from './update-client.js';

const hourMs = 3_600_000;
/** A route for profiles, open to clients with the embedded model. */
const ofProfile = {
  tokens: new Set(['embedded'] as const),
  profile: { in: 'path', name: 'profileId' },
} as const;

describeOnEachEngine('updating a client', (open) => {
  let capabilities: TestCapabilities;
  beforeAll(async () => {
    capabilities = await openTestCapabilities(await open());
  });

  const update = ({ clientId }: Pick<HeldClient, 'clientId'>, changes: Partial<ClientPolicy>, name?: string) =>
    updateClient({ clientId, name, changes, actor: 'operator' }, capabilities.time.now, capabilities);
  const shown = async (clientId: string) => {
    const clients = await listClients(capabilities.database, undefined);
    const found = clients.find(({ id }) => id === clientId);
    if (found === undefined) throw new Error('there is no such client');
    return found;
  };
  const policyOf = async (clientId: string): Promise<ClientPolicy> => {
    const { mtlsRequired, embeddedModel, scaOff, allowedAddresses, limits, accessTokenLifetimeSeconds } =
      await shown(clientId);
    return { mtlsRequired, embeddedModel, scaOff, allowedAddresses, limits, accessTokenLifetimeSeconds };
  };

  describe('takes effect with the next request', () => {
    test('mutual TLS: on ends unbound tokens and plain token requests, off lets them live again', async () => {
      const { tokenOf, outcomeOf, outcomeOfCall } = capabilities;
      const client = await capabilities.makeClient('mtls');
      const token = await tokenOf(client.clientId, client.secret);
      expect(await outcomeOfCall(token)).toBe('admitted');
      expect(await update(client, { mtlsRequired: true })).toMatchObject({ ok: true });
      expect(await outcomeOfCall(token)).toBe('token_not_bound');
      expect(await outcomeOf(client.clientId, client.secret)).toBe('mtls_required');
      await update(client, { mtlsRequired: false });
      expect(await outcomeOfCall(token)).toBe('admitted');
      expect(await outcomeOf(client.clientId, client.secret)).toBe('token');
    });

    test('limits: its own, then those of the installation again', async () => {
      const { outcomeOf, passTime } = capabilities;
      const { clientId, secret } = await capabilities.makeClient('limits');
      expect(await outcomeOf(clientId, secret)).toBe('token');
      await passTime(2 * hourMs);
      await update({ clientId }, { limits: { perSecond: 2, perMinute: 1_000 } });
      expect(await outcomeOf(clientId, secret)).toBe('token');
      expect(await outcomeOf(clientId, secret)).toBe('token');
      expect(await outcomeOf(clientId, secret)).toBe('client_rate_limited');
      await update({ clientId }, { limits: null });
      expect(await outcomeOf(clientId, secret)).toBe('token');
    });

    test('lifetime: of new tokens, and of no token that is out already', async () => {
      const { tokenOf, outcomeOfCall, passTime } = capabilities;
      const client = await capabilities.makeClient('lifetime');
      const before = await tokenOf(client.clientId, client.secret);
      await update(client, { accessTokenLifetimeSeconds: 10 });
      const after = await tokenOf(client.clientId, client.secret);
      await passTime(9_999);
      expect(await outcomeOfCall(after)).toBe('admitted');
      await passTime(1);
      expect(await outcomeOfCall(after)).toBe('token_expired');
      expect(await outcomeOfCall(before)).toBe('admitted');
    });

    test('[POL-24] embedded model: for the profiles that it made, with tokens from before too', async () => {
      const { tokenOf, outcomeOfCall, profilesUpstream } = capabilities;
      const client = await capabilities.makeClient('embedded');
      const { clientId, secret } = client;
      profilesUpstream.set('1', { id: '1', country: 'EE', clientId });
      const token = await tokenOf(clientId, secret);
      const outcome = () => outcomeOfCall(token, { parameters: { profileId: '1' } }, ofProfile);
      expect(await outcome()).toBe('embedded_model_off');
      await update(client, { embeddedModel: true });
      expect(await outcome()).toBe('admitted');
      await update(client, { embeddedModel: false });
      expect(await outcome()).toBe('embedded_model_off');
    });

    test('[POL-24] strong customer authentication: of calls that need it, with tokens from before too', async () => {
      const { tokenOf, outcomeOfCall, profilesUpstream } = capabilities;
      const client = await capabilities.makeClient('sca', { embeddedModel: true });
      const { clientId, secret } = client;
      profilesUpstream.set('2', { id: '2', country: 'EE', clientId });
      const token = await tokenOf(clientId, secret);
      const rules = { ...ofProfile, sca: { level: 'low', countries: new Set(['EE']) } } as const;
      const outcome = () => outcomeOfCall(token, { parameters: { profileId: '2' } }, rules);
      expect(await outcome()).toBe('sca_not_available');
      await update(client, { scaOff: true });
      expect(await outcome()).toBe('admitted');
      await update(client, { scaOff: false });
      expect(await outcome()).toBe('sca_not_available');
    });

    test('allowed addresses: at token requests and at calls, with tokens from before too', async () => {
      const { tokenOf, outcomeOf, outcomeOfCall } = capabilities;
      const client = await capabilities.makeClient('addresses');
      const { clientId, secret } = client;
      const inside = { address: '203.0.113.9' };
      const outside = { address: '203.0.114.9' };
      const token = await tokenOf(clientId, secret, outside);
      expect(await outcomeOfCall(token, outside)).toBe('admitted');

      await update(client, { allowedAddresses: ['203.0.113.0/24', '2001:db8::/32'] });
      for (const address of ['203.0.113.9', '::ffff:203.0.113.9', '2001:db8::7']) {
        expect(await outcomeOf(clientId, secret, { address }), address).toBe('token');
        expect(await outcomeOfCall(token, { address }), address).toBe('admitted');
      }
      for (const address of ['203.0.114.9', '2001:db9::7', 'unknown']) {
        expect(await outcomeOf(clientId, secret, { address }), address).toBe('address_not_allowed');
        expect(await outcomeOfCall(token, { address }), address).toBe('address_not_allowed');
      }
      await update(client, { allowedAddresses: ['203.0.114.9'] });
      expect(await outcomeOfCall(token, inside)).toBe('address_not_allowed');
      expect(await outcomeOfCall(token, outside)).toBe('admitted');
      await update(client, { allowedAddresses: [] });
      expect(await outcomeOfCall(token, inside)).toBe('admitted');
      expect(await outcomeOf(clientId, secret, inside)).toBe('token');
    });
  });

  test('changes what it names and leaves the rest', async () => {
    const all = {
      mtlsRequired: false,
      embeddedModel: true,
      scaOff: true,
      allowedAddresses: ['192.0.2.1', '2001:db8::/32'],
      limits: { perSecond: 7, perMinute: 70 },
      accessTokenLifetimeSeconds: 600,
    };
    const { clientId } = await capabilities.makeClient('partial', all);
    expect(await policyOf(clientId)).toEqual(all);
    const others = {
      mtlsRequired: true,
      embeddedModel: false,
      scaOff: false,
      allowedAddresses: [],
      limits: null,
      accessTokenLifetimeSeconds: 3_600,
    };
    let expected: ClientPolicy = all;
    for (const [name, value] of Object.entries(others)) {
      expect(await update({ clientId }, { [name]: value })).toMatchObject({ ok: true, before: { ...expected } });
      expected = { ...expected, [name]: value };
      expect(await policyOf(clientId), name).toEqual(expected);
      expect((await shown(clientId)).name, name).toBe('partial');
    }
    await update({ clientId }, {}, 'partial, renamed');
    expect(await policyOf(clientId)).toEqual(others);
    expect((await shown(clientId)).name).toBe('partial, renamed');
  });

  test('keeps two changes that are made at the same time', async () => {
    const { clientId } = await capabilities.makeClient('two at once');
    await Promise.all([
      update({ clientId }, { mtlsRequired: true }),
      update({ clientId }, { embeddedModel: true }),
      update({ clientId }, { scaOff: true }),
      update({ clientId }, { accessTokenLifetimeSeconds: 61 }),
    ]);
    expect(await policyOf(clientId)).toMatchObject({
      mtlsRequired: true,
      embeddedModel: true,
      scaOff: true,
      accessTokenLifetimeSeconds: 61,
    });
  });

  test('is in the audit trail with what changed, as it was and as it is', async () => {
    const { clientId } = await capabilities.makeClient('audited update', { allowedAddresses: ['192.0.2.1'] });
    await update(
      { clientId },
      { mtlsRequired: true, limits: { perSecond: 5, perMinute: 50 }, scaOff: false },
      'audited',
    );
    await capabilities.passTime(1);
    await update({ clientId }, { allowedAddresses: [] });
    expect((await capabilities.auditOf(clientId)).slice(1)).toEqual([
      {
        action: 'client.updated',
        details: {
          'name before': 'audited update',
          'name after': 'audited',
          'mtlsRequired before': false,
          'mtlsRequired after': true,
          'limits before': 'default',
          'limits after': '5 a second, 50 a minute',
        },
      },
      {
        action: 'client.updated',
        details: { 'allowedAddresses before': '192.0.2.1', 'allowedAddresses after': 'any' },
      },
    ]);
  });

  test('of an unknown or revoked client is refused and changes nothing', async () => {
    const client = await capabilities.makeClient('revoked before');
    expect(await update({ clientId: `cli_${'0'.repeat(32)}` }, { mtlsRequired: true })).toEqual({
      ok: false,
      problem: 'unknown',
    });
    await revokeClient(client.clientId, 'operator', capabilities.time.now, capabilities);
    expect(await update(client, { mtlsRequired: true }, 'another name')).toEqual({ ok: false, problem: 'revoked' });
    expect(await shown(client.clientId)).toMatchObject({ name: 'revoked before', mtlsRequired: false });
    expect((await capabilities.auditOf(client.clientId)).map(({ action }) => action)).not.toContain('client.updated');
  });

  test('refuses the name of another client of the organisation, with everything else that came along', async () => {
    await capabilities.makeClient('taken');
    const client = await capabilities.makeClient('free');
    expect(await update(client, { mtlsRequired: true }, 'taken')).toEqual({ ok: false, problem: 'name-taken' });
    expect(await shown(client.clientId)).toMatchObject({ name: 'free', mtlsRequired: false });
    expect(await update(client, {}, 'free'), 'its own name is no other').toMatchObject({ ok: true });
  });

  test('gives a name once, however many clients of the organisation want it at the same time', async () => {
    const clients = await Promise.all(
      ['first', 'second', 'third'].map((each) => capabilities.makeClient(`${each} of all`)),
    );
    const command = { environment: 'sandbox', organisationName: 'Example', policy: {}, actor: 'operator' } as const;
    const results = await Promise.all([
      ...clients.map((client) => update(client, {}, 'wanted by all')),
      createClient({ ...command, name: 'wanted by all' }, capabilities.time.now, capabilities),
    ]);
    expect(results.map((result) => (result.ok ? 'named' : result.problem)).sort()).toEqual([
      'name-taken',
      'name-taken',
      'name-taken',
      'named',
    ]);
  });

  test('leaves no trace in the audit when it changes nothing', async () => {
    const client = await capabilities.makeClient('as it was', { limits: { perSecond: 5, perMinute: 50 } });
    const same = { mtlsRequired: false, limits: { perSecond: 5, perMinute: 50 } };
    expect(await update(client, same, 'as it was')).toMatchObject({ ok: true, before: same });
    expect((await capabilities.auditOf(client.clientId)).map(({ action }) => action)).not.toContain('client.updated');
  });

  describe('strong customer authentication switched off in production', () => {
    const tryInProduction = async (name: string, policy: PolicyChanges) =>
      createClient(
        { environment: 'production', organisationName: 'Example', name, policy, actor: 'operator' },
        capabilities.time.now,
        capabilities,
      );
    const inProduction = async (name: string): Promise<string> => {
      const created = await tryInProduction(name, {});
      if (!created.ok) throw new Error(created.problem);
      return created.clientId;
    };

    test('is refused by the use cases', async () => {
      const refused = { ok: false, problem: 'sca-off-in-production' };
      expect(await tryInProduction('sca at creation', { scaOff: true })).toEqual(refused);
      const clientId = await inProduction('sca by code');
      expect(await update({ clientId }, { scaOff: true, embeddedModel: true })).toEqual({
        ok: false,
        problem: 'sca-off-in-production',
      });
      expect(await policyOf(clientId)).toMatchObject({ scaOff: false, embeddedModel: false });
      expect(await update({ clientId }, { embeddedModel: true })).toMatchObject({ ok: true });
    });

    test('is refused by the database, whoever writes', async () => {
      const constraint = 'clients_sca_off_in_sandbox_only';
      const clientId = await inProduction('sca by constraint');
      const written = capabilities.database.transaction((tx) =>
        tx.updateTable('clients').set({ sca_off: true }).where('id', '=', clientId).execute(),
      );
      await expect(written).rejects.toThrow(constraint);
      const inSandbox = await capabilities.makeClient('sca in sandbox', { scaOff: true });
      expect(await policyOf(inSandbox.clientId)).toMatchObject({ scaOff: true });
    });
  });

  test('a stored list of addresses that can not be read refuses its client, and is not taken for no list', async () => {
    expect(parseAddressRange('not an address')).toBeUndefined();
    const { clientId, secret } = await capabilities.makeClient('unreadable', { allowedAddresses: ['not an address'] });
    await expect(capabilities.outcomeOf(clientId, secret)).rejects.toThrow('can not be read');
  });
});
