// Every kind of key is replaced on two running nodes while partners get tokens, call, resume sessions and make new
// connections. Nothing may fail: not at the node that was asked, and not at the other one.

import { createPublicKey, type JsonWebKey, randomBytes, verify } from 'node:crypto';
import { connect } from 'node:tls';
import { basic, createTestPostgres, type TestPostgres, testServerUrl } from '@tollward/server/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, at, type Installation, installOn, makePartner, type Node, startNode } from '../support/nodes.js';
import { callAs, callPlaygroundAs, type Partner, tokenOf } from '../support/partner.js';
import { finish, startProgram, stopDev, type Variables } from '../support/program.js';
import { startTokenTraffic, startTraffic, type Traffic } from '../support/traffic.js';
import { startWorker, type Worker } from '../support/worker.js';

const serverUrl = testServerUrl();
const atMost = { timeout: 60_000, interval: 100 };
const publishSeconds = 5;

interface Key {
  readonly kind: string;
  readonly id: string;
  readonly environment: string | null;
  readonly state: 'next' | 'active' | 'retired';
}

describe.skipIf(!serverUrl)('keys of two nodes under load [PostgreSQL]', () => {
  let postgres: TestPostgres;
  let installation: Installation;
  let nodes: [Node, Node];
  let partner: Partner;
  let earlyToken: string;
  let earlyKeys: readonly Key[];
  let workers: Worker[];
  let traffic: Traffic[];

  beforeAll(async () => {
    postgres = await createTestPostgres(serverUrl ?? '');
    installation = await installOn(postgres.url);
    nodes = [await startNode(installation), await startNode(installation)];
    partner = await makePartner(nodes[0]);
    earlyToken = await tokenOf(partner);
    earlyKeys = await listKeys();
  });
  afterAll(async () => {
    await Promise.all(nodes.map(({ program }) => stopDev(program)));
    await postgres.drop();
  });

  async function listKeys(): Promise<readonly Key[]> {
    return (await ask(nodes[0], 'GET', '/keys'))['keys'] as readonly Key[];
  }

  const activeOf = (keys: readonly Key[], kind: string): string[] =>
    keys
      .filter((key) => key.kind === kind && key.state === 'active' && key.environment !== 'production')
      .map(({ id }) => id);

  /** Makes the next key of a kind; resolves when it is the one in use. */
  async function rotate(kind: string): Promise<void> {
    const before = activeOf(await listKeys(), kind);
    expect(before, `an active key of kind ${kind}`).toHaveLength(1);
    await ask(nodes[0], 'POST', `/keys/${kind}/rotation`, { environment: 'sandbox', publishSeconds });
    await expect.poll(async () => activeOf(await listKeys(), kind), atMost).not.toEqual(before);
    expect(activeOf(await listKeys(), kind)).toHaveLength(1);
  }

  /** Load of every sort on both nodes, by a partner who trusts what both nodes publish now. */
  async function startLoad(): Promise<void> {
    const platform = await ask(nodes[0], 'GET', '/environments/sandbox/platform-chain');
    const { certificates } = platform as { certificates: readonly { role: string; pem: string }[] };
    const roots = certificates.filter(({ role }) => role === 'root').map(({ pem }) => pem);
    partner = { ...partner, ca: roots.join('\n') };
    const urls = nodes.map(({ mtlsUrl }) => mtlsUrl);
    workers = [urls, [...urls].reverse()].map((order) => startWorker(partner, order));
    traffic = nodes.flatMap((node) => [
      startTraffic(at(node, partner), earlyToken, 2),
      startTraffic(at(node, partner), earlyToken, { connections: 1, keepAlive: false }),
      startTokenTraffic(at(node, partner), 2),
    ]);
    await moreLoad();
  }

  async function moreLoad(): Promise<void> {
    const before = traffic.map((one) => one.passed());
    await expect.poll(() => traffic.every((one, index) => one.passed() > (before[index] ?? 0) + 20), atMost).toBe(true);
    for (const node of nodes) await expectVerifiable(at(node, partner));
  }

  /** What a node signs is verified by what it publishes. */
  async function expectVerifiable(asked: Partner): Promise<void> {
    const introspected = await callAs(asked, {
      method: 'POST',
      path: '/oauth/introspect',
      body: `token=${earlyToken}`,
      headers: {
        authorization: basic(asked.clientId, asked.secret),
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/token-introspection+jwt',
      },
    });
    const [header = '', payload = '', signature = ''] = introspected.text.split('.');
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
    const published = (await callAs(asked, { path: '/.well-known/jwks.json' })).json as {
      keys: (JsonWebKey & { kid: string })[];
    };
    const key = published.keys.find((candidate) => candidate.kid === kid);
    expect(key, `a published key ${kid}`).toBeDefined();
    const verified = verify(
      'sha256',
      Buffer.from(`${header}.${payload}`),
      { key: createPublicKey({ key: key ?? {}, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    );
    expect(verified).toBe(true);
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { token_introspection: object };
    expect(claims.token_introspection).toMatchObject({ active: true });
  }

  async function stopLoad(): Promise<void> {
    await Promise.all(traffic.map((one) => one.stop()));
    const reports = await Promise.all(workers.map((worker) => worker.stop()));
    for (const { outcomes } of traffic) expect([...outcomes.keys()]).toEqual(['200']);
    for (const report of reports) expect(report).toMatchObject({ failed: 0, failures: {} });
    const calls = traffic.reduce((sum, one) => sum + one.passed(), 0);
    console.log(`${calls} calls, none failed`);
  }

  /** The issuer of the certificate that a new connection is shown. */
  function issuerAt({ mtlsUrl }: Node): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(
        { port: Number(new URL(mtlsUrl).port), host: '127.0.0.1', ca: partner.ca, servername: 'localhost' },
        () => {
          resolve(socket.getPeerX509Certificate()?.issuerCertificate?.fingerprint256 ?? '');
          socket.destroy();
        },
      );
      socket.once('error', reject);
    });
  }

  test('token, HMAC, ticket, signing and audit keys and both authorities are replaced without a failed call', async () => {
    // What partners have to trust next is published before it is used.
    await ask(nodes[0], 'POST', '/keys/platform-ca/rotation', { environment: 'sandbox', publishSeconds: 30 });
    await startLoad();
    const issuers = await Promise.all(nodes.map(issuerAt));
    for (const kind of ['token', 'hmac', 'ticket', 'signing', 'audit', 'partner-ca']) {
      await rotate(kind);
      await moreLoad();
    }
    for (const [index, node] of nodes.entries()) {
      await expect.poll(() => issuerAt(node), atMost).not.toBe(issuers[index]);
    }
    await moreLoad();
    // Registered by the authority that is retired now, and made by the one that took its place.
    const fresh = await makePartner(nodes[1]);
    for (const node of nodes) expect((await callPlaygroundAs(at(node, fresh), await tokenOf(fresh))).status).toBe(200);
    await stopLoad();
  });

  test('a token that was sealed by a key that is retired now still works', async () => {
    const keys = await listKeys();
    const [sealedBy] = activeOf(earlyKeys, 'token');
    expect(keys.find(({ id }) => id === sealedBy)?.state).toBe('retired');
    for (const node of nodes) expect((await callPlaygroundAs(at(node, partner), earlyToken)).status).toBe(200);
  });

  test('the master key is replaced node by node, without a failed call of the example worker', async () => {
    const oldKey = installation.variables['TOLLWARD_MASTER_KEY'] ?? '';
    const newKey = randomBytes(32).toString('base64');
    const urls = nodes.map(({ mtlsUrl }) => mtlsUrl);
    workers = [urls, [...urls].reverse()].map((order) => startWorker(partner, order));
    const restartAll = async (variables: Variables): Promise<void> => {
      for (const index of [0, 1] as const) {
        const { portBase, program } = nodes[index];
        await stopDev(program);
        nodes[index] = await startNode(installation, { portBase, variables });
      }
    };
    await restartAll({ TOLLWARD_MASTER_KEY: oldKey, TOLLWARD_OTHER_MASTER_KEY: newKey });
    await restartAll({ TOLLWARD_MASTER_KEY: newKey, TOLLWARD_OTHER_MASTER_KEY: oldKey });
    const resealed = await finish(startProgram(['--data-dir', nodes[1].dataDirectory, 'keys', 'reseal']));
    expect([resealed.code, resealed.error]).toEqual([0, '']);
    await restartAll({ TOLLWARD_MASTER_KEY: newKey });
    const reports = await Promise.all(workers.map((worker) => worker.stop()));
    for (const report of reports) expect(report).toMatchObject({ failed: 0, failures: {} });
    for (const node of nodes) expect((await callPlaygroundAs(at(node, partner), earlyToken)).status).toBe(200);
  });
});
