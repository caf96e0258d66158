// From which addresses a client may be used.

import { networkInterfaces } from 'node:os';
import {
  aClient,
  askManagement,
  aToken,
  basic,
  callPlayground,
  changePolicy,
  describeClient,
  explain,
  requestToken,
  startTestServer,
  type TestClient,
} from '@tollward/server/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { exchange, getWith, openConnection } from './support/connection.js';
import { outcomeOf, outcomeWith } from './support/outcome.js';

/** Containers often have no IPv6. */
const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));
// On every address, so that IPv6 callers reach it too, and IPv4 callers look like ::ffff:127.0.0.1.
const server = await startTestServer({ settings: { host: hasIpv6 ? '::' : '127.0.0.1' } });
afterAll(() => server.stop());

/** What a token gets when it is used from this address of the machine. */
async function outcomeFrom(address: '127.0.0.1' | '::1', client: TestClient, token: string): Promise<string | number> {
  const socket = await openConnection(server, { identity: client.identity }, { host: address });
  const { status, headers } = await exchange(socket, getWith(token));
  socket.destroy();
  return headers.get('x-refusal-code') ?? status;
}

describe('a client with a list of addresses', () => {
  const lists = [
    [['127.0.0.1'], 200, 'address_not_allowed'],
    [['127.0.0.0/8'], 200, 'address_not_allowed'],
    [['::1'], 'address_not_allowed', 200],
    [['::/0'], 'address_not_allowed', 200],
    [['0.0.0.0/0'], 200, 'address_not_allowed'],
    [['203.0.113.7', '2001:db8::/32'], 'address_not_allowed', 'address_not_allowed'],
    [['203.0.113.7', '127.0.0.1/32', '::1/128'], 200, 200],
    [[], 200, 200],
  ] as const;
  for (const [allowedAddresses, v4, v6] of lists) {
    test(`[ALLOW-01] [BEAR-09] of [${allowedAddresses.join(', ')}] is served from 127.0.0.1: ${v4}, from ::1: ${v6}`, async () => {
      const client = await aClient(server);
      const token = await aToken(server, client);
      await changePolicy(server, client, { allowedAddresses });
      expect([await outcomeFrom('127.0.0.1', client, token), await outcomeFrom('::1', client, token)]).toEqual([
        v4,
        v6,
      ]);
    });
  }

  test('[ALLOW-02] [DEC-18] gets no token elsewhere, and the ones it has are refused there, until the address is added', async () => {
    const client = await aClient(server);
    const token = await aToken(server, client);
    expect(outcomeOf(await callPlayground(server, client, token))).toBe(200);
    await changePolicy(server, client, { allowedAddresses: ['203.0.113.0/24'] });
    expect(await outcomeWith(server, client)).toBe('address_not_allowed');
    const refused = await callPlayground(server, client, token);
    expect([refused.status, outcomeOf(refused)]).toEqual([401, 'address_not_allowed']);
    const explained = await explain(server, refused);
    expect(explained?.seen).toMatch(/^a request from (127\.0\.0\.1|::1)$/);
    expect(explained?.expected).toContain('203.0.113.0/24');
    await changePolicy(server, client, { allowedAddresses: ['203.0.113.0/24', '127.0.0.1', '::1'] });
    expect(await outcomeWith(server, client)).toBe(200);
    expect(outcomeOf(await callPlayground(server, client, token))).toBe(200);
  });

  test('[ALLOW-02] is not named by an address to somebody without its secret', async () => {
    const client = await aClient(server, { policy: { allowedAddresses: ['203.0.113.0/24'] } });
    const headers = { authorization: basic(client.clientId, 'guess') };
    expect(outcomeOf(await requestToken(server, client, { headers }))).toBe('client_authentication_failed');
  });

  test('[ALLOW-03] takes addresses and blocks of IPv4 and IPv6, and refuses what can be read in two ways', async () => {
    const client = await aClient(server);
    const set = async (text: string) => {
      const question = { method: 'PATCH', path: `/clients/${client.clientId}` } as const;
      return (await askManagement(server, { ...question, body: { allowedAddresses: [text] } })).status;
    };
    for (const [text, kept] of [
      ['203.0.113.7', '203.0.113.7'],
      ['203.0.113.0/24', '203.0.113.0/24'],
      ['2001:DB8:0:0::1', '2001:db8::1'],
      ['2001:db8::/32', '2001:db8::/32'],
    ] as const) {
      expect(await set(text)).toBe(200);
      expect((await describeClient(server, client)).allowedAddresses).toEqual([kept]);
    }
    const wrong = [
      '203.0.113.7/24',
      '203.0.113',
      '0203.0.113.7',
      '203.0.113.0/33',
      '2001:db8::1/32',
      'fe80::1%eth0',
      '',
    ];
    for (const text of [...wrong, 'example.com', '203.0.113.0-203.0.113.9', '*', '203.0.113.0/-1']) {
      expect([text, await set(text)]).toEqual([text, 400]);
    }
    expect((await describeClient(server, client)).allowedAddresses).toEqual(['2001:db8::/32']);
  });
});
