import { describe, expect, it } from 'vitest';
import { aPartner, euroRecipient, type Partner } from '../partner-for-tests.js';
import { aSimulator } from '../simulator-for-tests.js';

const create = (partner: Partner, changes: object) =>
  partner.call('POST /v1/accounts', { ...euroRecipient, profile: partner.profileId, ...changes });

describe('recipients', () => {
  it('[SIM-24] keep what their type asks for, and are read by both versions', async () => {
    const partner = await aPartner(aSimulator(), 'cli_1');
    const details = {
      iban: 'DE89 3704 0044 0532 0130 00',
      legalType: 'BUSINESS',
      constructor: 'x',
      more: { deep: [] },
    };
    const said = await create(partner, { details });
    expect(said).toMatchObject({
      status: 200,
      body: { profile: partner.profileId, currency: 'EUR', country: 'DE', type: 'iban', active: true },
    });
    const { id, details: kept } = said.body as { id: number; details: object };
    expect(kept).toEqual({ legalType: 'BUSINESS', IBAN: 'DE89370400440532013000' });
    for (const version of ['v1', 'v2']) {
      expect((await partner.call(`GET /${version}/accounts/${id}`)).body).toEqual(said.body);
    }
  });

  const wrong: readonly (readonly [string, object, string, string])[] = [
    ['an IBAN with a wrong check', { details: { IBAN: 'DE89370400440532013001' } }, 'details.IBAN', 'NOT_VALID'],
    ['no IBAN', { details: {} }, 'details.IBAN', 'NotNull'],
    ['a number for an IBAN', { details: { IBAN: 5 } }, 'details.IBAN', 'NOT_VALID'],
    ['a type that the currency does not have', { type: 'sort_code' }, 'type', 'NOT_VALID'],
    ['a type that is not known', { type: '__proto__' }, 'type', 'NOT_VALID'],
    ['a legal type that is not known', { details: { legalType: 'ROBOT' } }, 'details.legalType', 'NOT_VALID'],
    ['a name of control characters', { accountHolderName: 'a\u0000b' }, 'accountHolderName', 'NOT_VALID'],
    ['a list for details', { details: [] }, 'details', 'NOT_VALID'],
  ];
  for (const [what, change, path, code] of wrong) {
    it(`are refused with ${what}`, async () => {
      const said = await create(await aPartner(aSimulator(), 'cli_1'), change);
      expect(said).toMatchObject({ status: 400, body: { timestamp: expect.any(String), errors: [{ path, code }] } });
    });
  }

  it('[SIM-18] belong to a profile of their client, and foreign ones are answered like absent ones', async () => {
    const simulator = aSimulator();
    const [partner, stranger] = [await aPartner(simulator, 'cli_1'), await aPartner(simulator, 'cli_2')];
    expect((await create(partner, { profile: stranger.profileId })).status).toBe(403);
    const id = await partner.recipient();
    for (const method of ['GET', 'DELETE']) {
      const foreign = await stranger.call(`${method} /v2/accounts/${id}`);
      const absent = await stranger.call(`${method} /v2/accounts/1`);
      expect(foreign.status).toBe(404);
      expect(JSON.stringify(foreign.body).replaceAll(String(id), '1')).toBe(JSON.stringify(absent.body));
    }
    expect((await stranger.call('GET /v2/accounts')).body).toMatchObject({ content: [] });
  });

  it('[SIM-25] are listed in pages that hold each of them once, in both directions', async () => {
    const partner = await aPartner(aSimulator(), 'cli_1');
    const ids: number[] = [];
    for (let count = 0; count < 23; count += 1) ids.push(await partner.recipient());
    for (const sort of ['id,asc', 'id,desc']) {
      const seen: number[] = [];
      let seekPosition = 0;
      do {
        const said = await partner.call(`GET /v2/accounts?size=5&sort=${sort}&seekPosition=${seekPosition}`);
        const page = said.body as { content: { id: number }[]; size: number; seekPositionForNext: number };
        expect(page.content.length).toBeLessThanOrEqual(5);
        seen.push(...page.content.map(({ id }) => id));
        seekPosition = page.seekPositionForNext;
      } while (seekPosition !== 0);
      expect(seen).toEqual(sort === 'id,asc' ? ids : ids.toReversed());
    }
    for (const query of [
      'size=0',
      'size=21',
      'size=x',
      'seekPosition=-1',
      'sort=name',
      'active=maybe',
      'profileId=0',
    ]) {
      expect((await partner.call(`GET /v2/accounts?${query}`)).status).toBe(400);
    }
    expect((await partner.call('GET /v2/accounts?currency=GBP')).body).toMatchObject({ content: [] });
  });

  it('[SIM-26] are switched off once, and can be read but not paid after that', async () => {
    const partner = await aPartner(aSimulator(), 'cli_1');
    const id = await partner.recipient();
    expect(await partner.call(`DELETE /v2/accounts/${id}`)).toMatchObject({ status: 200, body: { id, active: false } });
    expect((await partner.call(`DELETE /v2/accounts/${id}`)).status).toBe(403);
    expect((await partner.call(`GET /v2/accounts/${id}`)).body).toMatchObject({ active: false });
    expect((await partner.call('GET /v2/accounts')).body).toMatchObject({ content: [] });
    expect((await partner.call('GET /v2/accounts?active=false')).body).toMatchObject({ content: [{ id }] });
    const customerTransactionId = '30000000-0000-4000-8000-000000000001';
    const wish = { quoteUuid: await partner.quote(), targetAccount: id, customerTransactionId };
    expect(await partner.call('POST /v1/transfers', wish)).toMatchObject({ status: 422 });
  });

  it('are asked for by a form that its own examples fill in', async () => {
    const partner = await aPartner(aSimulator(), 'cli_1');
    for (const targetCurrency of ['EUR', 'GBP', 'USD', 'JPY']) {
      const quoteId = await partner.quote({ targetCurrency });
      const forms = await partner.call(`GET /v1/quotes/${quoteId}/account-requirements`);
      expect((await partner.call(`POST /v1/quotes/${quoteId}/account-requirements`, {})).body).toEqual(forms.body);
      interface Form {
        type: string;
        fields: { group: { key: string; example: string }[] }[];
      }
      for (const { type, fields } of forms.body as Form[]) {
        const filledIn = fields.flatMap(({ group }) => group.map(({ key, example }) => [key, example]));
        const said = await create(partner, { currency: targetCurrency, type, details: Object.fromEntries(filledIn) });
        expect(said.status).toBe(200);
      }
    }
  });
});
