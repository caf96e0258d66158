// Starts the program under test as a partner's developer would, `tollward dev`, and finds out how to reach it.

import { lookup } from 'node:dns/promises';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import type { ChildProcesses, StartedProcess } from './child-processes.js';
import type { TlsTarget } from './load-plan.js';

const PROGRAM = fileURLToPath(new URL('../../packages/server/bin/tollward.js', import.meta.url));
const START_TIMEOUT_MILLISECONDS = 60_000;
const POLL_MILLISECONDS = 100;
const SHOWN_OUTPUT_CHARACTERS = 4000;

/** Distance of every port from the base, by the default layout (base 8440). */
const HEALTH_PORT_OFFSET = 650;
const PORT_OFFSETS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, HEALTH_PORT_OFFSET, 1003, 1004, 1005];
/** Below the range from which the kernel takes ports for outgoing connections. */
const FIRST_PORT_BASE = 21_000;
const LAST_PORT_BASE = 31_000;
const PORT_BASE_STEP = 20;

/**
 * The load of a bench is far above what one client or address may ask by default. Only the thresholds are raised; every
 * request still passes the limiter and is counted.
 */
const RAISED_LIMITS: Readonly<Record<string, string>> = {
  TOLLWARD_CLIENT_REQUESTS_PER_SECOND: '100000000',
  TOLLWARD_CLIENT_REQUESTS_PER_MINUTE: '100000000',
  TOLLWARD_ADDRESS_REQUESTS_PER_SECOND: '100000000',
  TOLLWARD_ADDRESS_REQUESTS_PER_MINUTE: '100000000',
  TOLLWARD_ADDRESS_HANDSHAKES_PER_SECOND: '100000000',
  TOLLWARD_ADDRESS_HANDSHAKES_PER_MINUTE: '100000000',
};

interface RunningTollward {
  readonly pid: number;
  readonly target: TlsTarget;
  /** The value of the Authorization header of a token request. */
  readonly basicCredentials: string;
  readonly outputFile: string;
}

interface StartTollwardOptions {
  readonly children: ChildProcesses;
  /** A fresh directory of this process. */
  readonly directory: string;
  readonly settings: Readonly<Record<string, string>>;
}

export async function startTollward(options: StartTollwardOptions): Promise<RunningTollward> {
  const dataDirectory = join(options.directory, 'data');
  const outputFile = join(options.directory, 'output.log');
  const portBase = await findFreePortBase();
  const server = options.children.startServer({
    arguments: [PROGRAM, 'dev', '--data-dir', dataDirectory, '--port-base', String(portBase)],
    environment: { ...environmentWithoutTollward(), ...RAISED_LIMITS, ...options.settings },
    workingDirectory: options.directory,
    outputFile,
  });

  const environmentFile = join(dataDirectory, 'sandbox.env');
  await waitUntilReady(server, environmentFile, portBase + HEALTH_PORT_OFFSET, outputFile);

  const sandbox = parseEnv(readFileSync(environmentFile, 'utf8'));
  const value = (name: string): string => {
    const found = sandbox[name];
    if (found === undefined) throw new Error(`sandbox.env has no ${name}`);
    return found;
  };
  const url = new URL(value('MTLS_URL'));
  const { address } = await lookup(url.hostname, { family: 4 });
  return {
    pid: server.pid,
    target: {
      host: url.hostname,
      address,
      port: Number(url.port),
      caFile: resolve(dataDirectory, value('CA_FILE')),
      clientCertificateFile: resolve(dataDirectory, value('CLIENT_CERT')),
      clientKeyFile: resolve(dataDirectory, value('CLIENT_KEY')),
    },
    basicCredentials: `Basic ${btoa(`${value('CLIENT_ID')}:${value('CLIENT_SECRET')}`)}`,
    outputFile,
  };
}

/** Settings of the caller's shell must not decide what is measured. */
function environmentWithoutTollward(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TOLLWARD_')));
}

async function waitUntilReady(
  server: StartedProcess,
  environmentFile: string,
  healthPort: number,
  outputFile: string,
): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MILLISECONDS;
  while (!(existsSync(environmentFile) && (await answersReady(healthPort)))) {
    if (server.hasEnded() || Date.now() > deadline) {
      const output = readFileSync(outputFile, 'utf8').slice(-SHOWN_OUTPUT_CHARACTERS);
      throw new Error(`Tollward ${server.hasEnded() ? 'ended' : 'did not get ready'} while starting:\n${output}`);
    }
    await sleep(POLL_MILLISECONDS);
  }
}

async function answersReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health/ready`)).status === 200;
  } catch {
    return false;
  }
}

async function findFreePortBase(): Promise<number> {
  for (let base = FIRST_PORT_BASE; base < LAST_PORT_BASE; base += PORT_BASE_STEP) {
    const free = await Promise.all(PORT_OFFSETS.map((offset) => isPortFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error('no free range of ports for Tollward');
}

function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolvePort) => {
    const server = createServer();
    server.once('error', () => resolvePort(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolvePort(true)));
  });
}
