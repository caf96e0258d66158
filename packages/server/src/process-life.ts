// What `dev` and `serve` have in common: the management socket of the process, what it reads again, and its end.

import { performance } from 'node:perf_hooks';
import type { RunningTollward } from './compose.js';
import { type ManagementSocket, openManagementSocket } from './platform/listeners/management-socket.js';
import type { Log } from './platform/observability/log.js';
import { createManagementSurface } from './surfaces/management/management-surface.js';
import type { InjectedFaults } from './surfaces/wire/injected-faults.js';
import { version } from './version.js';

/** How long running requests may take to end. */
export const drainMs = 25_000;

export async function openManagement(
  dataDir: string,
  tollward: RunningTollward,
  log: Log,
  injectedFaults?: InjectedFaults,
): Promise<ManagementSocket> {
  const startedAt = new Date(tollward.core.clock()).toISOString();
  const status = async () => {
    const checks = await tollward.checkReadiness();
    return {
      version,
      pid: process.pid,
      startedAt,
      listeners: [...tollward.listeners],
      ready: checks.every(({ ok }) => ok),
      checks: [...checks],
      node: tollward.core.feed.nodeId,
    };
  };
  const surface = createManagementSurface({
    ...tollward.core,
    clients: tollward.core.standing,
    status,
    injectedFaults,
    onFault: (error) => log.logger.error({ error }, 'management request failed'),
  });
  await surface.ready();
  return openManagementSocket({ dataDirectory: dataDir, server: surface.server });
}

/** Reads the files again that may change while it runs. What can not be used is said in the log. */
export function readFilesAgain(tollward: RunningTollward, { logger }: Log): void {
  logger.info('reading the files of server certificates and route policies again');
  tollward
    .refreshCertificates()
    .catch((error: unknown) => logger.error({ error }, 'the server certificates could not be read again'));
  tollward
    .reloadPolicies()
    .catch((error: unknown) => logger.error({ error }, 'the route policies could not be read again'));
}

/** A terminal gives Ctrl-C to npm and to us, and npm passes it on: what comes this soon is the same wish twice. */
const sameWishMs = 500;

/** Resolves at the first SIGINT or SIGTERM; a second wish to stop ends the process at once. */
export function untilSignal(onStopping: () => void): Promise<void> {
  return new Promise((resolve) => {
    let stoppingSince: number | undefined;
    const onSignal = (): void => {
      if (stoppingSince === undefined) {
        stoppingSince = performance.now();
        onStopping();
        resolve();
      } else if (performance.now() - stoppingSince > sameWishMs) process.exit(1);
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  });
}
