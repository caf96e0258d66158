// What strangers and broken programs send. Nothing but a fault is answered with 500, and nothing crashes.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aPartner, businessProfile, euroRecipient, newKey, personalProfile } from '../partner-for-tests.js';
import { aSimulator } from '../simulator-for-tests.js';

const create = 'POST /v2/profiles/personal-profile';

describe('the surface', () => {
  it('[SIM-43] gives every refusal a reason for the operator, in visible characters and at most 200 of them', async () => {
    const simulator = aSimulator();
    await aPartner(simulator, 'cli_1');
    const calls = [
      'GET /nowhere',
      'PATCH /v2/profiles',
      'GET /v2/profiles/1',
      'GET /v1/transfers/%00',
      'GET /v1/rates?source=%0d%0a',
    ];
    for (const call of calls) {
      const said = await simulator.call('cli_1', call);
      expect(said.status).toBeGreaterThanOrEqual(400);
      expect(said.status).toBeLessThan(500);
      expect(said.refusal).toMatch(/^[ -~]{1,200}$/);
    }
    const wrong = { firstName: 1, lastName: 1, dateOfBirth: 1, address: 1, contactDetails: 1 };
    const said = await simulator.call('cli_1', create, wrong);
    expect(said.refusal).toHaveLength(200);
  });

  const odd: readonly (readonly [string, string, string | undefined, number])[] = [
    ['no JSON', '{"a":', undefined, 400],
    ['nothing', '', undefined, 400],
    ['a number that is none', '{"firstName":NaN}', undefined, 400],
    ['a list', '[]', undefined, 400],
    ['null', 'null', undefined, 400],
    ['lists in lists', '['.repeat(500_000), undefined, 400],
    ['deep lists that end', `${'['.repeat(50_000)}${']'.repeat(50_000)}`, undefined, 400],
    ['more than a mebibyte', `"${'x'.repeat(1024 * 1024)}"`, undefined, 413],
    ['a form', 'a=b', 'application/x-www-form-urlencoded', 415],
    ['plain text', '{}', 'text/plain', 415],
    ['a type that is none', '{}', 'application/json; charset=utf-8, x', 400],
    ['a prototype', '{"__proto__":{"firstName":"x"},"constructor":{"prototype":{"lastName":"x"}}}', undefined, 400],
  ];
  for (const [what, body, type, status] of odd) {
    it(`[SIM-44] answers ${status} to ${what}`, async () => {
      const headers = { 'content-type': type ?? 'application/json' };
      expect((await aSimulator().call('cli_1', create, body, headers)).status).toBe(status);
    });
  }

  it('[SIM-44] takes no text that is no UTF-8', async () => {
    const profile = Buffer.from(JSON.stringify({ ...personalProfile, firstName: 'Zo\u00eb' }));
    const headers = { 'content-type': 'application/json' };
    expect((await aSimulator().call('cli_1', create, profile, headers)).status).toBe(200);
    const cut = profile.filter((byte) => byte !== 0xab);
    expect((await aSimulator().call('cli_1', create, cut, headers)).status).toBe(400);
  });

  it('[SIM-44] lets nothing through that was put where it does not belong', async () => {
    const simulator = aSimulator();
    const partner = await aPartner(simulator, 'cli_1');
    const { profileId } = partner;
    const balanceId = await partner.openBalance('GBP');
    await partner.topUp(balanceId, 'GBP', 1_000);
    const [quoteUuid, targetAccount] = [await partner.quote(), await partner.recipient()];
    const good: readonly (readonly [string, object])[] = [
      [create, personalProfile],
      ['POST /v3/profiles/business-profile', businessProfile],
      ['POST /v3/quotes', { sourceCurrency: 'GBP', targetCurrency: 'EUR', sourceAmount: 5 }],
      [
        `POST /v3/profiles/${profileId}/quotes`,
        { sourceCurrency: 'GBP', targetCurrency: 'EUR', targetAmount: 5, targetAccount },
      ],
      ['POST /v1/accounts', { ...euroRecipient, profile: profileId }],
      [
        'POST /v1/transfers',
        { quoteUuid, targetAccount, customerTransactionId: quoteUuid, details: { reference: 'x' } },
      ],
      [`POST /v4/profiles/${profileId}/balances`, { currency: 'EUR', type: 'SAVINGS', name: 'x' }],
      [
        `POST /v2/profiles/${profileId}/balance-movements`,
        { sourceBalanceId: balanceId, targetBalanceId: balanceId, amount: { value: 1, currency: 'GBP' } },
      ],
      ['POST /v1/simulation/balance/topup', { profileId, balanceId, currency: 'GBP', amount: 1 }],
      [`POST /v3/profiles/${profileId}/transfers/${targetAccount}/payments`, { type: 'BALANCE', balanceId }],
    ];
    const change = fc.constantFrom(...good).chain(([call, body]) =>
      fc.record({
        call: fc.constant(call),
        body: fc.constant(body),
        member: fc.constantFrom(...Object.keys(body)),
        value: fc.oneof(
          fc.jsonValue(),
          fc.double(),
          fc.bigInt().map(Number),
          fc.string({ unit: 'binary' }),
          fc.constantFrom('__proto__', 'constructor', '1', -1, 1e308, 2 ** 53, [], {}, null),
        ),
      }),
    );
    await fc.assert(
      fc.asyncProperty(change, async ({ call, body, member, value }) => {
        const { status } = await partner.call(call, { ...body, [member]: value }, newKey());
        expect([200, 201, 400, 403, 404, 409, 422]).toContain(status);
      }),
      { numRuns: 150 },
    );
  });

  it('[SIM-44] finds nothing under an id that is none', async () => {
    const partner = await aPartner(aSimulator(), 'cli_1');
    const ids = ['0', '-1', '01', '1.0', '1e3', '9007199254740993', '99999999999999999', '%2e%2e', 'x', '٣', 'NaN'];
    for (const id of ids) {
      for (const path of ['/v1/transfers/{}', '/v2/accounts/{}', '/v4/profiles/{}/balances?types=STANDARD']) {
        expect((await partner.call(`GET ${path.replace('{}', encodeURI(id))}`)).status).toBe(404);
      }
    }
  });

  it('[SIM-45] knows the simulation in the sandbox only', async () => {
    const body = { profileId: 1, balanceId: 1, currency: 'GBP', amount: 1 };
    const call = 'POST /v1/simulation/balance/topup';
    const production = await aSimulator({ environment: 'production' }).call('cli_1', call, body);
    expect([production.status, production.refusal]).toEqual([404, 'there is no such method and path']);
    expect((await aSimulator().call('cli_1', call, body)).status).toBe(403);
  });

  it('[SIM-46] tells everybody what is the same for everybody', async () => {
    const simulator = aSimulator();
    for (const caller of ['anonymous', 'cli_1']) {
      const currencies = await simulator.call(caller, 'GET /v1/currencies');
      expect(currencies.body).toContainEqual(
        expect.objectContaining({ code: 'JPY', symbol: '¥', name: 'Japanese yen', supportsDecimals: false }),
      );
      expect(await simulator.call(caller, 'GET /v1/rates?source=GBP&target=EUR')).toMatchObject({
        status: 200,
        body: [{ rate: 1.18539592, source: 'GBP', target: 'EUR', time: '2026-11-22T10:00:00+0000' }],
      });
    }
    const rates = async (query: string) => (await simulator.call('cli_1', `GET /v1/rates?${query}`)).body;
    expect(await rates('source=GBP')).toHaveLength(28);
    expect(await rates('')).toHaveLength(28 * 28);
    expect(await rates('source=GBP&target=EUR&from=2026-11-01&to=2026-11-03&group=day')).toHaveLength(3);
    expect(await rates('from=2000-01-01&to=2026-11-03&group=minute')).toMatchObject({ errors: [{ path: 'to' }] });
    expect((await simulator.call('tollward', 'GET /v1/currencies')).status).toBe(403);
    for (const caller of ['anonymous', 'tollward']) {
      expect((await simulator.call(caller, create, personalProfile)).status).toBe(403);
    }
  });

  it('[SIM-47] answers nothing that is not on disk', async () => {
    const onDisk: (() => void)[] = [];
    const journal = {
      append: () => undefined,
      settled: () => new Promise<void>((resolve) => void onDisk.push(resolve)),
    };
    const simulator = aSimulator({ journal });
    let answered = false;
    const call = simulator.call('cli_1', create, personalProfile).then((said) => {
      answered = true;
      return said;
    });
    while (onDisk.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    onDisk[0]?.();
    expect((await call).status).toBe(200);
  });

  it('[SIM-47] answers 500 when the disk takes nothing any more, and says why in its log only', async () => {
    const faults: unknown[] = [];
    const journal = { append: () => undefined, settled: () => Promise.reject(new Error('ENOSPC: /var/secret')) };
    const simulator = aSimulator({ journal, onFault: (error) => faults.push(error) });
    const said = await simulator.call('cli_1', create, personalProfile);
    expect(said).toMatchObject({ status: 500, body: { status: 500, error: 'Internal Server Error' } });
    expect(JSON.stringify(said)).not.toContain('ENOSPC');
    expect(faults).toMatchObject([{ message: 'ENOSPC: /var/secret' }]);
  });
});
