// The built program as its users run it: processes, their output and their end. Importing this ends every process and
// removes every directory when the tests of the file are over.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Program {
  readonly pid: number;
  /** Resolves when the process is gone and all of its output was read. */
  readonly ended: Promise<Ended>;
  /** What it wrote to standard output so far. */
  out(): string;
  /** What it wrote to standard error so far. */
  error(): string;
  /** Resolves when standard output has `pattern`. @throws when the process ends without it */
  until(pattern: RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export type Variables = Readonly<Record<string, string>>;

const bin = fileURLToPath(new URL('../../packages/server/bin/tollward.js', import.meta.url));
const running = new Set<ChildProcess>();
const directories: string[] = [];

afterAll(async () => {
  const ends = [...running].map((child) => new Promise((resolve) => child.once('close', resolve)));
  for (const child of running) child.kill('SIGKILL');
  await Promise.all(ends);
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A fresh, empty directory. */
export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tollward-system-'));
  directories.push(directory);
  return directory;
}

/** What a process sees of the environment: nothing of the test run but the way to its tools. */
function variablesOf(variables: Variables = {}): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', ...variables };
}

export function startProgram(words: readonly string[], variables: Variables = {}): Program {
  const own = makeDirectory();
  return watch(
    spawn(process.execPath, [bin, ...words], {
      cwd: own,
      env: variablesOf({ TMPDIR: own, ...variables }),
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
}

/** A command of a POSIX shell, as pasted. */
export function startShell(command: string, variables: Variables = {}): Program {
  return watch(spawn('sh', ['-c', command], { env: variablesOf(variables), stdio: ['ignore', 'pipe', 'pipe'] }));
}

export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

export async function finish(program: Program): Promise<Finished> {
  const { code } = await program.ended;
  return { code, out: program.out(), error: program.error() };
}

export interface DevOptions {
  readonly portBase?: number;
  readonly variables?: Variables;
  /** With the simulators, which cost two more processes a start. Left out, nobody is at the address of the upstreams. */
  readonly simulated?: boolean;
}

/** The discard port, where nobody listens. */
const nobody = 'http://127.0.0.1:9';

export function startDev(dataDirectory: string, options: DevOptions = {}): Program {
  const { portBase = 0, variables = {}, simulated = false } = options;
  const upstreams = simulated ? {} : { TOLLWARD_SANDBOX_UPSTREAM: nobody, TOLLWARD_PRODUCTION_UPSTREAM: nobody };
  return startProgram(['--data-dir', dataDirectory, 'dev', '--port-base', String(portBase)], {
    ...upstreams,
    ...variables,
  });
}

/** As startDev; resolves when it is ready and has printed its quick start. */
export async function startedDev(dataDirectory: string, options: DevOptions = {}): Promise<Program> {
  const program = startDev(dataDirectory, options);
  await program.until(lastLine);
  return program;
}

const firstLine = /^Tollward is ready.*\n/m;
const lastLine = /^Stop with Ctrl-C.*\n\n/m;

/** The quick start that `dev` printed. */
export function quickStartOf(program: Program): string {
  const text = program.out();
  const start = firstLine.exec(text)?.index ?? 0;
  const end = lastLine.exec(text);
  return end === null ? '' : text.slice(start, end.index + end[0].length);
}

/** Ends it the way an operator does. */
export function stopDev(program: Program): Promise<Ended> {
  program.kill('SIGTERM');
  return program.ended;
}

/** The base URL of health and metrics, as printed. */
export function operationsUrlOf(program: Program): string {
  const url = /^Health\s+(\S+)\/health\/ready$/m.exec(program.out())?.[1];
  if (url === undefined) throw new Error('no address of health is printed');
  return url;
}

export async function statusOf(url: string): Promise<number> {
  return (await fetch(url)).status;
}

/** How far each port is from the port base, as documented. */
const distances = [3, 4, 7, 650, 1_003, 1_004, 1_007];

/** A port base of which all ports are free, below the ports that systems hand out by themselves. */
export async function findPortBase(): Promise<number> {
  for (;;) {
    const base = randomInt(20_000, 31_000);
    const free = await Promise.all(distances.map((distance) => isFree(base + distance)));
    if (!free.includes(false)) return base;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function watch(child: ChildProcess): Program {
  running.add(child);
  const text = { out: '', error: '' };
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text.out += chunk;
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text.error += chunk;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  return {
    pid: child.pid ?? 0,
    ended,
    out: () => text.out,
    error: () => text.error,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (pattern.test(text.out)) resolve();
        };
        child.stdout?.on('data', look);
        look();
        void ended.then(({ code }) =>
          reject(new Error(`ended with ${code} before ${pattern} was there: ${text.out}${text.error}`)),
        );
      }),
    kill: (signal) => void child.kill(signal),
  };
}
