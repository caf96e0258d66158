// A simulator as a child process: started, watched, started again, ended.

import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from '@tollward/protocol';
import { PortInUseError } from '../platform/listeners/listen.js';
import type { Log } from '../platform/observability/log.js';

export interface Simulator {
  /** Resolves when it listens for the first time. Rejects with PortInUseError or SimulatorError; it has ended then. */
  readonly ready: Promise<void>;
  /** Where it listens, or listened last while it is away. */
  url(): string | undefined;
  /** Ends it and resolves when it is gone. */
  stop(): Promise<void>;
}

export interface SimulatorOptions {
  readonly environment: Environment;
  readonly program: string;
  readonly words: readonly string[];
  /** The one in `words`, for what is said when somebody else has it. */
  readonly port: number;
  readonly log: Log;
  readonly restartMs?: number;
  readonly mostRestarts?: number;
  readonly monotonic?: () => number;
}

/** The simulator ended before it listened. */
export class SimulatorError extends Error {
  override readonly name = 'SimulatorError';
}

/** How long it may take to write its last lines. */
const endMs = 5_000;
/** One that lived for so long ended for another reason than the one before. */
const steadyMs = 60_000;

const staysAway =
  'the simulator ended too often and stays away: see what it said before, and start "tollward dev" again';

/** Starts it. One that listened and ends by itself is started again. */
export function startSimulator(options: SimulatorOptions): Simulator {
  const { environment, log, restartMs = 1_000, monotonic = () => performance.now() } = options;
  // One that can not live is not started for ever.
  const { mostRestarts = 10 } = options;
  const stopping = new AbortController();
  let child = spawnChild(options);
  let url: string | undefined;
  const listen = async (): Promise<void> => {
    url = await child.listening;
  };

  const watch = async (): Promise<void> => {
    for (let restarts = 0; ; restarts += 1) {
      const startedAt = monotonic();
      const how = await child.ended;
      // One that never listened is for whoever waits for it.
      if (stopping.signal.aborted || url === undefined) return;
      if (monotonic() - startedAt >= steadyMs) restarts = 0;
      const stays = restarts === mostRestarts;
      log.logger.error({ environment, ended: how }, stays ? staysAway : 'the simulator ended and is started again');
      if (stays) return;
      await delay(restartMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      child = spawnChild(options);
      // One that ends before it listens is seen by its end.
      listen().catch(() => undefined);
    }
  };
  const ready = listen();
  ready.catch(() => undefined);
  const watching = watch();
  return {
    ready,
    url: () => url,
    stop: async () => {
      stopping.abort();
      child.end();
      await watching;
    },
  };
}

interface Child {
  readonly listening: Promise<string>;
  /** Resolves to how it ended. */
  readonly ended: Promise<string>;
  end(): void;
}

function spawnChild({ environment, program, words, port, log }: SimulatorOptions): Child {
  // It ends with its standard input, so also when we are killed. A group of its own: Ctrl-C in a terminal is for us, who
  // let running calls end first.
  const child = spawn(process.execPath, [program, ...words, '--end-with-stdin'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: withoutSettings(process.env),
    detached: true,
  });
  // It may be gone already.
  child.stdin.on('error', () => undefined);
  let lastError = '';
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === null ? `by ${signal}` : `with code ${code}`));
  });
  const listening = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const url = parseListening(line);
      if (url !== undefined) {
        log.logger.info({ environment, pid: child.pid, url }, 'the simulator listens');
        resolve(url);
      } else log.logger.info({ environment, simulator: parseLine(line) }, 'the simulator says');
    });
    createInterface({ input: child.stderr }).on('line', (line) => {
      lastError = line;
      log.logger.warn({ environment, simulator: parseLine(line) }, 'the simulator says');
    });
    void ended.then((how) => reject(decideStartError(environment, how, lastError, port)));
  });
  return {
    listening,
    ended,
    end: () => {
      child.stdin.end();
      const kill = setTimeout(() => child.kill('SIGKILL'), endMs);
      void ended.then(() => clearTimeout(kill));
    },
  };
}

function decideStartError(environment: Environment, how: string, lastError: string, port: number): Error {
  if (lastError.includes('EADDRINUSE')) return new PortInUseError(port);
  return new SimulatorError(`The simulator of ${environment} ended ${how} before it listened. ${lastError}`.trimEnd());
}

/** The first line that it writes. */
function parseListening(line: string): string | undefined {
  return /^\{"listening":"(http:\/\/[\w.:]+)"\}$/.exec(line)?.[1];
}

/** Its lines are JSON; others are those of Node. */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}

/** Our secrets can be among our settings. */
function withoutSettings(variables: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !name.startsWith('TOLLWARD_')));
}
