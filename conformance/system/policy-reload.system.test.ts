// The route policy of a running node is replaced while partners call it.

import { writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createTestPostgres, type TestPostgres, testServerUrl } from '@tollward/server/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installOn, makePartner, type Node, startNode } from '../support/nodes.js';
import { callAs, type Partner, tokenOf } from '../support/partner.js';
import { makeDirectory, stopDev } from '../support/program.js';
import { startTraffic } from '../support/traffic.js';

const serverUrl = testServerUrl();
const atMost = { timeout: 30_000, interval: 50 };

const policyWith = (...routes: readonly string[]): string => `
version: 1
upstreams: { money: {} }
defaults: { upstream: money, tokens: [client_credentials] }
routes:
${routes.map((route) => `  GET ${route}: { summary: A route }`).join('\n')}
`;

describe.skipIf(!serverUrl)('a reload of the route policy [PostgreSQL]', () => {
  const file = join(makeDirectory(), 'policy.yaml');
  const waiting: ServerResponse[] = [];
  const upstream = createServer((request, response) => {
    if (request.url === '/v1/slow') waiting.push(response);
    else response.end('{}');
  });
  let postgres: TestPostgres;
  let node: Node;
  let partner: Partner;
  let token: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    postgres = await createTestPostgres(serverUrl ?? '');
    writeFileSync(file, policyWith('/v1/things', '/v1/slow'));
    node = await startNode(await installOn(postgres.url), {
      variables: {
        TOLLWARD_SANDBOX_POLICY_FILE: file,
        TOLLWARD_SANDBOX_UPSTREAM: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
      },
    });
    partner = await makePartner(node);
    token = await tokenOf(partner);
  });
  afterAll(async () => {
    await stopDev(node.program);
    upstream.closeAllConnections();
    upstream.close();
    await postgres.drop();
  });

  const get = (path: string) => callAs(partner, { path, headers: { authorization: `Bearer ${token}` } });
  const statusOf = async (path: string): Promise<number> => (await get(path)).status;
  const reload = (policy: string): void => {
    writeFileSync(file, policy);
    node.program.kill('SIGHUP');
  };

  test('[POL-31] drops no call, lets what runs end by its old route, and takes no policy with problems', async () => {
    const traffic = [
      startTraffic(partner, token, 4, '/v1/things'),
      startTraffic(partner, token, { connections: 1, keepAlive: false }, '/v1/things'),
    ];
    const slow = get('/v1/slow');
    await expect.poll(() => waiting.length, atMost).toBe(1);

    reload(policyWith('/v1/things', '/v1/more'));
    await expect.poll(() => statusOf('/v1/more'), atMost).toBe(200);
    expect(await statusOf('/v1/slow'), 'a route that is gone').toBe(404);
    waiting[0]?.end('{"answered":"late"}');
    expect(await slow).toMatchObject({ status: 200, json: { answered: 'late' } });

    reload(policyWith('/v1/things', '/v1/things', 'more'));
    await expect.poll(() => node.program.out(), atMost).toContain(`${file}:`);
    expect(await statusOf('/v1/more'), 'the policy before').toBe(200);

    for (let turn = 0; turn < 20; turn += 1) {
      const route = `/v1/turn${turn}`;
      reload(policyWith('/v1/things', route));
      await expect.poll(() => statusOf(route), atMost).toBe(200);
    }
    for (const { passed } of traffic) await expect.poll(passed, atMost).toBeGreaterThan(50);
    await Promise.all(traffic.map(({ stop }) => stop()));
    expect(traffic.map(({ outcomes }) => [...outcomes.keys()])).toEqual([['200'], ['200']]);
  });
});
