// The example partners: how they are made, brought up, and kept when they can not be made anew.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '@tollward/protocol';
import { encodePem } from '@tollward/protocol/pem';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createAuthority } from '../certificates/certificate-authority.js';
import { type PolicyChanges, revokeClient, updateClient } from '../clients/index.js';
import type { Settings } from '../platform/config/settings.js';
import { openDatabaseIn, startTestServer, type TestServer } from '../testing/index.js';
import { seed } from './seed.js';

describe('the switches of the example partners', () => {
  let folder: string;
  let server: TestServer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tollward-seed-'));
    server = await startTestServer();
  });
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });

  type Seeded = Awaited<ReturnType<typeof seed>>;
  const switchesOf = async (environment: Environment, clientId: string): Promise<PolicyChanges> => {
    const { embeddedModel, scaOff } = (await server.core.standing.confirm(environment, clientId)) ?? {};
    return { embeddedModel, scaOff };
  };
  const switches = async ({ sandbox, production }: Seeded) => [
    await switchesOf('sandbox', sandbox.partner.clientId),
    await switchesOf('sandbox', sandbox.other.clientId),
    await switchesOf('production', production.partner.clientId),
    await switchesOf('production', production.other.clientId),
  ];
  const change = async (clientId: string, changes: PolicyChanges): Promise<void> => {
    const { database, random, standing } = server.core;
    const command = { clientId, changes, actor: 'operator' } as const;
    await updateClient(command, server.time.now, { database, random, standingChanged: standing.invalidate });
  };
  const asMade = [
    { embeddedModel: true, scaOff: true },
    { embeddedModel: true, scaOff: false },
    { embeddedModel: true, scaOff: false },
    { embeddedModel: true, scaOff: false },
  ];

  test('let both send money, with strong authentication off for the first one in sandbox only', async () => {
    expect(await switches(await seed(join(folder, 'new'), server))).toEqual(asMade);
  });

  test('are set once for the partners of the version before, and stay as the operator sets them', async () => {
    const dataDir = join(folder, 'older');
    const seeded = await seed(dataDir, server);
    const { sandbox, production } = seeded;
    for (const { partner, other } of [sandbox, production]) {
      await change(partner.clientId, { embeddedModel: false, scaOff: false });
      await change(other.clientId, { embeddedModel: false });
    }
    // What the version before did not write.
    await rm(sandbox.callsFile);
    await rm(production.callsFile);
    expect(await seed(dataDir, server)).toEqual(seeded);
    expect(await switches(seeded)).toEqual(asMade);

    await change(sandbox.other.clientId, { embeddedModel: false });
    await seed(dataDir, server);
    expect(await switchesOf('sandbox', sandbox.other.clientId)).toEqual({ embeddedModel: false, scaOff: false });
  });

  test('are left alone at partners of the version before when somebody set one of them', async () => {
    const dataDir = join(folder, 'touched');
    const { sandbox } = await seed(dataDir, server);
    await change(sandbox.partner.clientId, { embeddedModel: true, scaOff: false });
    await rm(sandbox.callsFile);
    await seed(dataDir, server);
    expect(await switchesOf('sandbox', sandbox.partner.clientId)).toEqual({ embeddedModel: true, scaOff: false });
  });
});

const elevenYearsMs = 11 * 366 * 86_400_000;

describe('the example partners of a server whose partner authority is over', () => {
  let folder: string;
  let over: Partial<Settings>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tollward-seed-'));
    const made = { environment: 'sandbox', kind: 'partner', now: Date.now() - elevenYearsMs } as const;
    const { issuingCertificatePem, issuingKeyPkcs8 } = await createAuthority(made);
    over = {
      sandboxPartnerCaCertificate: issuingCertificatePem,
      sandboxPartnerCaKey: encodePem('PRIVATE KEY', issuingKeyPkcs8),
    };
  });
  afterAll(() => rm(folder, { recursive: true }));

  const start = async (settings: Partial<Settings>): Promise<TestServer> => {
    const directory = join(folder, 'database');
    await mkdir(directory, { recursive: true });
    return startTestServer({ database: await openDatabaseIn(directory), settings });
  };

  test('stay as they are when they can not be made anew, and the server starts', async () => {
    const dataDir = join(folder, 'data');
    const first = await start({});
    const seeded = await seed(dataDir, first);
    const { clientId } = seeded.sandbox.partner;
    const { database, random, standing } = first.core;
    await revokeClient(clientId, 'operator', first.time.now, {
      database,
      random,
      standingChanged: standing.invalidate,
    });
    await first.stop();

    const second = await start(over);
    onTestFinished(() => second.stop());
    expect((await seed(dataDir, second)).sandbox).toEqual(seeded.sandbox);
  }, 60_000);

  test('are missed at the very first start, which says why', async () => {
    const server = await startTestServer({ settings: over });
    onTestFinished(() => server.stop());
    await expect(seed(join(folder, 'new data'), server)).rejects.toThrow('The partner CA of sandbox is over');
  });
});
