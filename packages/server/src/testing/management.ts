// A management API on an empty database in memory, with the real capabilities behind it and a clock that stands still.

import { createRefusalRecorder } from '../refusals/index.js';
import { createManagementSurface } from '../surfaces/management/management-surface.js';
import type { InjectedFaults } from '../surfaces/wire/injected-faults.js';
import { openTestCapabilities } from './capabilities.js';
import { openTestDatabase } from './database.js';

export type TestManagement = Awaited<ReturnType<typeof openTestManagement>>;

export async function openTestManagement(injectedFaults?: InjectedFaults) {
  const faults: unknown[] = [];
  const database = await openTestDatabase();
  const capabilities = await openTestCapabilities(database);
  const refusals = createRefusalRecorder({ database, onDropped: () => undefined });
  const surface = createManagementSurface({
    ...capabilities,
    refusals,
    clock: () => capabilities.time.now,
    status: async () => ({
      version: '1.2.3',
      pid: 42,
      startedAt: '2026-03-01T11:00:00.000Z',
      listeners: [{ environment: 'sandbox', listener: 'api', url: 'https://localhost:8443' }],
      ready: true,
      checks: [],
      node: null,
    }),
    injectedFaults,
    onFault: (error) => faults.push(error),
  });

  return {
    ...capabilities,
    surface,
    refusals,
    faults,
    close: async () => {
      await surface.close();
      await database.close();
    },
  };
}
