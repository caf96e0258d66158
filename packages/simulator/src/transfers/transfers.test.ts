import { describe, expect, it } from 'vitest';
import { aPartner, businessProfile, newKey } from '../partner-for-tests.js';
import { aSimulator } from '../simulator-for-tests.js';

async function aStory(topUp = 500) {
  const simulator = aSimulator();
  const partner = await aPartner(simulator, 'cli_1');
  const balanceId = await partner.openBalance('GBP');
  if (topUp > 0) await partner.topUp(balanceId, 'GBP', topUp);
  const stateOf = async (id: number) =>
    ((await partner.call(`GET /v1/transfers/${id}`)).body as { status: string }).status;
  const simulate = (id: number, state: string) => partner.call(`GET /v1/simulation/transfers/${id}/${state}`);
  const cancel = (id: number) => partner.call(`PUT /v1/transfers/${id}/cancel`);
  return { simulator, partner, balanceId, stateOf, simulate, cancel };
}

const uuid = () => newKey()['x-idempotence-uuid'] ?? '';

describe('creating a transfer', () => {
  it('[SIM-27] gives the same transfer for the same customerTransactionId, and refuses it for another one', async () => {
    const { partner } = await aStory();
    const wish = {
      quoteUuid: await partner.quote(),
      targetAccount: await partner.recipient(),
      customerTransactionId: uuid(),
      details: { reference: 'invoice 7' },
    };
    const first = await partner.call('POST /v1/transfers', wish);
    expect(first).toMatchObject({
      status: 200,
      body: {
        status: 'incoming_payment_waiting',
        reference: 'invoice 7',
        details: { reference: 'invoice 7' },
        sourceCurrency: 'GBP',
        sourceValue: 100,
        targetCurrency: 'EUR',
        targetValue: 117.63,
        rate: 1.18539592,
        quoteUuid: wish.quoteUuid,
        customerTransactionId: wish.customerTransactionId,
        hasActiveIssues: false,
      },
    });
    expect(await partner.call('POST /v1/transfers', wish)).toEqual(first);
    expect((await partner.call('GET /v1/transfers')).body).toHaveLength(1);
    const other = await partner.call('POST /v1/transfers', { ...wish, details: { reference: 'invoice 8' } });
    expect(other).toMatchObject({ status: 409, body: { errors: [{ path: 'customerTransactionId' }] } });
    // One quote is one transfer.
    const second = await partner.call('POST /v1/transfers', { ...wish, customerTransactionId: uuid() });
    expect(second).toMatchObject({ status: 422, body: { errors: [{ path: 'quoteUuid' }] } });
  });

  it('[SIM-27] leaves a customerTransactionId to each client by itself', async () => {
    const { simulator, partner } = await aStory();
    const stranger = await aPartner(simulator, 'cli_2');
    const customerTransactionId = uuid();
    const [own, foreign] = [
      await partner.transfer({ customerTransactionId }),
      await stranger.transfer({ customerTransactionId }),
    ];
    expect(foreign).not.toBe(own);
    expect((await stranger.call('GET /v1/transfers')).body).toMatchObject([{ id: foreign, customerTransactionId }]);
  });

  it('[SIM-28] needs a quote and a recipient that fit, of the same profile and client', async () => {
    const { simulator, partner } = await aStory();
    const other = await aPartner(simulator, 'cli_1', businessProfile);
    const stranger = await aPartner(simulator, 'cli_2');
    const [quoteUuid, targetAccount] = [await partner.quote(), await partner.recipient()];
    const create = (change: object) =>
      partner.call('POST /v1/transfers', { quoteUuid, targetAccount, customerTransactionId: uuid(), ...change });
    expect((await create({ quoteUuid: await stranger.quote() })).status).toBe(404);
    expect((await create({ targetAccount: await stranger.recipient() })).status).toBe(404);
    expect((await create({ targetAccount: await other.recipient() })).status).toBe(422);
    expect((await create({ quoteUuid: await partner.quote({ targetCurrency: 'USD' }) })).status).toBe(422);
    expect((await create({ quoteUuid: await partner.quote({ payOut: 'BALANCE' }) })).status).toBe(422);
    const forAnother = await partner.quote({ targetAccount: await partner.recipient() });
    expect((await create({ quoteUuid: forAnother })).status).toBe(422);
    expect((await create({ customerTransactionId: 'x' })).status).toBe(400);
    expect((await create({ targetAccount: String(targetAccount) })).status).toBe(400);
    expect((await create({})).status).toBe(200);
  });

  it('lists what was made, the latest first, by state, currency, time and page', async () => {
    const { simulator, partner, cancel } = await aStory();
    const ids: number[] = [];
    for (let count = 0; count < 3; count += 1) {
      ids.push(await partner.transfer());
      simulator.time.now += 86_400_000;
    }
    await cancel(ids[1] ?? 0);
    const list = async (query: string) =>
      ((await partner.call(`GET /v1/transfers?${query}`)).body as { id: number }[]).map(({ id }) => ids.indexOf(id));
    expect(await list('')).toEqual([2, 1, 0]);
    expect(await list(`profile=${partner.profileId}&limit=1&offset=1`)).toEqual([1]);
    expect(await list('status=cancelled,processing')).toEqual([1]);
    expect(await list('sourceCurrency=EUR')).toEqual([]);
    expect(await list('createdDateStart=2026-11-23&createdDateEnd=2026-11-23T23:59:59Z')).toEqual([1]);
    expect((await partner.call('GET /v1/transfers?limit=101')).status).toBe(400);
    expect((await partner.call('GET /v1/transfers?createdDateStart=soon')).status).toBe(400);
    const stranger = await aPartner(simulator, 'cli_2');
    expect((await stranger.call('GET /v1/transfers')).body).toEqual([]);
    const [foreign, absent] = [
      await stranger.call(`GET /v1/transfers/${ids[0]}`),
      await stranger.call('GET /v1/transfers/1'),
    ];
    expect(foreign.status).toBe(404);
    expect(JSON.stringify(foreign.body).replaceAll(String(ids[0]), '1')).toBe(JSON.stringify(absent.body));
  });

  it('shows the form of a transfer that could be made', async () => {
    const { partner } = await aStory();
    const wish = { quoteUuid: await partner.quote(), targetAccount: await partner.recipient() };
    const said = await partner.call('POST /v1/transfer-requirements', wish);
    expect(said).toMatchObject({
      status: 200,
      body: [{ type: 'transfer', fields: [{ group: [{ key: 'reference' }] }] }],
    });
  });
});

describe('funding', () => {
  it('[SIM-29] is rejected for lack of money, and goes through once there is enough', async () => {
    const { partner, balanceId, stateOf } = await aStory(99.99);
    const id = await partner.transfer();
    const rejected = { type: 'BALANCE', status: 'REJECTED', errorCode: 'balance.insufficient-funds' };
    expect(await partner.fund(id)).toMatchObject({ status: 201, body: rejected });
    expect(await stateOf(id)).toBe('incoming_payment_waiting');
    await partner.topUp(balanceId, 'GBP', 0.01);
    const said = await partner.fund(id);
    expect(said).toMatchObject({ status: 201, body: { type: 'BALANCE', status: 'COMPLETED' } });
    expect(said.body).toHaveProperty('balanceTransactionId', expect.any(Number));
    expect(await partner.amountOf(balanceId)).toBe(0);
    expect(await stateOf(id)).toBe('processing');
    expect(await partner.fund(id)).toMatchObject({ status: 409, body: 'payment.exists' });
    expect(await partner.amountOf(balanceId)).toBe(0);
  });

  it('[SIM-30] refuses in plain text with one code for each reason', async () => {
    const { simulator, partner, simulate, cancel, balanceId } = await aStory();
    const [id, paidByBank, cancelled] = [await partner.transfer(), await partner.transfer(), await partner.transfer()];
    await simulate(paidByBank, 'processing');
    await cancel(cancelled);
    const other = await aPartner(simulator, 'cli_1', businessProfile);
    const stranger = await aPartner(simulator, 'cli_2');
    const euros = await partner.openBalance('EUR');
    const jar = await partner.openBalance('GBP', { type: 'SAVINGS', name: 'jar' });
    const closed = await partner.openBalance('JPY');
    await partner.call(`DELETE /v4/profiles/${partner.profileId}/balances/${closed}`);
    const foreignTransfer = await stranger.transfer();
    const balance = (of: number) => ({ type: 'BALANCE', balanceId: of });
    const refusals = [
      [partner.fund(1), 404, 'transfer.not-found'],
      [partner.fund(foreignTransfer), 404, 'transfer.not-found'],
      [other.fund(id), 404, 'transfer.not-found'],
      [
        partner.call(`POST /v3/profiles/${stranger.profileId}/transfers/${id}/payments`, balance(1)),
        403,
        'transfer.not-accessible-for-user',
      ],
      [partner.fund(paidByBank), 409, 'payment.exists'],
      [partner.fund(cancelled), 409, 'transfer.invalid-state'],
      [partner.fund(id, balance(1)), 404, 'balance.account-not-found'],
      [partner.fund(id, balance(euros)), 422, 'balance.currency-unsupported'],
      [partner.fund(id, balance(jar)), 422, 'balance.payment-option-unavailable'],
      [partner.fund(id, balance(closed)), 422, 'balance.account-inactive'],
      [
        partner.fund(id, { type: 'TRUSTED_PRE_FUND_BULK', partnerReference: 'x' }),
        422,
        'trustedprefundbulk.payment-option-unavailable',
      ],
      [partner.fund(id, { type: 'TRUSTED_PRE_FUND_TX' }), 422, 'trustedprefundtx.payment-option-unavailable'],
      [partner.fund(id, { type: 'CASH' }), 400, 'invalid.request'],
      [partner.fund(id, []), 400, 'invalid.request'],
    ] as const;
    for (const [said, status, body] of refusals) {
      expect(await said).toMatchObject({ status, body, refusal: expect.stringMatching(/\w/) });
    }
    const noBalance = await aPartner(simulator, 'cli_3');
    expect(await noBalance.fund(await noBalance.transfer())).toMatchObject({
      status: 201,
      body: { status: 'REJECTED', errorCode: 'balance.no-balance-for-currency' },
    });
    expect(await partner.amountOf(balanceId)).toBe(500);
    expect(await partner.fund(id, balance(balanceId))).toMatchObject({ body: { status: 'COMPLETED' } });
  });
});

describe('the course of a transfer', () => {
  it('[SIM-31] goes forward by simulation, through the states between, and nowhere else', async () => {
    const { partner, balanceId, simulate, stateOf } = await aStory();
    const id = await partner.transfer();
    for (const state of ['funds_converted', 'outgoing_payment_sent', 'bounced_back', 'funds_refunded', 'cancelled']) {
      expect(await simulate(id, state)).toMatchObject({
        status: 409,
        body: { errors: [{ code: 'transfer.simulation.not.allowed' }] },
      });
    }
    await partner.fund(id);
    expect(await simulate(id, 'processing')).toMatchObject({ status: 200, body: { status: 'processing' } });
    expect(await simulate(id, 'outgoing_payment_sent')).toMatchObject({ status: 200 });
    for (const state of ['incoming_payment_waiting', 'processing', 'funds_converted', 'cancelled']) {
      expect((await simulate(id, state)).status).toBe(409);
    }
    expect((await simulate(id, 'no_such_state')).status).toBe(404);
    await simulate(id, 'bounced_back');
    expect(await partner.amountOf(balanceId)).toBe(400);
    await simulate(id, 'funds_refunded');
    expect(await partner.amountOf(balanceId)).toBe(500);
    expect(await stateOf(id)).toBe('funds_refunded');
    expect((await simulate(id, 'funds_refunded')).status).toBe(200);
    expect(await partner.amountOf(balanceId)).toBe(500);
  });

  it('[SIM-32] is cancelled until the money is converted, and what was paid goes back at once', async () => {
    const { partner, balanceId, simulate, cancel } = await aStory();
    const unpaid = await partner.transfer();
    expect(await cancel(unpaid)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    expect(await cancel(unpaid)).toMatchObject({ status: 200, body: { status: 'cancelled' } });

    const paid = await partner.transfer();
    await partner.fund(paid);
    expect(await partner.amountOf(balanceId)).toBe(400);
    expect(await cancel(paid)).toMatchObject({ status: 200, body: { status: 'funds_refunded' } });
    expect((await cancel(paid)).status).toBe(200);
    expect(await partner.amountOf(balanceId)).toBe(500);

    const converted = await partner.transfer();
    await partner.fund(converted);
    for (const state of ['funds_converted', 'outgoing_payment_sent', 'bounced_back', 'funds_refunded']) {
      await simulate(converted, state);
      expect(await cancel(converted)).toMatchObject({
        status: 409,
        body: { errors: [{ code: 'transfer.cancellation.not.allowed' }] },
      });
    }
    expect((await cancel(1)).status).toBe(404);
  });

  it('[SIM-33] ends by itself after 14 days without money', async () => {
    const { simulator, partner, stateOf, cancel, simulate } = await aStory();
    const id = await partner.transfer();
    simulator.time.now += 14 * 86_400_000 - 1;
    expect(await stateOf(id)).toBe('incoming_payment_waiting');
    simulator.time.now += 1;
    expect(await stateOf(id)).toBe('cancelled');
    expect(await partner.fund(id)).toMatchObject({ status: 409, body: 'transfer.invalid-state' });
    expect((await simulate(id, 'processing')).status).toBe(409);
    expect(await cancel(id)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    expect((await partner.call('GET /v1/transfers?status=cancelled')).body).toHaveLength(1);
  });

  it('[SIM-34] brings money back to a balance that was closed meanwhile: to its successor, else by opening it again', async () => {
    const { partner, balanceId, cancel } = await aStory(100);
    const close = () => partner.call(`DELETE /v4/profiles/${partner.profileId}/balances/${balanceId}`);
    const first = await partner.transfer();
    await partner.fund(first);
    expect((await close()).status).toBe(204);
    await cancel(first);
    expect(await partner.amountOf(balanceId)).toBe(100);

    const second = await partner.transfer();
    await partner.fund(second);
    await close();
    const successor = await partner.openBalance('GBP');
    await cancel(second);
    expect(await partner.amountOf(successor)).toBe(100);
  });
});
