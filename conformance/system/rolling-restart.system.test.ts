// Two nodes are restarted one after the other while the example's workers call. A worker goes to the other node only when its
// connection was never established: a request that was sent and lost counts as failed.

import { createTestPostgres, testServerUrl } from '@tollward/server/testing';
import { describe, expect, test } from 'vitest';
import { installOn, makePartner, type Node, startNode } from '../support/nodes.js';
import { statusOf, stopDev } from '../support/program.js';
import { startWorker, type Worker } from '../support/worker.js';

const serverUrl = testServerUrl();
const atMost = { timeout: 60_000, interval: 50 };
const rounds = 3;
const callsBetween = 40;

describe.skipIf(!serverUrl)('a rolling restart [PostgreSQL]', () => {
  test('fails no request of the example worker', async () => {
    const postgres = await createTestPostgres(serverUrl ?? '');
    const installation = await installOn(postgres.url);
    const nodes: [Node, Node] = [await startNode(installation), await startNode(installation)];
    const partner = await makePartner(nodes[0]);
    const urls = nodes.map(({ mtlsUrl }) => mtlsUrl);
    // Half of them begin at either node.
    const workers = [urls, urls, [...urls].reverse(), [...urls].reverse()].map((order) => startWorker(partner, order));
    const moreCalls = async (worker: Worker): Promise<void> => {
      const before = worker.report().calls;
      await expect.poll(() => worker.report().calls, atMost).toBeGreaterThan(before + callsBetween);
    };
    await Promise.all(workers.map(moreCalls));

    // A version after this one has migrated the database: nodes of this one go on, and start again.
    await postgres.run(
      `insert into schema_migrations (name, timestamp) values ('9999-of-a-newer-version.sql', '2030-01-01')`,
    );
    for (let round = 0; round < rounds; round += 1) {
      for (const index of [0, 1] as const) {
        const { portBase, program } = nodes[index];
        expect(await stopDev(program)).toEqual({ code: 0, signal: null });
        await Promise.all(workers.map(moreCalls));
        nodes[index] = await startNode(installation, { portBase });
        await expect.poll(() => statusOf(`${nodes[index].operationsUrl}/health/ready`), atMost).toBe(200);
      }
    }

    const reports = await Promise.all(workers.map((worker) => worker.stop()));
    console.log(
      `rolling restarts: ${reports.reduce((sum, { calls }) => sum + calls, 0)} calls over ${2 * rounds} restarts`,
    );
    for (const report of reports) expect(report).toMatchObject({ failed: 0, failures: {} });
    await Promise.all(nodes.map(({ program }) => stopDev(program)));
    await postgres.drop();
  });
});
