// The story of sending money, told by an embedded-model client through the gateway to the simulator: every call as it is
// described, under its legacy path and its calendar path.

import { randomUUID } from 'node:crypto';
import { aClient, aToken, type Call, call, startTestServer, type TestClient } from '@tollward/server/testing';
import { createSimulator } from '@tollward/simulator';
import { afterAll, expect, test } from 'vitest';
import { callDescribed, fetchDescription } from './support/description.js';

let upstream: string | undefined;
const server = await startTestServer({ upstreamUrl: () => upstream });
const simulator = await createSimulator({
  environment: 'sandbox',
  issuer: server.urlOf('sandbox', 'api'),
  keys: JSON.parse((await call(server, { path: '/.well-known/jwks.json' })).text),
  clock: () => server.time.now,
});
upstream = await simulator.listen(0);
afterAll(async () => {
  await server.stop();
  await simulator.close();
});

const description = await fetchDescription(server, 'sandbox');
const called = new Set<string>();

type Body = Readonly<Record<string, unknown>>;
type Send = (method: string, path: string, body?: Body, more?: Partial<Call>) => ReturnType<typeof callDescribed>;

/** Calls of `client` with a token; the path is bent by `pathOf`. */
async function sender(client: TestClient, pathOf = (path: string) => path): Promise<Send> {
  const authorization = `Bearer ${await aToken(server, client)}`;
  return (method, legacyPath, body, more = {}) => {
    const path = pathOf(legacyPath);
    // Limits are counted by it.
    server.time.now += 1_000;
    called.add(description.callOf(method, path) ?? `${method} ${path}`);
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const headers = { authorization, ...(body && { 'content-type': type }), ...more.headers };
    const { identity } = client;
    const sent = body && { body: JSON.stringify(body) };
    return callDescribed(server, description, { method, path, identity, ...sent, ...more, headers });
  };
}

/** What was answered, once it was as it should be; with the id of what was made. */
async function done(status: number, sent: ReturnType<Send>): Promise<Body & { readonly id: string | number }> {
  const answer = await sent;
  expect(answer.problems).toEqual([]);
  expect([answer.status, answer.code, answer.text]).toEqual([status, undefined, answer.text]);
  const { id } = answer.json;
  return { ...answer.json, id: typeof id === 'string' || typeof id === 'number' ? id : '' };
}

const address = { addressFirstLine: 'Test 1', city: 'Tallinn', countryIso3Code: 'est', postCode: '10111' };
const person = {
  firstName: 'Example',
  lastName: 'Person',
  dateOfBirth: '1990-02-03',
  address,
  contactDetails: { email: 'person@example.com', phoneNumber: '+3725550100' },
};
const company = {
  businessName: 'Example OU',
  registrationNumber: '12345678',
  companyType: 'LIMITED',
  companyRole: 'OWNER',
  address,
  industryCategories: ['Trade'],
};
const idempotent = () => ({ headers: { 'x-idempotence-uuid': randomUUID() } });

async function tellStory(send: Send, isLegacy: boolean): Promise<void> {
  const profile = await done(200, send('POST', '/v2/profiles/personal-profile', person, idempotent()));
  await done(200, send('POST', '/v3/profiles/business-profile', company, idempotent()));
  await done(200, send('GET', '/v2/profiles'));
  await done(200, send('GET', `/v2/profiles/${profile.id}`));
  if (isLegacy) await done(200, send('GET', '/v1/profiles'));
  const own = `profiles/${profile.id}`;

  const wish = { sourceCurrency: 'EUR', targetCurrency: 'GBP', sourceAmount: 100 };
  await done(200, send('POST', '/v3/quotes', wish));
  const quote = await done(200, send('POST', `/v3/${own}/quotes`, wish));
  await done(200, send('GET', `/v3/${own}/quotes/${quote.id}`));
  await done(200, send('GET', `/v1/quotes/${quote.id}/account-requirements`));

  const recipient = await done(
    200,
    send('POST', '/v1/accounts', {
      currency: 'GBP',
      type: 'sort_code',
      profile: profile.id,
      accountHolderName: 'Somebody Else',
      details: { legalType: 'PRIVATE', sortCode: '231470', accountNumber: '28821822' },
    }),
  );
  const filled = { currency: 'GBP', type: 'sort_code', accountHolderName: 'Somebody', details: {} };
  await done(200, send('POST', `/v1/quotes/${quote.id}/account-requirements`, filled));
  await done(200, send('GET', `/v2/accounts?profileId=${profile.id}&currency=GBP&size=5`));
  await done(200, send('GET', `/v2/accounts?profile=${profile.id}`));
  await done(200, send('GET', '/v2/accounts'));
  await done(200, send('GET', `/v2/accounts/${recipient.id}`));
  if (isLegacy) await done(200, send('GET', `/v1/accounts/${recipient.id}`));
  await done(200, send('PATCH', `/v3/${own}/quotes/${quote.id}`, { targetAccount: recipient.id }));

  const order = {
    targetAccount: recipient.id,
    quoteUuid: quote.id,
    customerTransactionId: randomUUID(),
    details: { reference: 'invoice 1' },
  };
  await done(200, send('POST', '/v1/transfer-requirements', order));
  const transfer = await done(200, send('POST', '/v1/transfers', order));
  await done(200, send('GET', `/v1/transfers?profile=${profile.id}&status=processing,incoming_payment_waiting`));
  await done(200, send('GET', '/v1/transfers'));
  await done(200, send('GET', `/v1/transfers/${transfer.id}`));
  const payments = `/v3/${own}/transfers/${transfer.id}/payments`;
  expect(await done(201, send('POST', payments, { type: 'BALANCE' }))).toMatchObject({ status: 'REJECTED' });

  const balances = `/v4/${own}/balances`;
  const euro = await done(201, send('POST', balances, { currency: 'EUR', type: 'STANDARD' }, idempotent()));
  const topUp = { profileId: profile.id, balanceId: euro.id, currency: 'EUR', amount: 500 };
  await done(200, send('POST', '/v1/simulation/balance/topup', topUp));
  expect(await done(201, send('POST', payments, { type: 'BALANCE', balanceId: euro.id }))).toMatchObject({
    status: 'COMPLETED',
  });
  await done(200, send('GET', `/v1/simulation/transfers/${transfer.id}/outgoing_payment_sent`));

  const savings = await done(
    201,
    send('POST', balances, { currency: 'EUR', type: 'SAVINGS', name: 'Later' }, idempotent()),
  );
  const moved = { sourceBalanceId: euro.id, targetBalanceId: savings.id, amount: { value: 10, currency: 'EUR' } };
  await done(201, send('POST', `/v2/${own}/balance-movements`, moved, idempotent()));
  const pound = await done(201, send('POST', balances, { currency: 'GBP', type: 'STANDARD' }, idempotent()));
  const swap = await done(200, send('POST', `/v3/${own}/quotes`, { ...wish, sourceAmount: 50, payOut: 'BALANCE' }));
  await done(201, send('POST', `/v2/${own}/balance-movements`, { quoteId: swap.id }, idempotent()));
  await done(200, send('GET', `${balances}?types=STANDARD,SAVINGS`));
  await done(200, send('GET', `${balances}/${pound.id}`));
  const empty = await done(201, send('POST', balances, { currency: 'USD', type: 'STANDARD' }, idempotent()));
  await done(204, send('DELETE', `${balances}/${empty.id}`));

  const from = new Date(server.time.now - 3_600_000).toISOString();
  const until = new Date(server.time.now + 3_600_000).toISOString();
  const period = `currency=EUR&intervalStart=${from}&intervalEnd=${until}`;
  const statement = `/v1/${own}/balance-statements/${euro.id}/statement`;
  await done(200, send('GET', `${statement}.json?${period}&type=COMPACT`));
  await done(200, send('GET', `${statement}.json?${period}&type=FLAT`));
  await done(200, send('GET', `${statement}.csv?${period}`));
  await done(200, send('GET', '/v1/rates?source=EUR&target=GBP'));
  await done(200, send('GET', '/v1/currencies'));

  const other = await done(200, send('POST', `/v3/${own}/quotes`, { ...wish, targetAccount: recipient.id }));
  const unwanted = { ...order, quoteUuid: other.id, customerTransactionId: randomUUID() };
  const cancelled = await done(200, send('POST', '/v1/transfers', unwanted));
  await done(200, send('PUT', `/v1/transfers/${cancelled.id}/cancel`));
  await done(200, send('DELETE', `/v2/accounts/${recipient.id}`));
}

const embedded = await aClient(server, { policy: { embeddedModel: true, scaOff: true } });

test('[OAS-06] the story of sending money is as described, under legacy paths', async () => {
  await tellStory(await sender(embedded), true);
});

test('[OAS-06] the story of sending money is as described, under calendar paths', async () => {
  await tellStory(await sender(embedded, (path) => path.replace(/^\/v\d+\//, '/2026Q3/')), false);
});

test('[OAS-07] what the gateway and the upstream refuse is described for the call', async () => {
  const send = await sender(embedded);
  const strict = await sender(await aClient(server, { policy: { embeddedModel: true } }));
  const plain = await sender(await aClient(server));
  const mine = (await done(200, send('POST', '/v2/profiles/personal-profile', person, idempotent()))).id;
  const theirs = (await done(200, strict('POST', '/v2/profiles/personal-profile', person))).id;
  const wish = { sourceCurrency: 'EUR', targetCurrency: 'GBP', sourceAmount: 100 };
  const quotes = `/v3/profiles/${mine}/quotes`;
  const large = { ...wish, payOut: 'x'.repeat(2 ** 20) };

  const refused: [number, string | undefined, ReturnType<Send>][] = [
    [403, 'embedded_model_off', plain('GET', '/v2/profiles')],
    [403, 'token_kind_not_allowed', send('POST', '/v1/simulation/verify-profile', { profileId: mine })],
    [403, 'token_kind_not_allowed', send('POST', '/2026Q3/simulation/verify-profile', { profileId: mine })],
    [403, 'profile_not_accessible', send('GET', `/v2/profiles/${theirs}`)],
    [400, 'profile_malformed', send('GET', '/v2/profiles/x')],
    [400, 'profile_missing', send('GET', '/v1/transfers?profile=')],
    [400, 'parameter_repeated', send('GET', `/v1/transfers?profile=${mine}&profile=${mine}`)],
    [403, 'sca_not_available', strict('POST', `/v3/profiles/${theirs}/transfers/1/payments`, { type: 'BALANCE' })],
    [413, 'request_body_too_large', send('POST', quotes, large)],
    [401, 'token_missing', send('GET', '/v1/rates', undefined, { headers: { authorization: '' } })],
    [400, undefined, send('POST', quotes, { sourceCurrency: 'EUR' })],
    [400, undefined, send('POST', `/v4/profiles/${mine}/balances`, { currency: 'EUR', type: 'STANDARD' })],
    [409, undefined, send('POST', '/v2/profiles/personal-profile', person)],
    [415, undefined, send('POST', quotes, wish, { headers: { 'content-type': 'text/plain' } })],
    [404, undefined, send('GET', '/v1/transfers/1')],
    [404, undefined, send('POST', `/v3/profiles/${mine}/transfers/1/payments`, { type: 'BALANCE' })],
  ];
  for (const [status, code, sent] of refused) {
    const answer = await sent;
    expect([answer.status, answer.code, answer.problems]).toEqual([status, code, []]);
  }
});

test('[OAS-07] an upstream that is away is described', async () => {
  const before = upstream;
  upstream = 'http://127.0.0.1:1';
  const answer = await (await sender(embedded))('GET', '/v1/rates');
  upstream = before;
  expect([answer.status, answer.code, answer.problems]).toEqual([502, 'upstream_unreachable', []]);
});

test('every call that is forwarded was made above', () => {
  const isOwn = /\/oauth\/|\/\.well-known\/|\/openapi\.json|\/authenticated\/playground/;
  const forwarded = description.calls.filter((one) => !isOwn.test(one));
  expect([...called].filter((one) => !isOwn.test(one)).sort()).toEqual([...forwarded].sort());
});
