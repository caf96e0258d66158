// Starts the program under test and finds out how to reach it: as a partner's developer would, `tollward dev`, or as a node.

import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import type { ChildProcesses, StartedProcess } from './child-processes.js';
import type { HttpExchange, TlsTarget } from './load-plan.js';

const PROGRAM = fileURLToPath(new URL('../../packages/server/bin/tollward.js', import.meta.url));
const POLICY_FILE = fileURLToPath(new URL('../policy.yaml', import.meta.url));
const START_TIMEOUT_MILLISECONDS = 60_000;
const POLL_MILLISECONDS = 100;
const SHOWN_OUTPUT_CHARACTERS = 4000;

/** Distance of every port from the base, by the default layout (base 8440). */
const HEALTH_PORT_OFFSET = 650;
const PORT_OFFSETS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, HEALTH_PORT_OFFSET, 1003, 1004, 1005, 1007];
/** Below the range from which the kernel takes ports for outgoing connections. */
const FIRST_PORT_BASE = 21_000;
const LAST_PORT_BASE = 31_000;
const PORT_BASE_TRIES = 100;

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

/** Settings with which the routes of policy.yaml are forwarded, and no simulator is started. */
export function gatewaySettings(upstreamUrl: string): Readonly<Record<string, string>> {
  return {
    TOLLWARD_SANDBOX_POLICY_FILE: POLICY_FILE,
    TOLLWARD_SANDBOX_UPSTREAM: upstreamUrl,
    TOLLWARD_PRODUCTION_UPSTREAM: upstreamUrl,
  };
}

export interface ProgramOptions {
  readonly children: ChildProcesses;
  /** A fresh directory of this process. */
  readonly directory: string;
  readonly settings: Readonly<Record<string, string>>;
}

interface StartDescription {
  readonly words: readonly string[];
  readonly settings?: Readonly<Record<string, string>>;
  /** In the data directory: the last one that it writes before it can be used. */
  readonly lastFile: string;
}

export interface RunningProgram {
  readonly pid: number;
  readonly dataDirectory: string;
  readonly portBase: number;
  readonly outputFile: string;
}

/** What a client needs to ask for tokens. */
export interface Partner {
  readonly target: TlsTarget;
  /** The value of the Authorization header of a token request. */
  readonly basicCredentials: string;
}

export async function startTollward(options: ProgramOptions): Promise<RunningProgram & Partner> {
  const running = await startProgram(options, (portBase) => ({
    words: ['dev', '--port-base', String(portBase)],
    lastFile: 'sandbox.env',
  }));
  const { dataDirectory } = running;
  const file = readFileSync(join(dataDirectory, 'sandbox.env'), 'utf8');
  return { ...running, ...(await readPartner(file, dataDirectory)) };
}

/** Resolves when it answers that it is ready. */
export async function startProgram(
  { children, directory, settings }: ProgramOptions,
  describe: (portBase: number) => StartDescription,
): Promise<RunningProgram> {
  const dataDirectory = join(directory, 'data');
  const outputFile = join(directory, 'output.log');
  const portBase = await findFreePortBase();
  const described = describe(portBase);
  const server = children.startServer({
    command: [process.execPath, PROGRAM, '--data-dir', dataDirectory, ...described.words],
    environment: { ...environmentWithoutTollward(), ...RAISED_LIMITS, ...settings, ...described.settings },
    workingDirectory: directory,
    outputFile,
    core: 0,
  });
  await waitUntilReady(server, join(dataDirectory, described.lastFile), portBase + HEALTH_PORT_OFFSET, outputFile);
  return { pid: server.pid, dataDirectory, portBase, outputFile };
}

/** Runs a command of the program to its end. @throws when it fails */
export function runCommand(words: readonly string[], settings: Readonly<Record<string, string>>): void {
  execFileSync(process.execPath, [PROGRAM, ...words], { env: { ...environmentWithoutTollward(), ...settings } });
}

/** @param text as in sandbox.env, with files named from `directory` */
export async function readPartner(text: string, directory: string): Promise<Partner> {
  const values = parseEnv(text);
  const value = (name: string): string => {
    const found = values[name];
    if (found === undefined) throw new Error(`there is no ${name} among the credentials`);
    return found;
  };
  const url = new URL(value('MTLS_URL'));
  const { address } = await lookup(url.hostname, { family: 4 });
  return {
    target: {
      host: url.hostname,
      address,
      port: Number(url.port),
      caFile: resolve(directory, value('CA_FILE')),
      clientCertificateFile: resolve(directory, value('CLIENT_CERT')),
      clientKeyFile: resolve(directory, value('CLIENT_KEY')),
    },
    basicCredentials: `Basic ${btoa(`${value('CLIENT_ID')}:${value('CLIENT_SECRET')}`)}`,
  };
}

export function tokenExchange({ basicCredentials }: Partner): HttpExchange {
  return {
    method: 'POST',
    path: '/oauth/token',
    headers: { authorization: basicCredentials, 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=client_credentials',
  };
}

/** Settings of the caller's shell must not decide what is measured. */
function environmentWithoutTollward(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TOLLWARD_')));
}

async function waitUntilReady(
  server: StartedProcess,
  lastFile: string,
  healthPort: number,
  outputFile: string,
): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MILLISECONDS;
  while (!(existsSync(lastFile) && (await answersReady(healthPort)))) {
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

/** A random one, because another bench or test may be looking at the same moment. */
async function findFreePortBase(): Promise<number> {
  for (let tries = 0; tries < PORT_BASE_TRIES; tries += 1) {
    const base = randomInt(FIRST_PORT_BASE, LAST_PORT_BASE);
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
