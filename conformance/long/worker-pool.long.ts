// 32 workers, each a thread with a client of its own and tokens of 20 seconds, call for two minutes through all that an operator
// does to them: a secret is rotated, a certificate renewed, both nodes restarted. Not one call may fail. Run by `npm run test:long`.

import { X509Certificate } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createTestPostgres, testServerUrl } from '@tollward/server/testing';
import { afterAll, expect, test } from 'vitest';
import { startBalancer } from '../support/balancer.js';
import { policyOf } from '../support/gateway.js';
import { ask, installOn, makePartner, type Node, startNode } from '../support/nodes.js';
import { makeRequest } from '../support/openssl.js';
import { makeDirectory, statusOf, stopDev } from '../support/program.js';
import type { WorkerReport, WorkerSettings } from './pool-worker.js';

const serverUrl = testServerUrl();
const workerCount = 32;
const tokenLifetimeSeconds = 20;
const runMs = 120_000;
const atMost = { timeout: 60_000, interval: 100 };

const workers: PoolWorker[] = [];
afterAll(() => Promise.all(workers.map(({ thread }) => thread.terminate())));

interface PoolWorker {
  readonly thread: Worker;
  report(): WorkerReport;
  /** Resolves to the last report. */
  stop(): Promise<WorkerReport>;
}

const nothingYet: WorkerReport = { calls: 0, posts: 0, tokens: 0, retries: [], thumbprint: '', failures: [] };

function startPoolWorker(settings: WorkerSettings): PoolWorker {
  const built = new URL('../dist/long/pool-worker.js', import.meta.url);
  const thread = new Worker(built, { workerData: settings, execArgv: [] });
  let last = nothingYet;
  thread.on('message', (report: WorkerReport) => {
    last = report;
  });
  const ended = new Promise<void>((resolve, reject) => {
    thread.once('error', reject);
    thread.once('exit', () => resolve());
  });
  // Whoever stops it hears of it.
  ended.catch(() => undefined);
  return {
    thread,
    report: () => last,
    stop: async () => {
      thread.postMessage('stop');
      await ended;
      return last;
    },
  };
}

/** An API behind the nodes that counts what arrives. */
async function startCountingUpstream() {
  let posts = 0;
  const server = createServer((request, response) => {
    if (request.method === 'POST') posts += 1;
    request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url, posts: () => posts, close };
}

test.skipIf(!serverUrl)(
  '32 workers call for two minutes without one failed call [PostgreSQL]',
  async () => {
    const postgres = await createTestPostgres(serverUrl ?? '');
    const installation = await installOn(postgres.url);
    const upstream = await startCountingUpstream();
    const variables = { TOLLWARD_SANDBOX_POLICY: policyOf(), TOLLWARD_SANDBOX_UPSTREAM: upstream.url };
    const nodes: [Node, Node] = [
      await startNode(installation, { variables }),
      await startNode(installation, { variables }),
    ];
    const balancer = await startBalancer(nodes.map(({ portBase }) => portBase + 4));

    const partner = await makePartner(nodes[0]);
    const { clientId, identity } = partner;
    await ask(nodes[0], 'PATCH', `/clients/${clientId}`, { accessTokenLifetimeSeconds: tokenLifetimeSeconds });
    const folder = makeDirectory();
    /** As a careful deployment does: a file is whole at any time. */
    const deploy = (name: string, content: string): string => {
      const file = join(folder, name);
      writeFileSync(`${file}.next`, content);
      renameSync(`${file}.next`, file);
      return file;
    };
    const settings = {
      baseUrl: `https://localhost:${balancer.port}`,
      clientId,
      secretFile: deploy('secret', partner.secret),
      keyFile: deploy('client.key', identity.key),
      certificateFile: deploy('client.pem', identity.cert),
      caFile: deploy('ca.pem', partner.ca),
    };

    const startedAt = performance.now();
    const say = (what: string): void =>
      console.log(`${((performance.now() - startedAt) / 1_000).toFixed(1)} s: ${what}`);
    for (let count = 0; count < workerCount; count += 1) workers.push(startPoolWorker(settings));
    const failures = (): string[] => workers.flatMap((worker) => worker.report().failures);
    /** Every worker did as many calls more, so that it has met what was done before. */
    const everybodyCalls = async (calls: number): Promise<void> => {
      const before = workers.map((worker) => worker.report().calls);
      const slowest = (): number =>
        Math.min(...workers.map((worker, index) => worker.report().calls - (before[index] ?? 0)));
      await expect.poll(slowest, atMost).toBeGreaterThanOrEqual(calls);
      expect(failures()).toEqual([]);
    };
    const everybodyRenews = async (): Promise<void> => {
      const before = workers.map((worker) => worker.report().tokens);
      const slowest = (): number =>
        Math.min(...workers.map((worker, index) => worker.report().tokens - (before[index] ?? 0)));
      await expect.poll(slowest, atMost).toBeGreaterThanOrEqual(1);
      expect(failures()).toEqual([]);
    };
    await everybodyCalls(10);

    say('the secret is rotated, with an overlap');
    const rotated = await ask(nodes[0], 'POST', `/clients/${clientId}/secrets`, {
      overlapSeconds: 3_600,
      force: false,
    });
    const [old] = rotated['ending'] as readonly { readonly id: string }[];
    await everybodyRenews();
    deploy('secret', String(rotated['secret']));
    await everybodyRenews();
    say('every worker has a token by the new secret: the old one is revoked');
    await ask(nodes[1], 'POST', `/secrets/${old?.id}/revocation`);
    await everybodyCalls(10);

    say('the certificate is renewed');
    const { certificates } = await ask(nodes[0], 'GET', `/clients/${clientId}`);
    const [before] = certificates as readonly { readonly id: string }[];
    const { csr, key } = makeRequest({ subject: '/O=Long Run' });
    const issued = await ask(nodes[0], 'POST', `/clients/${clientId}/issued-certificates`, { name: 'renewed', csr });
    const chain = String(issued['chainPem']);
    deploy('client.key', key);
    deploy('client.pem', chain);
    const thumbprint = Buffer.from(new X509Certificate(chain).fingerprint256.replaceAll(':', ''), 'hex').toString(
      'base64url',
    );
    await expect
      .poll(() => workers.filter((worker) => worker.report().thumbprint === thumbprint).length, atMost)
      .toBe(workerCount);
    await everybodyCalls(4);
    say('every worker calls with the new one: the old one is revoked');
    await ask(nodes[0], 'POST', `/certificates/${before?.id}/revocation`);
    await everybodyCalls(10);

    for (const index of [0, 1] as const) {
      say(`node ${index + 1} is restarted`);
      const { portBase, program } = nodes[index];
      expect(await stopDev(program)).toEqual({ code: 0, signal: null });
      await everybodyCalls(10);
      nodes[index] = await startNode(installation, { portBase, variables });
      await expect.poll(() => statusOf(`${nodes[index].operationsUrl}/health/ready`), atMost).toBe(200);
      await everybodyCalls(10);
    }
    say('both nodes are up again');

    await pause(Math.max(0, runMs - (performance.now() - startedAt)));
    const reports = await Promise.all(workers.map((worker) => worker.stop()));
    const sum = (of: (report: WorkerReport) => number): number =>
      reports.reduce((total, report) => total + of(report), 0);
    const failed = reports.flatMap((report) => report.failures);
    const [calls, posts, tokens] = [sum((one) => one.calls), sum((one) => one.posts), sum((one) => one.tokens)];
    say(`${workerCount} workers: ${calls} calls, ${tokens} tokens, ${failed.length} failed`);
    const retries = reports.flatMap((report) => report.retries);
    for (const reason of new Set(retries)) {
      say(`  ${retries.filter((one) => one === reason).length} retries: ${reason}`);
    }
    expect(failed).toEqual([]);
    expect(upstream.posts(), 'each POST arrived once').toBe(posts);

    await Promise.all(nodes.map(({ program }) => stopDev(program)));
    await balancer.close();
    upstream.close();
    await postgres.drop();
  },
  600_000,
);
