// Two whole servers on one PostgreSQL database: what a partner does at one holds at the other.

import { describe, expect, test, vi } from 'vitest';
import { migrate } from '../platform/database/migrate.js';
import { openPostgres } from '../platform/database/postgres.js';
import { addCertificate, changePolicy } from '../testing/operator-actions.js';
import { createTestPostgres, testServerUrl } from '../testing/postgres-server.js';
import { aClient, aToken, callPlayground, requestToken } from '../testing/test-client.js';
import { startTestServer, type TestServer } from '../testing/test-server.js';

const serverUrl = testServerUrl();

async function withTwoNodes(work: (here: TestServer, there: TestServer) => Promise<void>): Promise<void> {
  const postgres = await createTestPostgres(serverUrl ?? '');
  const nodes: TestServer[] = [];
  try {
    for (let count = 0; count < 2; count += 1) {
      const database = await openPostgres({ url: postgres.url, poolSize: 4 });
      await migrate(database);
      nodes.push(await startTestServer({ database }));
    }
    const [here, there] = nodes;
    if (here === undefined || there === undefined) throw new Error('two nodes were started');
    await work(here, there);
  } finally {
    for (const node of nodes) await node.stop();
    await postgres.drop();
  }
}

describe.skipIf(!serverUrl)('two nodes of one installation [PostgreSQL]', () => {
  test('[REV-07] refuse a token that was revoked at one of them, and publish the same keys', async () => {
    await withTwoNodes(async (here, there) => {
      const client = await aClient(here);
      const [ended, kept] = [await aToken(here, client), await aToken(here, client)];
      const statusThere = async (token: string) => (await callPlayground(there, client, token)).status;
      expect([await statusThere(ended), await statusThere(kept)], 'cached there from here on').toEqual([200, 200]);

      const revoked = await requestToken(here, client, { path: '/oauth/revoke', body: `token=${ended}` });
      expect(revoked.status).toBe(200);
      await vi.waitFor(async () => expect(await statusThere(ended)).toBe(401), { timeout: 10_000, interval: 20 });
      expect(await statusThere(kept)).toBe(200);

      const signingKeys = async (server: TestServer) =>
        (await server.core.keys.find(({ kind }) => kind === 'signing')?.list(server.time.now))?.map(({ id }) => id);
      expect(await signingKeys(there)).toEqual(await signingKeys(here));
    });
  });

  test('believe at once what was registered or allowed at the other one', async () => {
    await withTwoNodes(async (here, there) => {
      const client = await aClient(here);
      await aToken(there, client);
      there.time.now += 1_000;
      const second = await addCertificate(here, client);
      expect((await requestToken(there, client, { identity: second })).status).toBe(200);

      await changePolicy(here, client, { allowedAddresses: ['203.0.113.0/24'] });
      await vi.waitFor(
        async () => expect((await requestToken(there, client)).headers['x-refusal-code']).toBe('address_not_allowed'),
        { timeout: 10_000, interval: 20 },
      );
      there.time.now += 1_000;
      await changePolicy(here, client, { allowedAddresses: [] });
      expect((await requestToken(there, client)).status).toBe(200);
    });
  });
});
