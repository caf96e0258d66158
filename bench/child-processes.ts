// The processes the bench starts. Whatever happens, none of them outlives it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

const GRACE_MILLISECONDS = 5000;

/** Everything measured shares core 0; what drives it, and the API behind it, has core 1. */
export type Core = 0 | 1;

export interface StartedProcess {
  readonly pid: number;
  hasEnded(): boolean;
  stop(): Promise<void>;
}

interface ServerProcessOptions {
  readonly command: readonly string[];
  readonly core: Core;
  readonly environment: NodeJS.ProcessEnv;
  readonly workingDirectory: string;
  /** Takes stdout and stderr. A file, because a pipe would make this process work while the server is measured. */
  readonly outputFile: string;
}

/** True when one core can be kept for the server and another for the generator. */
export function canPinCores(): boolean {
  if (availableParallelism() < 2) return false;
  return [0, 1].every((core) => spawnSync('taskset', ['-c', String(core), 'true']).status === 0);
}

export class ChildProcesses {
  readonly #pinned: boolean;
  readonly #running = new Set<ChildProcess>();
  #closing = false;

  constructor(pinned: boolean) {
    this.#pinned = pinned;
  }

  /** Starts a program that stays. */
  startServer(options: ServerProcessOptions): StartedProcess {
    const output = openSync(options.outputFile, 'a');
    const child = this.#spawn(options.command, options.core, {
      cwd: options.workingDirectory,
      env: options.environment,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    if (child.pid === undefined) throw new Error(`could not start ${options.command[0]}`);
    return { pid: child.pid, hasEnded: () => hasEnded(child), stop: () => this.#stop(child) };
  }

  /** Runs a Node program to its end on the generator's core and returns what it printed. */
  async run(programArguments: readonly string[]): Promise<string> {
    const child = this.#spawn([process.execPath, ...programArguments], 1, { stdio: ['ignore', 'pipe', 'inherit'] });
    if (child.stdout === null) throw new Error('a child process has no standard output');
    const [printed] = await Promise.all([text(child.stdout), once(child, 'close')]);
    if (child.exitCode !== 0) {
      throw new Error(`${programArguments[0]} ended with ${child.signalCode ?? `code ${child.exitCode}`}`);
    }
    return printed;
  }

  /** Ends every process; nothing can be started afterwards. */
  async stopRunning(): Promise<void> {
    await Promise.all([...this.#running].map((child) => this.#stop(child)));
  }

  /** As stopRunning, and nothing can be started any more. */
  async stopAll(): Promise<void> {
    this.#closing = true;
    await this.stopRunning();
  }

  #spawn(command: readonly string[], core: Core, options: Parameters<typeof spawn>[2]): ChildProcess {
    if (this.#closing) throw new Error('the bench is ending');
    // taskset replaces itself by the program, so the pid is the program's own.
    const [program = '', ...rest] = this.#pinned ? ['taskset', '-c', String(core), ...command] : command;
    const child = spawn(program, rest, options);
    this.#running.add(child);
    child.once('close', () => this.#running.delete(child));
    return child;
  }

  async #stop(child: ChildProcess): Promise<void> {
    if (hasEnded(child)) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = new AbortController();
    const graceOver = sleep(GRACE_MILLISECONDS, undefined, { signal: timer.signal }).then(() => child.kill('SIGKILL'));
    await Promise.race([ended, graceOver]).finally(() => timer.abort());
    await ended;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
