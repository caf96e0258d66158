import { describe, expect, it } from 'vitest';
import { aPartner, type Partner } from '../partner-for-tests.js';
import { aSimulator } from '../simulator-for-tests.js';

const dayMs = 86_400_000;

/** Day by day: 500 come in, 100 are sent, 100 converted, a transfer is cancelled. */
async function aStory() {
  const simulator = aSimulator();
  const partner = await aPartner(simulator, 'cli_1');
  const balanceId = await partner.openBalance('GBP');
  const euros = await partner.openBalance('EUR');
  const start = simulator.time.now;
  await partner.topUp(balanceId, 'GBP', 500);
  simulator.time.now += dayMs;
  const targetAccount = await partner.recipient({ accountHolderName: 'Bea "B", Receiver' });
  const sent = await partner.transfer({ targetAccount, details: { reference: 'rent, May' } });
  await partner.fund(sent);
  simulator.time.now += dayMs;
  const quoteId = await partner.quote({ payOut: 'BALANCE' });
  await partner.call(`POST /v2/profiles/${partner.profileId}/balance-movements`, { quoteId }, partner.key());
  simulator.time.now += dayMs;
  const refunded = await partner.transfer();
  await partner.fund(refunded);
  await partner.call(`PUT /v1/transfers/${refunded}/cancel`);
  return { simulator, partner, balanceId, euros, start, end: simulator.time.now, sent, refunded };
}

function ask(partner: Partner, balanceId: number, start: number, end: number, more = 'currency=GBP', kind = 'json') {
  const path = `/v1/profiles/${partner.profileId}/balance-statements/${balanceId}/statement.${kind}`;
  const interval = `intervalStart=${new Date(start).toISOString()}&intervalEnd=${new Date(end).toISOString()}`;
  return partner.call(`GET ${path}?${interval}&${more}`);
}

interface Line {
  amount: { value: number };
  totalFees: { value: number };
  runningBalance: { value: number };
  referenceNumber: string;
  details: { type: string };
}

const linesOf = ({ body }: { body: unknown }) =>
  (body as { transactions: Line[] }).transactions.map(({ amount, totalFees, runningBalance, referenceNumber }) => [
    referenceNumber.split('-')[0],
    amount.value,
    totalFees.value,
    runningBalance.value,
  ]);

describe('the statement', () => {
  it('[SIM-39] has a line for each thing that happened, the latest first, with what was there after it', async () => {
    const { partner, balanceId, euros, start, end, sent } = await aStory();
    const said = await ask(partner, balanceId, start, end);
    expect(linesOf(said)).toEqual([
      ['TRANSFER', 100, 0, 300],
      ['TRANSFER', -100, 0.76, 200],
      ['CONVERSION', -100, 0.76, 300],
      ['TRANSFER', -100, 0.76, 400],
      ['DEPOSIT', 500, 0, 500],
    ]);
    expect(said.body).toMatchObject({
      accountHolder: { type: 'PERSONAL', address: { city: 'London', countryName: 'United Kingdom' } },
      bankDetails: null,
      endOfStatementBalance: { value: 300, currency: 'GBP' },
      query: { currency: 'GBP', accountId: balanceId, type: 'COMPACT' },
    });
    const line = (said.body as { transactions: object[] }).transactions[3];
    expect(line).toEqual({
      type: 'DEBIT',
      date: new Date(start + dayMs).toISOString(),
      amount: { value: -100, currency: 'GBP' },
      totalFees: { value: 0.76, currency: 'GBP' },
      details: {
        type: 'TRANSFER',
        description: 'Sent money to Bea "B", Receiver',
        recipient: { name: 'Bea "B", Receiver' },
        paymentReference: 'rent, May',
      },
      exchangeDetails: {
        fromAmount: { value: 99.24, currency: 'GBP' },
        toAmount: { value: 117.63, currency: 'EUR' },
        rate: 1.18539592,
      },
      runningBalance: { value: 400, currency: 'GBP' },
      referenceNumber: `TRANSFER-${sent}`,
    });
    expect(linesOf(await ask(partner, euros, start, end, 'currency=EUR'))).toEqual([['CONVERSION', 117.63, 0, 117.63]]);
  });

  it('[SIM-40] has fees as lines of their own when it is flat', async () => {
    const { partner, balanceId, start, end } = await aStory();
    expect(linesOf(await ask(partner, balanceId, start, end, 'currency=GBP&type=FLAT'))).toEqual([
      ['TRANSFER', 100, 0, 300],
      ['TRANSFER', -0.76, 0, 200],
      ['TRANSFER', -99.24, 0, 200.76],
      ['CONVERSION', -0.76, 0, 300],
      ['CONVERSION', -99.24, 0, 300.76],
      ['TRANSFER', -0.76, 0, 400],
      ['TRANSFER', -99.24, 0, 400.76],
      ['DEPOSIT', 500, 0, 500],
    ]);
  });

  it('[SIM-41] is about its interval, both ends included, at most 469 days', async () => {
    const { partner, balanceId, start } = await aStory();
    const second = await ask(partner, balanceId, start + dayMs, start + 2 * dayMs);
    expect(linesOf(second).map(([, , , running]) => running)).toEqual([300, 400]);
    expect(second.body).toMatchObject({ endOfStatementBalance: { value: 300 } });
    const before = await ask(partner, balanceId, start - dayMs, start - 1);
    expect(before.body).toMatchObject({ transactions: [], endOfStatementBalance: { value: 0 } });
    expect((await ask(partner, balanceId, start, start + 469 * dayMs)).status).toBe(200);
    expect((await ask(partner, balanceId, start, start + 469 * dayMs + 1)).status).toBe(400);
    expect((await ask(partner, balanceId, start, start - 1)).status).toBe(400);
    expect((await ask(partner, balanceId, start, start, 'currency=EUR')).status).toBe(400);
    expect((await ask(partner, balanceId, start, start, '')).status).toBe(400);
    const path = `/v1/profiles/${partner.profileId}/balance-statements/${balanceId}/statement.json`;
    const local = 'currency=GBP&intervalStart=2026-01-01T00:00:00&intervalEnd=2026-01-02T00:00:00';
    expect((await partner.call(`GET ${path}?${local}`)).status).toBe(400);
    expect((await ask(partner, 1, start, start)).status).toBe(404);
  });

  it('goes forward in time although a clock is set back', async () => {
    const { partner, balanceId, start, end, simulator } = await aStory();
    simulator.time.now = start;
    await partner.topUp(balanceId, 'GBP', 1);
    const said = await ask(partner, balanceId, start, end);
    const [last] = (said.body as { transactions: { date: string }[] }).transactions;
    expect(last?.date).toBe(new Date(end).toISOString());
    expect(linesOf(said)[0]).toEqual(['DEPOSIT', 1, 0, 301]);
  });

  it('[SIM-42] is a table too, with the same lines', async () => {
    const { partner, balanceId, start, end, sent, refunded } = await aStory();
    const said = await ask(partner, balanceId, start, end, 'currency=GBP', 'csv');
    const rows = String(said.body).split('\r\n');
    expect(rows[0]).toMatch(/^TransferWise ID,Date,Amount,Currency,Description,Payment Reference,Running Balance,/);
    expect(rows[1]).toBe(`TRANSFER-${refunded},25-11-2026,100.00,GBP,Refund of transfer ${refunded},,300.00,,,,,0.00`);
    expect(rows[4]).toBe(
      `TRANSFER-${sent},23-11-2026,-100.00,GBP,"Sent money to Bea ""B"", Receiver","rent, May",400.00,` +
        'GBP,EUR,1.18539592,"Bea ""B"", Receiver",0.76',
    );
    expect(rows).toHaveLength(7);
  });
});
