// Starts the bench's own programs. Each gets one JSON argument and prints one line of JSON when it listens.

import { readFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ChildProcesses, Core, StartedProcess } from './child-processes.js';

const START_TIMEOUT_MILLISECONDS = 10_000;
const POLL_MILLISECONDS = 50;

interface OwnProgram {
  readonly name: string;
  readonly program: URL;
  readonly configuration: unknown;
  readonly core: Core;
}

interface Listening {
  readonly pid: number;
  readonly port: number;
}

export async function startOwnProgram(
  children: ChildProcesses,
  directory: string,
  { name, program, configuration, core }: OwnProgram,
): Promise<Listening> {
  const outputFile = join(directory, `${name}.log`);
  const started = children.startServer({
    command: [process.execPath, fileURLToPath(program), JSON.stringify(configuration)],
    environment: process.env,
    workingDirectory: directory,
    outputFile,
    core,
  });
  await waitUntil(started, name, outputFile, () => Promise.resolve(readFileSync(outputFile, 'utf8').endsWith('\n')));
  const { port } = JSON.parse(readFileSync(outputFile, 'utf8')) as Pick<Listening, 'port'>;
  return { pid: started.pid, port };
}

/** @throws with its output, when the program ends or takes too long */
export async function waitUntil(
  started: StartedProcess,
  name: string,
  outputFile: string,
  isReady: () => Promise<boolean>,
): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MILLISECONDS;
  while (!(await isReady())) {
    if (started.hasEnded() || Date.now() > deadline) {
      throw new Error(`${name} did not start:\n${readFileSync(outputFile, 'utf8')}`);
    }
    await sleep(POLL_MILLISECONDS);
  }
}

/** The other end: listens on a free port, says which, and ends on SIGTERM. */
export function listenAsOwnProgram(server: Server): void {
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('listens on no port');
    process.stdout.write(`${JSON.stringify({ port: address.port })}\n`);
  });
  process.once('SIGTERM', () => process.exit(0));
}

export function readConfiguration<Configuration>(): Configuration {
  return JSON.parse(process.argv[2] ?? '') as Configuration;
}
