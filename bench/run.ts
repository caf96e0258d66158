// `npm run bench`: measures Tollward against bare in one run and exits 1 above a gate or on any error.

import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChildProcesses, canPinCores } from './child-processes.js';
import { type Contender, familyOf, isHandshake, listContenders } from './contenders.js';
import { findCpuObstacle } from './cpu.js';
import { measureAll, say } from './measure.js';
import { hasNginx } from './nginx.js';
import { compareNodes } from './nodes.js';
import { type BenchOptions, parseOptions } from './options.js';
import { formatTable, judge } from './report.js';
import { startServers } from './servers.js';

const ATTEMPTS = 5;
/** A core for each of them, for the generator, and for the API and the database. */
const CORES_FOR_TWO_NODES = 4;

const USAGE = 'Usage: npm run bench -- [--quick] [--rounds N] [--nodes]';
const DATABASE_VARIABLE = 'TOLLWARD_TEST_DATABASE_URL';
const NGINX_VARIABLE = 'TOLLWARD_BENCH_REQUIRE_NGINX';

const EXIT_FAILED = 1;
const EXIT_CANNOT_RUN = 2;
const EXIT_INTERRUPTED = 130;

interface Workplace {
  readonly children: ChildProcesses;
  readonly directory: string;
}

/** Returns the families in which a gate failed. */
async function runBench(
  { children, directory }: Workplace,
  options: BenchOptions,
  isWanted: (contender: Contender) => boolean,
): Promise<ReadonlySet<string>> {
  say('Starting Tollward and what it is compared with.');
  if (!hasNginx()) say(`NOT COMPARED WITH NGINX: there is none here. ${NGINX_VARIABLE}=1 makes that an error.`);
  const { servers, exchanges, outputFiles } = await startServers(children, directory);
  const contenders = listContenders(servers, exchanges).filter(isWanted);
  const rows = await measureAll({ children, contenders, outputFiles, options });
  say(`\n${formatTable(rows)}\n`);
  say(
    'Medians of all rounds; ratio = CPU against the bare server above, round by round. TLS 1.3, mTLS, 32 kept connections',
  );
  say('or 16 at a time with a full handshake each. Limits are on; only their thresholds are raised above the load.\n');
  const verdicts = judge(rows);
  for (const { pass, line } of verdicts) say(`${pass ? 'pass' : 'FAIL'}  ${line}`);
  const failed = verdicts.flatMap(({ pass, label }) => (pass ? [] : [label]));
  return new Set(contenders.filter(({ label }) => failed.includes(label)).map(familyOf));
}

/**
 * Two processes of the same program can differ by 15 % for their whole life, by where their code and heap happen to lie, and a
 * machine that others use too can be off for minutes. What failed is therefore measured again with fresh processes, and fails
 * the run when no attempt passes.
 */
async function passesOnce({ children, directory }: Workplace, options: BenchOptions): Promise<boolean> {
  let failed: ReadonlySet<string> | undefined;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const wanted = failed;
    if (wanted) say(`\nAbove a gate: attempt ${attempt} of ${ATTEMPTS} of what failed, with fresh processes.\n`);
    const ownDirectory = mkdtempSync(join(directory, 'attempt-'));
    failed = await runBench({ children, directory: ownDirectory }, options, (contender) =>
      wanted ? wanted.has(familyOf(contender)) : options.handshakes || !isHandshake(contender),
    );
    if (failed.size === 0) return true;
    await children.stopRunning();
  }
  return false;
}

async function work(workplace: Workplace, options: BenchOptions): Promise<number> {
  if (!options.nodes) return (await passesOnce(workplace, options)) ? 0 : EXIT_FAILED;
  return (await compareNodes(workplace, options, process.env[DATABASE_VARIABLE] ?? '')) ? 0 : EXIT_FAILED;
}

/** Why this can not be measured here, or undefined when it can. */
function findObstacle({ nodes }: BenchOptions): string | undefined {
  if (nodes && !process.env[DATABASE_VARIABLE]) {
    return `Two nodes need PostgreSQL. Name a server on which a database may be made in ${DATABASE_VARIABLE}.`;
  }
  if (!nodes && process.env[NGINX_VARIABLE] === '1' && !hasNginx())
    return `${NGINX_VARIABLE} is 1, and there is no nginx.`;
  return findCpuObstacle();
}

async function main(): Promise<number> {
  const parsed = parseOptions(process.argv.slice(2));
  const obstacle = parsed.ok ? findObstacle(parsed.options) : `${parsed.problem}\n${USAGE}`;
  if (!parsed.ok || obstacle !== undefined) {
    process.stderr.write(`${obstacle}\n`);
    return EXIT_CANNOT_RUN;
  }
  const { options } = parsed;
  // With cores to spare two nodes get one each. With two cores they share one, and what shows is what a request costs.
  const pinned = canPinCores() && !(options.nodes && availableParallelism() >= CORES_FOR_TWO_NODES);
  if (!pinned) say('Servers and generator share cores, so expect more noise.');
  else if (options.nodes)
    say('Both nodes share one core: the figures show what a request costs, not how the rate grows.');

  const workplace = { children: new ChildProcesses(pinned), directory: mkdtempSync(join(tmpdir(), 'tollward-bench-')) };
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
    // The step under way then fails, and the clean-up below does the rest.
    void workplace.children.stopAll();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  // Who read the table went away.
  process.stdout.on('error', interrupt);
  try {
    return await work(workplace, options);
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
