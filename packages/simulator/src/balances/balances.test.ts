import { describe, expect, it } from 'vitest';
import { aPartner, businessProfile, newKey } from '../partner-for-tests.js';
import { aSimulator } from '../simulator-for-tests.js';

async function aStory() {
  const simulator = aSimulator();
  const partner = await aPartner(simulator, 'cli_1');
  const balances = `/v4/profiles/${partner.profileId}/balances`;
  const move = (body: object, key = newKey()) =>
    partner.call(`POST /v2/profiles/${partner.profileId}/balance-movements`, body, key);
  return { simulator, partner, balances, move };
}

describe('balances', () => {
  it('[SIM-35] are opened once for one key, which is required, and once for each currency', async () => {
    const { partner, balances, simulator } = await aStory();
    const body = { currency: 'EUR', type: 'STANDARD' };
    expect(await partner.call(`POST ${balances}`, body)).toMatchObject({
      status: 400,
      body: { errors: [{ code: 'NotNull', path: 'X-idempotence-uuid' }] },
    });
    const key = newKey();
    const first = await partner.call(`POST ${balances}`, body, key);
    expect(first).toMatchObject({
      status: 201,
      body: { currency: 'EUR', type: 'STANDARD', amount: { value: 0, currency: 'EUR' }, visible: true },
    });
    expect(await partner.call(`POST ${balances}`, body, key)).toEqual(first);
    expect((await partner.call(`POST ${balances}`, { ...body, currency: 'GBP' }, key)).status).toBe(409);
    expect((await partner.call(`POST ${balances}`, body, newKey())).status).toBe(409);
    expect((await partner.call(`POST ${balances}`, { ...body, type: 'SAVINGS' }, newKey())).status).toBe(400);
    await partner.openBalance('EUR', { type: 'SAVINGS', name: 'holiday' });
    await partner.openBalance('EUR', { type: 'SAVINGS', name: 'house' });
    expect((await partner.call(`GET ${balances}?types=SAVINGS`)).body).toMatchObject([
      { name: 'holiday' },
      { name: 'house' },
    ]);
    expect((await partner.call(`GET ${balances}?types=STANDARD,SAVINGS`)).body).toHaveLength(3);
    for (const query of ['', '?types=', '?types=OTHER', '?types=STANDARD&types=SAVINGS']) {
      expect((await partner.call(`GET ${balances}${query}`)).status).toBe(400);
    }
    const stranger = await aPartner(simulator, 'cli_2');
    expect((await stranger.call(`GET ${balances}?types=STANDARD`)).status).toBe(403);
  });

  it('[SIM-36] are closed when they are zero, and gone then', async () => {
    const { partner, balances } = await aStory();
    const id = await partner.openBalance('EUR');
    await partner.topUp(id, 'EUR', 1);
    expect((await partner.call(`DELETE ${balances}/${id}`)).status).toBe(409);
    const empty = await partner.openBalance('GBP');
    expect(await partner.call(`DELETE ${balances}/${empty}`)).toMatchObject({ status: 204, body: '' });
    expect((await partner.call(`GET ${balances}/${empty}`)).status).toBe(404);
    expect((await partner.call(`DELETE ${balances}/${empty}`)).status).toBe(404);
    expect((await partner.topUp(empty, 'GBP', 1)).status).toBe(404);
  });

  it('take money from outside in their own currency, up to what a JSON number tells apart', async () => {
    const { simulator, partner } = await aStory();
    const id = await partner.openBalance('BHD');
    const said = await partner.topUp(id, 'BHD', 12.345);
    expect(said).toMatchObject({ status: 200, body: { state: 'COMPLETED', balanceAfter: 12.345 } });
    expect((await partner.topUp(id, 'EUR', 1)).status).toBe(422);
    expect((await partner.topUp(id, 'BHD', 0.0001)).status).toBe(400);
    expect((await partner.topUp(id, 'BHD', -1)).status).toBe(400);
    const stranger = await aPartner(simulator, 'cli_2');
    expect((await stranger.topUp(id, 'BHD', 1)).status).toBe(404);
    let status = 200;
    for (let count = 0; status === 200 && count < 1_001; count += 1) {
      ({ status } = await partner.topUp(id, 'BHD', 1_000_000_000));
    }
    expect(status).toBe(422);
    expect(await partner.amountOf(id)).toBe(999_000_000_012.345);
  });
});

describe('balance movements', () => {
  it('[SIM-37] convert by a quote, once, at its price', async () => {
    const { simulator, partner, move } = await aStory();
    const pounds = await partner.openBalance('GBP');
    await partner.topUp(pounds, 'GBP', 250);
    const quoteId = await partner.quote({ payOut: 'BALANCE' });
    const noTarget = await move({ quoteId });
    expect(noTarget).toMatchObject({ status: 422, body: { errors: [{ code: 'balance.no-balance-for-currency' }] } });
    const euros = await partner.openBalance('EUR');
    const key = newKey();
    const said = await move({ quoteId }, key);
    expect(said).toMatchObject({
      status: 201,
      body: {
        type: 'CONVERSION',
        state: 'COMPLETED',
        rate: 1.18539592,
        feeAmounts: [{ value: 0.76, currency: 'GBP' }],
        balancesAfter: [
          { id: pounds, value: 150, currency: 'GBP' },
          { id: euros, value: 117.63, currency: 'EUR' },
        ],
      },
    });
    expect(await move({ quoteId }, key)).toEqual(said);
    expect((await move({ quoteId })).status).toBe(422);
    expect([await partner.amountOf(pounds), await partner.amountOf(euros)]).toEqual([150, 117.63]);
    const other = await aPartner(simulator, 'cli_1', businessProfile);
    expect((await move({ quoteId: await other.quote({ payOut: 'BALANCE' }) })).status).toBe(404);
    const tooMuch = await move({ quoteId: await partner.quote({ payOut: 'BALANCE', sourceAmount: 150.01 }) });
    expect(tooMuch).toMatchObject({ status: 422, body: { errors: [{ code: 'balance.insufficient-funds' }] } });
    expect((await move({ quoteId: await partner.quote({ sourceAmount: 1 }) })).status).toBe(422);
  });

  it('[SIM-38] move between balances of one profile and currency, not more than there is', async () => {
    const { simulator, partner, move } = await aStory();
    const [from, to] = [
      await partner.openBalance('EUR'),
      await partner.openBalance('EUR', { type: 'SAVINGS', name: 'jar' }),
    ];
    const other = await aPartner(simulator, 'cli_1', businessProfile);
    const elsewhere = await other.openBalance('EUR');
    await partner.topUp(from, 'EUR', 10);
    const wish = { sourceBalanceId: from, targetBalanceId: to, amount: { value: 4, currency: 'EUR' } };
    expect(await move(wish)).toMatchObject({
      status: 201,
      body: { balancesAfter: [{ value: 6 }, { value: 4 }], rate: null },
    });
    const refused: readonly (readonly [object, number])[] = [
      [{ amount: { value: 6.01, currency: 'EUR' } }, 422],
      [{ amount: { value: 0, currency: 'EUR' } }, 400],
      [{ amount: { value: 1, currency: 'GBP' } }, 422],
      [{ targetBalanceId: from }, 422],
      [{ targetBalanceId: elsewhere }, 404],
      [{ sourceBalanceId: elsewhere }, 404],
      [{ amount: null }, 422],
      [{ quoteId: '00000000-0000-4000-8000-000000000001' }, 422],
    ];
    for (const [change, status] of refused) expect((await move({ ...wish, ...change })).status).toBe(status);
    expect((await partner.call(`POST /v2/profiles/${partner.profileId}/balance-movements`, wish)).status).toBe(400);
    expect(await partner.amountOf(from)).toBe(6);
    // What was refused may be tried again under its key.
    const key = newKey();
    const more = { ...wish, amount: { value: 7, currency: 'EUR' } };
    expect((await move(more, key)).status).toBe(422);
    await partner.topUp(from, 'EUR', 1);
    expect((await move(more, key)).status).toBe(201);
  });
});
