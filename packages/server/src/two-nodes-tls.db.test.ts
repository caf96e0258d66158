// Sessions and authorities of two nodes, over real TLS.

import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { migrate } from './platform/database/migrate.js';
import { openPostgres } from './platform/database/postgres.js';
import {
  createTestPostgres,
  startTestServer,
  type TestPostgres,
  type TestServer,
  testServerUrl,
} from './testing/index.js';

const soon = { timeout: 12_000, interval: 50 };
const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

interface Place {
  readonly environment?: 'sandbox' | 'production';
  readonly listener?: 'api' | 'api-mtls';
}

interface Handshake {
  readonly session?: Buffer | undefined;
  /** What the client trusts: as the server tells it, when left out. */
  readonly ca?: string;
}

async function shakeHands(node: TestServer, place: Place = {}, handshake: Handshake = {}): Promise<TLSSocket> {
  const { environment = 'sandbox', listener = 'api-mtls' } = place;
  const { session, ca = node.caOf(environment) } = handshake;
  const port = Number(new URL(node.urlOf(environment, listener)).port);
  const to = { host: '127.0.0.1', servername: 'localhost', port, ca };
  const socket = connect({ ...to, ...(session === undefined ? {} : { session }) });
  await once(socket, 'secureConnect');
  return socket;
}

const serverUrl = testServerUrl();

describe.skipIf(!serverUrl)('two nodes on one PostgreSQL', () => {
  let postgres: TestPostgres;
  let one: TestServer;
  let other: TestServer;
  let nodes: readonly TestServer[];
  beforeAll(async () => {
    postgres = await createTestPostgres(serverUrl ?? '');
    const database = await openPostgres({ url: postgres.url });
    await migrate(database);
    await database.close();
    [one, other] = await Promise.all([startNode(), startNode()]);
    nodes = [one, other];
    setTime(Date.now());
  });
  afterAll(async () => {
    for (const node of nodes) await node.stop();
    await postgres.drop();
  });

  async function startNode(): Promise<TestServer> {
    return startTestServer({ database: await openPostgres({ url: postgres.url, poolSize: 4 }) });
  }

  function setTime(now: number): void {
    for (const node of nodes) node.time.now = now;
  }

  /** The session of a connection on which something was answered, and whether it was resumed itself. */
  async function visit(node: TestServer, place: Place, session?: Buffer) {
    const socket = await shakeHands(node, place, { session });
    let latest = session;
    socket.on('session', (given: Buffer) => {
      latest = given;
    });
    const resumed = socket.isSessionReused();
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.write('GET /v1/authenticated/playground HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    await once(socket, 'close');
    expect(text).toMatch(/^HTTP\/1\.1 401 /);
    return { resumed, session: latest };
  }

  test('[AUT-24] a session of one is resumed at the other, and at no other listener or environment', async () => {
    await vi.waitFor(async () => {
      const { session } = await visit(one, {});
      expect((await visit(other, {}, session)).resumed).toBe(true);
    }, soon);
    const { session } = await visit(one, {});
    for (const node of nodes) {
      expect((await visit(node, { listener: 'api' }, session)).resumed).toBe(false);
      expect((await visit(node, { environment: 'production' }, session)).resumed).toBe(false);
    }
  });

  test('[AUT-25] when the key of the tickets changes, handshakes are full once and fail never', async () => {
    const { session } = await visit(one, {});
    setTime(one.time.now + 5 * 60_000);
    await vi.waitFor(async () => {
      for (const node of nodes) expect((await visit(node, {}, session)).resumed).toBe(false);
    }, soon);
    const { session: later } = await visit(other, {});
    expect((await visit(one, {}, later)).resumed).toBe(true);
  });

  test('[AUT-26] a rotation at one node is published and used by the other', async () => {
    setTime(Date.now());
    const key = one.core.keys.find(({ kind }) => kind === 'platform-ca');
    await key?.rotate({ environment: 'sandbox', publishSeconds: 60 }, one.time.now);
    const rootsOf = (node: TestServer) => node.caOf('sandbox').match(certificate) ?? [];
    await vi.waitFor(() => expect(rootsOf(other)).toHaveLength(2), soon);
    expect(other.caOf('sandbox')).toBe(one.caOf('sandbox'));
    setTime(one.time.now + 60_000);
    for (const node of nodes) await node.refreshCertificates();
    const [oldRoot = '', newRoot = ''] = rootsOf(one);
    for (const node of nodes) {
      (await shakeHands(node, {}, { ca: newRoot })).destroy();
      await expect(shakeHands(node, {}, { ca: oldRoot })).rejects.toThrow(/unable to verify|self.signed|local issuer/);
    }
  });
});
