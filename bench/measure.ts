// Drives every contender in every round, and puts what was seen in rows.

import { truncateSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ChildProcesses } from './child-processes.js';
import type { Contender } from './contenders.js';
import type { ConnectionMode, LoadPlan, LoadResult, StreamPlan } from './load-plan.js';
import type { BenchOptions } from './options.js';
import { type Row, summarise } from './report.js';

const GENERATOR_PROGRAM = fileURLToPath(new URL('./load-generator.js', import.meta.url));
const STREAM_PROGRAM = fileURLToPath(new URL('./stream-client.js', import.meta.url));
const CONNECTIONS: Readonly<Record<ConnectionMode, number>> = { 'keep-alive': 32, 'new-connection': 16 };

/** Before the first round, for the server's compiler; before every later window, for the generator's, a new process each time. */
const SERVER_WARM_UP_SECONDS = 2.5;
const GENERATOR_WARM_UP_SECONDS = 0.4;

interface Phase {
  readonly warmUpSeconds: number;
  readonly windowSeconds: number;
}

interface Measurement {
  readonly children: ChildProcesses;
  readonly contenders: readonly Contender[];
  /** Files that grow while servers run. */
  readonly outputFiles: readonly string[];
  readonly options: Pick<BenchOptions, 'rounds' | 'windowSeconds'>;
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export async function measureAll({ children, contenders, outputFiles, options }: Measurement): Promise<readonly Row[]> {
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
  return summarise(measured.map(({ contender, results }) => ({ ...contender, results })));
}

function measure(children: ChildProcesses, { server, work }: Contender, phase: Phase): Promise<LoadResult> {
  const common = { targets: server.targets, serverPids: server.pids };
  if ('direction' in work) return drive(children, STREAM_PROGRAM, { ...common, ...work });
  const connections = CONNECTIONS[work.mode];
  return drive(children, GENERATOR_PROGRAM, { ...common, ...work, ...phase, expectedStatus: 200, connections });
}

async function drive(children: ChildProcesses, program: string, plan: LoadPlan | StreamPlan): Promise<LoadResult> {
  return JSON.parse(await children.run([program, JSON.stringify(plan)])) as LoadResult;
}
