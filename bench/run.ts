// `npm run bench`: measures Tollward against bare in one run and exits 1 above a gate or on any error.

import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChildProcesses, canPinCores } from './child-processes.js';
import { type Contender, listContenders } from './contenders.js';
import { findCpuObstacle } from './cpu.js';
import type { ConnectionMode, LoadPlan, LoadResult } from './load-plan.js';
import { type BenchOptions, parseOptions } from './options.js';
import { formatTable, judge, summarise } from './report.js';
import { startServers } from './servers.js';

const GENERATOR_PROGRAM = fileURLToPath(new URL('./load-generator.js', import.meta.url));
const CONNECTIONS: Readonly<Record<ConnectionMode, number>> = { 'keep-alive': 32, 'new-connection': 16 };

/** Before the first round, for the server's compiler; before every later window, for the generator's, a new process each time. */
const SERVER_WARM_UP_SECONDS = 2.5;
const GENERATOR_WARM_UP_SECONDS = 0.6;

const ATTEMPTS = 5;

const EXIT_FAILED = 1;
const EXIT_CANNOT_RUN = 2;
const EXIT_INTERRUPTED = 130;

interface Phase {
  readonly warmUpSeconds: number;
  readonly windowSeconds: number;
}

interface Workplace {
  readonly children: ChildProcesses;
  readonly directory: string;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function measure(children: ChildProcesses, contender: Contender, phase: Phase): Promise<LoadResult> {
  const plan: LoadPlan = {
    target: contender.server.target,
    exchange: contender.exchange,
    expectedStatus: 200,
    mode: contender.mode,
    connections: CONNECTIONS[contender.mode],
    serverPid: contender.server.pid,
    ...phase,
  };
  return JSON.parse(await children.run([GENERATOR_PROGRAM, JSON.stringify(plan)])) as LoadResult;
}

async function runBench({ children, directory }: Workplace, options: BenchOptions): Promise<boolean> {
  say('Starting Tollward twice (default logs, logging off) and bare.');
  const outputFiles: string[] = [];
  const contenders = listContenders(await startServers(children, directory, outputFiles));
  const measured = contenders.map((contender) => ({ contender, results: [] as LoadResult[] }));

  say('Warming up.');
  const warmUp = { warmUpSeconds: 0, windowSeconds: SERVER_WARM_UP_SECONDS };
  for (const contender of contenders) {
    const { errors, firstError } = await measure(children, contender, warmUp);
    if (errors > 0) throw new Error(`${contender.label}: ${errors} errors while warming up, the first: ${firstError}`);
  }

  const round = { warmUpSeconds: GENERATOR_WARM_UP_SECONDS, windowSeconds: options.windowSeconds };
  for (let number = 1; number <= options.rounds; number += 1) {
    say(`Round ${number} of ${options.rounds}.`);
    // Every other round runs backwards, so that slow drift of the machine favours nobody.
    for (const { contender, results } of number % 2 === 1 ? measured : measured.toReversed()) {
      results.push(await measure(children, contender, round));
      // A request log of a whole run would fill the disk. The servers append, so they go on at the new end.
      for (const outputFile of outputFiles) truncateSync(outputFile);
    }
  }

  const rows = summarise(measured.map(({ contender, results }) => ({ ...contender, results })));
  say(`\n${formatTable(rows)}\n`);
  say(
    'Medians of all rounds; ratio = CPU per request against bare, round by round. TLS 1.3, mTLS, 32 kept connections',
  );
  say('or 16 at a time with a full handshake each. Limits are on; only their thresholds are raised above the load.\n');
  const verdicts = judge(rows);
  for (const { pass, line } of verdicts) say(`${pass ? 'pass' : 'FAIL'}  ${line}`);
  return verdicts.every(({ pass }) => pass);
}

/**
 * Two processes of the same program can differ by 15 % for their whole life, by where their code and heap happen to lie, and a
 * machine that others use too can be off for minutes. A gate that fails is therefore measured again with fresh processes, and
 * fails the run when no attempt passes.
 */
async function passesOnce({ children, directory }: Workplace, options: BenchOptions): Promise<boolean> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    if (attempt > 1) say(`\nAbove a gate: attempt ${attempt} of ${ATTEMPTS}, with fresh processes.\n`);
    const ownDirectory = mkdtempSync(join(directory, 'attempt-'));
    if (await runBench({ children, directory: ownDirectory }, options)) return true;
    await children.stopRunning();
  }
  return false;
}

async function main(): Promise<number> {
  const parsed = parseOptions(process.argv.slice(2));
  const obstacle = parsed.ok ? findCpuObstacle() : `${parsed.problem}\nUsage: npm run bench -- [--quick] [--rounds N]`;
  if (!parsed.ok || obstacle !== undefined) {
    process.stderr.write(`${obstacle}\n`);
    return EXIT_CANNOT_RUN;
  }
  const pinned = canPinCores();
  if (!pinned) say('No second core or no taskset: servers and generator share cores, so expect more noise.');

  const workplace = { children: new ChildProcesses(pinned), directory: mkdtempSync(join(tmpdir(), 'tollward-bench-')) };
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
    // The step under way then fails, and the clean-up below does the rest.
    void workplace.children.stopAll();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  try {
    return (await passesOnce(workplace, parsed.options)) ? 0 : EXIT_FAILED;
  } catch (cause) {
    if (interrupted) return EXIT_INTERRUPTED;
    process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
    return EXIT_FAILED;
  } finally {
    await workplace.children.stopAll();
    rmSync(workplace.directory, { recursive: true, force: true });
  }
}

process.exitCode = await main();
