// A management API on an empty database in memory, with the real capabilities behind it and a clock that stands still.

import { randomBytes } from 'node:crypto';
import { openAuthorities } from '../certificates/index.js';
import type { Database } from '../platform/database/database.js';
import { openHmacKeyring } from '../platform/keys/hmac-keyring.js';
import { createMasterKey } from '../platform/keys/master-key.js';
import { createHexIds } from '../platform/random.js';
import { createRateLimiter } from '../platform/rate-limiter.js';
import { SecretValue } from '../platform/secret-value.js';
import { createRefusalRecorder } from '../refusals/index.js';
import { createManagementSurface } from '../surfaces/management/management-surface.js';
import { createStanding, createTokenOpener, issueToken, openTokenKeyring } from '../tokens/index.js';
import { openTestDatabase } from './database.js';

export type TestManagement = Awaited<ReturnType<typeof openTestManagement>>;

export async function openTestManagement() {
  const time = { now: Date.parse('2026-03-01T12:00:00.000Z') };
  const clock = (): number => time.now;
  const faults: unknown[] = [];
  const database: Database = await openTestDatabase();
  const masterKey = createMasterKey(new SecretValue(randomBytes(32).toString('base64')));
  const authorities = await openAuthorities(database, masterKey, time.now, randomBytes);
  const hmacKeys = await openHmacKeyring(database, masterKey, time.now);
  const tokenKeys = await openTokenKeyring(database, masterKey, time.now);
  const clients = createStanding(database, clock);
  const refusals = createRefusalRecorder({ database, onDropped: () => undefined });
  const surface = createManagementSurface({
    database,
    authorities,
    hmacKeys,
    tokens: createTokenOpener(tokenKeys),
    clients,
    refusals,
    clock,
    random: randomBytes,
    status: async () => ({
      version: '1.2.3',
      pid: 42,
      startedAt: '2026-03-01T11:00:00.000Z',
      listeners: [{ environment: 'sandbox', listener: 'api', url: 'https://localhost:8443' }],
      ready: true,
    }),
    onFault: (error) => faults.push(error),
  });

  /** A token request as a client of the sandbox makes it on the listener without certificates. */
  const requestToken = (clientId: string, secret: string) =>
    issueToken(
      {
        environment: 'sandbox',
        peer: 'not-asked',
        mtlsUrl: 'https://localhost:8444',
        authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
        parameters: new Map([['grant_type', 'client_credentials']]),
        now: time.now,
        proof: { proved: undefined },
      },
      {
        clients,
        hmacKeys,
        tokenKeys,
        clientRates: createRateLimiter(),
        defaultClientLimits: { perSecond: 100, perMinute: 1_000 },
        random: randomBytes,
        newTokenId: createHexIds(randomBytes),
      },
    );

  return {
    surface,
    database,
    refusals,
    requestToken,
    time,
    faults,
    close: async () => {
      await surface.close();
      await database.close();
    },
  };
}
