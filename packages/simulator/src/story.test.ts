// The embedded model over real HTTP, as a client does it: from nothing to a statement.

import { describe, expect, it, onTestFinished } from 'vitest';
import { createSimulator } from './create-simulator.js';
import { aPartner, personalProfile } from './partner-for-tests.js';
import { aGateway, issuer, type TestSimulator } from './simulator-for-tests.js';

async function overHttp(): Promise<Pick<TestSimulator, 'call'>> {
  const { keys, assertionFor } = await aGateway();
  const simulator = await createSimulator({ environment: 'sandbox', issuer, keys });
  onTestFinished(() => simulator.close());
  const base = await simulator.listen(0);
  return {
    call: async (clientId, call, body, headers = {}) => {
      const [method = '', path = ''] = call.split(' ', 2);
      const answer = await fetch(base + path, {
        method,
        headers: {
          'tollward-assertion': await assertionFor(clientId),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      const isJson = answer.headers.get('content-type')?.startsWith('application/json');
      const refusal = answer.headers.get('tollward-refusal') ?? undefined;
      return { status: answer.status, body: isJson ? JSON.parse(text) : text, refusal };
    },
  };
}

describe('the embedded model', () => {
  it('[SIM-01] takes a client from a new profile to a statement that shows what was sent', async () => {
    const partner = await aPartner(await overHttp(), 'cli_1');
    const { profileId } = partner;
    const balanceId = await partner.openBalance('GBP');
    await partner.topUp(balanceId, 'GBP', 250);
    const quoteUuid = await partner.quote({ sourceAmount: 100.55 });
    const transferId = await partner.transfer({ quoteUuid });
    const funded = await partner.fund(transferId);
    expect(funded).toMatchObject({ status: 201, body: { type: 'BALANCE', status: 'COMPLETED' } });
    const sent = await partner.call(`GET /v1/simulation/transfers/${transferId}/outgoing_payment_sent`);
    expect(sent).toMatchObject({ status: 200, body: { status: 'outgoing_payment_sent', sourceValue: 100.55 } });

    const query = `currency=GBP&intervalStart=2020-01-01T00:00:00Z&intervalEnd=2020-01-02T00:00:00Z`;
    const path = `/v1/profiles/${profileId}/balance-statements/${balanceId}/statement.json`;
    expect(await partner.call(`GET ${path}?${query}`)).toMatchObject({ status: 200, body: { transactions: [] } });
    const [start, end] = [new Date(Date.now() - 60_000).toISOString(), new Date(Date.now() + 60_000).toISOString()];
    const statement = await partner.call(`GET ${path}?currency=GBP&intervalStart=${start}&intervalEnd=${end}`);
    expect(statement).toMatchObject({
      status: 200,
      body: {
        accountHolder: { type: 'PERSONAL', firstName: personalProfile.firstName },
        transactions: [
          {
            type: 'DEBIT',
            amount: { value: -100.55, currency: 'GBP' },
            runningBalance: { value: 149.45, currency: 'GBP' },
            referenceNumber: `TRANSFER-${transferId}`,
          },
          { type: 'CREDIT', amount: { value: 250, currency: 'GBP' }, runningBalance: { value: 250, currency: 'GBP' } },
        ],
        endOfStatementBalance: { value: 149.45, currency: 'GBP' },
      },
    });
  });

  it('[SIM-02] debits once, however many fundings arrive at the same time', async () => {
    const partner = await aPartner(await overHttp(), 'cli_1');
    const balanceId = await partner.openBalance('GBP');
    await partner.topUp(balanceId, 'GBP', 1_000);
    const transferId = await partner.transfer();
    const answers = await Promise.all(Array.from({ length: 40 }, () => partner.fund(transferId)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    const others = answers.filter(({ status }) => status !== 201);
    for (const answer of others) expect(answer).toMatchObject({ status: 409, body: 'payment.exists' });
    expect(await partner.amountOf(balanceId)).toBe(900);
  });
});
