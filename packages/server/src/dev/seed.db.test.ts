// The example partners, when their certificates would have to come from a brought authority that is over.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePem } from '@tollward/protocol/pem';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createAuthority } from '../certificates/certificate-authority.js';
import { revokeClient } from '../clients/index.js';
import type { Settings } from '../platform/config/settings.js';
import { openDatabaseIn, startTestServer, type TestServer } from '../testing/index.js';
import { seed } from './seed.js';

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

  const start = async (name: string, settings: Partial<Settings>): Promise<TestServer> => {
    const directory = join(folder, name);
    await mkdir(directory, { recursive: true });
    return startTestServer({ database: await openDatabaseIn(directory), settings });
  };

  test('stay as they are when they can not be made anew, and the server starts', async () => {
    const dataDir = join(folder, 'data');
    const first = await start('database', {});
    const seeded = await seed(dataDir, first);
    const { clientId } = seeded.sandbox.partner;
    const { database, random, standing } = first.core;
    await revokeClient(clientId, 'operator', first.time.now, {
      database,
      random,
      standingChanged: standing.invalidate,
    });
    await first.stop();

    const second = await start('database', over);
    onTestFinished(() => second.stop());
    expect((await seed(dataDir, second)).sandbox).toEqual(seeded.sandbox);
  });

  test('are missed at the very first start, which says why', async () => {
    const server = await start('empty database', over);
    onTestFinished(() => server.stop());
    await expect(seed(join(folder, 'new data'), server)).rejects.toThrow('The partner CA of sandbox is over');
  });
});
