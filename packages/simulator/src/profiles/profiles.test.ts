import { describe, expect, it } from 'vitest';
import { aPartner, businessProfile, idOf, newKey, personalProfile } from '../partner-for-tests.js';
import { aSimulator } from '../simulator-for-tests.js';

const create = 'POST /v2/profiles/personal-profile';

describe('profiles', () => {
  it('[SIM-16] are answered with what was sent, in the shapes of both versions', async () => {
    const simulator = aSimulator();
    const { profileId: person } = await aPartner(simulator, 'cli_1');
    const { profileId: company } = await aPartner(simulator, 'cli_1', businessProfile);
    expect((await simulator.call('cli_1', `GET /v2/profiles/${person}`)).body).toMatchObject({
      type: 'PERSONAL',
      id: person,
      firstName: 'Ada',
      lastName: 'Example',
      fullName: 'Ada Example',
      dateOfBirth: '1990-04-01',
      email: 'ada@example.com',
      phoneNumber: '+441234567890',
      currentState: 'VISIBLE',
      address: { countryIso2Code: 'GB', countryIso3Code: 'GBR', postCode: 'N1 7AA', stateCode: null },
      contactDetails: personalProfile.contactDetails,
      createdAt: '2026-11-22T10:00:00.000Z',
    });
    expect((await simulator.call('cli_1', `GET /v2/profiles/${company}`)).body).toMatchObject({
      type: 'BUSINESS',
      businessName: 'Example "Trade", Ltd',
      fullName: 'Example "Trade", Ltd',
      companyType: 'LIMITED',
      address: { countryIso2Code: 'EE' },
    });
    expect((await simulator.call('cli_1', 'GET /v1/profiles')).body).toMatchObject([
      { id: person, type: 'personal', details: { firstName: 'Ada', dateOfBirth: '1990-04-01' } },
      { id: company, type: 'business', details: { name: 'Example "Trade", Ltd', registrationNumber: '07209813' } },
    ]);
    const listed = await simulator.call('cli_1', 'GET /v2/profiles');
    expect(JSON.stringify(listed.body)).not.toContain('cli_');
  });

  it('[SIM-17] are made once for one key, and only with a key when there is one of the kind', async () => {
    const simulator = aSimulator();
    const key = newKey();
    const first = await simulator.call('cli_1', create, personalProfile, key);
    simulator.time.now += 60_000;
    const again = await simulator.call('cli_1', create, { ...personalProfile, lastName: ' Example ' }, key);
    expect(again).toEqual(first);
    const other = await simulator.call('cli_1', create, { ...personalProfile, lastName: 'Other' }, key);
    expect(other).toMatchObject({ status: 409, body: { errors: [{ code: 'NOT_UNIQUE' }] } });
    expect((await simulator.call('cli_1', create, personalProfile)).status).toBe(409);
    expect((await simulator.call('cli_1', create, personalProfile, newKey())).status).toBe(200);
    expect((await simulator.call('cli_1', create, personalProfile, { 'x-idempotence-uuid': 'x' })).status).toBe(400);
    // The key of one client is nothing to another one, and another kind is another kind.
    const theirs = await simulator.call('cli_2', create, personalProfile, key);
    expect(theirs.status).toBe(200);
    expect(idOf(theirs)).not.toBe(idOf(first));
    expect((await simulator.call('cli_1', 'POST /v3/profiles/business-profile', businessProfile)).status).toBe(200);
    expect((await simulator.call('cli_1', 'GET /v2/profiles')).body).toHaveLength(3);
  });

  it('[SIM-18] of somebody else are answered like absent ones, and the true reason goes to the operator', async () => {
    const simulator = aSimulator();
    const { profileId } = await aPartner(simulator, 'cli_1');
    const absent = 99;
    const paths = [
      'GET /v2/profiles/{}',
      'GET /v4/profiles/{}/balances?types=STANDARD',
      'GET /v1/transfers?profile={}',
    ];
    for (const path of [...paths, 'GET /v2/accounts?profileId={}']) {
      const foreign = await simulator.call('cli_2', path.replace('{}', String(profileId)));
      const nobodys = await simulator.call('cli_2', path.replace('{}', String(absent)));
      expect(foreign.status).toBe(403);
      expect(foreign.body).toMatchObject({ status: 403, error: 'unauthorized', message: 'Unauthorized' });
      const anonymised = JSON.stringify(foreign.body).replaceAll(String(profileId), String(absent));
      expect(anonymised).toBe(JSON.stringify(nobodys.body));
      expect(foreign.refusal).toBe(`profile ${profileId} belongs to another client`);
      expect(nobodys.refusal).toBe('there is no profile 99');
    }
    expect((await simulator.call('cli_2', 'GET /v2/profiles')).body).toEqual([]);
  });

  it('[SIM-19] are told to the gateway, with country and client, and to nobody else', async () => {
    const simulator = aSimulator();
    const { profileId } = await aPartner(simulator, 'cli_1');
    const path = `GET /internal/profiles/${profileId}`;
    expect(await simulator.call('tollward', path)).toMatchObject({
      status: 200,
      body: { id: profileId, country: 'GB', clientId: 'cli_1' },
    });
    expect((await simulator.call('tollward', 'GET /internal/profiles/99')).status).toBe(404);
    expect((await simulator.call('tollward', 'GET /internal/profiles/x')).status).toBe(404);
    for (const caller of ['cli_1', 'anonymous']) expect((await simulator.call(caller, path)).status).toBe(403);
    expect((await simulator.call('tollward', 'GET /v2/profiles')).status).toBe(403);
  });

  it('are refused with what is wrong, field by field', async () => {
    const body = {
      ...personalProfile,
      firstName: 'x'.repeat(31),
      lastName: undefined,
      dateOfBirth: '2001-02-29',
      address: { ...personalProfile.address, countryIso3Code: 'XXX' },
      contactDetails: { email: 'nobody', phoneNumber: 'none' },
    };
    const said = await aSimulator().call('cli_1', create, body);
    expect(said.status).toBe(400);
    const { errors } = said.body as { errors: { code: string; path: string }[] };
    expect(errors.map(({ code, path }) => [path, code])).toEqual([
      ['firstName', 'Size'],
      ['lastName', 'NotNull'],
      ['dateOfBirth', 'NOT_VALID'],
      ['address.countryIso3Code', 'NOT_VALID'],
      ['contactDetails.email', 'NOT_VALID'],
      ['contactDetails.phoneNumber', 'NOT_VALID'],
    ]);
    expect(said.refusal).toContain('firstName: ');
  });

  it('has ids that are numbers a double holds exactly', async () => {
    expect(Number.isSafeInteger(idOf(await aSimulator().call('cli_1', create, personalProfile)))).toBe(true);
  });
});
