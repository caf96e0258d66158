// What became of credentials is in the database and not in the process: a second server on the same files knows it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  aClient,
  addCertificate,
  aToken,
  callPlayground,
  changePolicy,
  describeClient,
  endCertificate,
  endSecretOf,
  identityOf,
  openDatabaseIn,
  pauseCertificateOf,
  pauseSecretOf,
  requestToken,
  revokeSecretOf,
  rotate,
  startTestServer,
  type TestClient,
  type TestServer,
} from '@tollward/server/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate } from './support/openssl.js';
import { outcomeOf, outcomeWith } from './support/outcome.js';
import { aPartnerWith } from './support/upload.js';

const directory = mkdtempSync(join(tmpdir(), 'tollward-conformance-'));
const minuteMs = 60_000;
let server: TestServer;
let at: number;

/** A client, with a token from before it was changed. */
interface Changed {
  readonly client: TestClient;
  readonly token: string;
}

async function changed(change: (client: TestClient) => Promise<unknown>): Promise<Changed> {
  const client = await aClient(server);
  const token = await aToken(server, client);
  await change(client);
  return { client, token };
}

async function outcomesOf({ client, token }: Changed) {
  return [await outcomeWith(server, client), outcomeOf(await callPlayground(server, client, token))];
}

const changes = [
  ['[SEC-17] a replaced secret', ['secret_replaced', 200], (client) => rotate(server, client, { overlapSeconds: 0 })],
  [
    '[SEC-17] an ended secret',
    ['secret_replaced', 200],
    async (client) => {
      await rotate(server, client);
      await endSecretOf(server, client);
    },
  ],
  ['[SEC-17] a revoked secret', ['secret_revoked', 'token_revoked'], (client) => revokeSecretOf(server, client)],
  ['[SEC-17] a paused secret', ['secret_paused', 'secret_paused'], (client) => pauseSecretOf(server, client, 3_600)],
  ['[SEC-17] a secret in its overlap', [200, 200], (client) => rotate(server, client, { overlapSeconds: 3_600 })],
  [
    '[CERT-32] a revoked certificate',
    ['certificate_revoked', 'certificate_revoked'],
    (client) => endCertificate(server, identityOf(client)),
  ],
  [
    '[CERT-32] a paused certificate',
    ['certificate_paused', 'certificate_paused'],
    (client) => pauseCertificateOf(server, identityOf(client), 3_600),
  ],
  [
    '[ALLOW-04] an address that is not on the list',
    ['address_not_allowed', 'address_not_allowed'],
    (client) => changePolicy(server, client, { allowedAddresses: ['192.0.2.0/24'] }),
  ],
  ['a client of which nothing was changed', [200, 200], async () => undefined],
] as const satisfies readonly (readonly [
  string,
  readonly (string | 200)[],
  (client: TestClient) => Promise<unknown>,
])[];

const before = new Map<string, Changed>();
let rotated: TestClient;
let uploaded: TestClient;
let renewed: Changed;

beforeAll(async () => {
  server = await startTestServer({ database: await openDatabaseIn(directory) });
  for (const [name, , change] of changes) before.set(name, await changed(change));
  rotated = await rotate(server, await aClient(server));
  uploaded = await aPartnerWith(server, makeCertificate({ subject: '/O=Example' }));
  const client = await aClient(server);
  const next = { ...client, identity: await addCertificate(server, client) };
  renewed = { client: next, token: await aToken(server, next) };
  await endCertificate(server, identityOf(client));
  at = server.time.now;
});
afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

describe('after a restart', () => {
  beforeAll(async () => {
    await server.stop();
    server = await startTestServer({ database: await openDatabaseIn(directory) });
    server.time.now = at + minuteMs;
  });

  for (const [name, outcomes] of changes) {
    test(`${name} gets ${outcomes[0]}, its token ${outcomes[1]}`, async () => {
      const found = before.get(name);
      if (found === undefined) throw new Error('there is no such client');
      expect(await outcomesOf(found)).toEqual(outcomes);
    });
  }

  test('[SEC-17] [CERT-32] a newer secret, an uploaded certificate and a renewed one work on', async () => {
    expect([await outcomeWith(server, rotated), await outcomeWith(server, uploaded)]).toEqual([200, 200]);
    expect(await outcomesOf(renewed)).toEqual([200, 200]);
  });

  test('[SEC-13] the last uses of before are known', async () => {
    const { secrets, certificates } = await describeClient(server, renewed.client);
    expect(secrets[0]?.lastUsedAt?.getTime()).toBeGreaterThan(at - minuteMs);
    expect(certificates.map(({ lastUsedAt }) => lastUsedAt !== null)).toContain(true);
  });

  test('[SEC-17] [CERT-32] an overlap and a pause end when they would have ended', async () => {
    server.time.now = at + 61 * minuteMs;
    const outcomes = await Promise.all(
      ['[SEC-17] a secret in its overlap', '[SEC-17] a paused secret', '[CERT-32] a paused certificate'].map(
        async (name) => {
          const client = before.get(name)?.client;
          return client && outcomeOf(await requestToken(server, client));
        },
      ),
    );
    expect(outcomes).toEqual(['secret_replaced', 200, 200]);
  });
});
