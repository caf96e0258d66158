import { describe, expect, it } from 'vitest';
import { aPartner } from '../partner-for-tests.js';
import { aSimulator } from '../simulator-for-tests.js';

const minuteMs = 60_000;

async function aStory() {
  const simulator = aSimulator();
  const partner = await aPartner(simulator, 'cli_1');
  const quotes = `/v3/profiles/${partner.profileId}/quotes`;
  return { simulator, partner, quotes, ask: (body: object) => partner.call(`POST ${quotes}`, body) };
}

const pair = { sourceCurrency: 'GBP', targetCurrency: 'EUR' };

describe('quotes', () => {
  it('[SIM-20] say rate, fee and both amounts, for a source and for a target', async () => {
    const { ask } = await aStory();
    // Worked out by hand in price.test.ts.
    const numbers = { rate: 1.18539592, sourceAmount: 100, targetAmount: 117.63 };
    const fee = { transferwise: 0.76, payIn: 0, discount: 0, partner: 0, total: 0.76 };
    for (const [wish, providedAmountType] of [
      [{ sourceAmount: 100 }, 'SOURCE'],
      [{ targetAmount: 117.63, sourceAmount: null }, 'TARGET'],
    ] as const) {
      expect(await ask({ ...pair, ...wish })).toMatchObject({
        status: 200,
        body: {
          ...pair,
          ...numbers,
          providedAmountType,
          rateType: 'FIXED',
          payOut: 'BANK_TRANSFER',
          status: 'PENDING',
          createdTime: '2026-11-22T10:00:00.000Z',
          rateExpirationTime: '2026-11-22T10:30:00.000Z',
          paymentOptions: [
            { payIn: 'BALANCE', fee, sourceAmount: 100, targetAmount: 117.63 },
            { payIn: 'BANK_TRANSFER', fee },
          ],
        },
      });
    }
  });

  it('[SIM-21] are for anybody as an illustration, which has no id', async () => {
    const { simulator } = await aStory();
    for (const caller of ['anonymous', 'cli_9']) {
      const said = await simulator.call(caller, 'POST /v3/quotes', { ...pair, sourceAmount: 100 });
      expect(said).toMatchObject({ status: 200, body: { targetAmount: 117.63 } });
      expect(said.body).not.toHaveProperty('id');
    }
    const refused = await simulator.call('anonymous', 'POST /v3/profiles/1/quotes', { ...pair, sourceAmount: 100 });
    expect(refused.status).toBe(403);
  });

  const wrong: readonly (readonly [string, object, number, string])[] = [
    ['both amounts', { sourceAmount: 1, targetAmount: 1 }, 400, 'NOT_VALID'],
    ['no amount', {}, 400, 'NOT_VALID'],
    ['an amount of zero', { sourceAmount: 0 }, 400, 'error.greaterThanZero'],
    ['a negative amount', { targetAmount: -1 }, 400, 'error.greaterThanZero'],
    ['too many decimals', { sourceAmount: 1.001 }, 400, 'NOT_VALID'],
    ['a text for an amount', { sourceAmount: '100' }, 400, 'NOT_VALID'],
    ['a huge amount', { sourceAmount: 1e300 }, 400, 'Size'],
    ['less than the fee', { sourceAmount: 0.01 }, 422, 'NOT_VALID'],
    ['a currency that is not known', { sourceAmount: 1, targetCurrency: 'XXX' }, 400, 'CurrencyCode'],
    ['the name of a member of every object', { sourceAmount: 1, targetCurrency: 'constructor' }, 400, 'CurrencyCode'],
    ['a recipient that is not there', { sourceAmount: 1, targetAccount: 9 }, 404, ''],
  ];
  for (const [what, change, status, code] of wrong) {
    it(`[SIM-07] are refused with ${what}`, async () => {
      const said = await (await aStory()).ask({ ...pair, ...change });
      expect(said.status).toBe(status);
      if (code !== '') expect(said.body).toMatchObject({ errors: [{ code }] });
    });
  }

  it('[SIM-22] are changed by a merge patch, where null takes away, and by nothing else', async () => {
    const { partner, quotes } = await aStory();
    const path = `PATCH ${quotes}/${await partner.quote({ paymentMetadata: { transferNature: 'GOODS' } })}`;
    const targetAccount = await partner.recipient();
    expect(await partner.call(path, { targetAccount, payOut: 'BALANCE' })).toMatchObject({
      status: 200,
      body: { targetAccount, payOut: 'BALANCE', paymentMetadata: { transferNature: 'GOODS' } },
    });
    expect(await partner.call(path, { targetAccount: null, paymentMetadata: null, payOut: null })).toMatchObject({
      body: { targetAccount: null, payOut: 'BANK_TRANSFER', paymentMetadata: null },
    });
    expect((await partner.call(path, {}, { 'content-type': 'application/json' })).status).toBe(415);
    const pounds = { currency: 'GBP', type: 'sort_code', details: { sortCode: '231470', accountNumber: '28821822' } };
    const misfit = await partner.call(path, { targetAccount: await partner.recipient(pounds) });
    expect(misfit).toMatchObject({ status: 422, body: { errors: [{ path: 'targetAccount' }] } });
  });

  it('[SIM-23] hold for 30 minutes, and can be read for 48 hours more', async () => {
    const { simulator, partner, quotes } = await aStory();
    const id = await partner.quote();
    const targetAccount = await partner.recipient();
    const transfer = (customerTransactionId: string) =>
      partner.call('POST /v1/transfers', { quoteUuid: id, targetAccount, customerTransactionId });
    simulator.time.now += 30 * minuteMs;
    expect(await partner.call(`GET ${quotes}/${id}`)).toMatchObject({ status: 200, body: { status: 'EXPIRED' } });
    expect(await transfer('20000000-0000-4000-8000-000000000001')).toMatchObject({ status: 422 });
    expect((await partner.call(`PATCH ${quotes}/${id}`, {})).status).toBe(422);
    simulator.time.now += 48 * 60 * minuteMs - 1;
    expect((await partner.call(`GET ${quotes}/${id}`)).status).toBe(200);
    simulator.time.now += 1;
    expect((await partner.call(`GET ${quotes}/${id}`)).status).toBe(404);
  });

  it('[SIM-18] of somebody else are answered like absent ones', async () => {
    const { simulator, partner } = await aStory();
    const id = await partner.quote();
    const stranger = await aPartner(simulator, 'cli_2');
    const foreign = await stranger.call(`GET /v3/profiles/${stranger.profileId}/quotes/${id}`);
    const absentId = '99999999-0000-4000-8000-000000000000';
    const absent = await stranger.call(`GET /v3/profiles/${stranger.profileId}/quotes/${absentId}`);
    expect(foreign.status).toBe(404);
    expect(JSON.stringify(foreign.body).replaceAll(id, absentId)).toBe(JSON.stringify(absent.body));
    expect(foreign.refusal).toMatch(/belongs to another client/);
  });
});
