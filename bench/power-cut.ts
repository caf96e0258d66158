// `npm run bench:power-cut`: is what Tollward acknowledged still there when the power of its disk was cut in the middle of
// writing? Needs Linux, root, ext4 and a loop device. The control, the same program without the syncs, has to lose something.

import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findLost, keepWriting, openNotebook } from '@tollward/server/testing';
import { ChildProcesses } from './child-processes.js';
import { LoopDisk } from './loop-disk.js';
import { gatewaySettings, startTollward } from './tollward.js';

const ROUNDS = 10;
const CONTROL_ROUNDS = 2;
const REQUESTS_AT_ONCE = 6;
const MOST_WRITES_BEFORE_CUT = 120;
const POLL_MILLISECONDS = 20;

const EXIT_FAILED = 1;
const EXIT_CANNOT_RUN = 2;
const SHOWN_LOSSES = 5;

/** Nothing is forwarded here. */
const NO_UPSTREAM = 'http://127.0.0.1:9';
const WITHOUT_SYNC = { NODE_OPTIONS: `--import=${new URL('./without-datasync.js', import.meta.url).href}` };

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

interface Workplace {
  readonly disk: LoopDisk;
  readonly children: ChildProcesses;
  readonly settings: Readonly<Record<string, string>>;
}

/** Writes until the power is cut and looks up everything that was ever acknowledged, on one disk for all rounds. */
async function cutAgainAndAgain(place: Workplace, rounds: number): Promise<void> {
  const notebook = await openNotebook();
  const dataDirectory = join(place.disk.directory, 'data');
  let pid = await start(place, dataDirectory);
  for (let round = 1; round <= rounds; round += 1) {
    const killed = new AbortController();
    let left = randomInt(1, MOST_WRITES_BEFORE_CUT);
    let cut: Promise<void> | undefined;
    const onAcknowledged = (): void => {
      left -= 1;
      if (left > 0 || cut !== undefined) return;
      killed.abort();
      cut = place.disk.cutPower();
    };
    await keepWriting({ dataDirectory, notebook, atOnce: REQUESTS_AT_ONCE, killed: killed.signal, onAcknowledged });
    await cut;
    process.kill(pid, 'SIGKILL');
    await place.children.stopRunning();
    place.disk.repairAndMount();

    pid = await start(place, dataDirectory).catch((error: unknown) => {
      throw new LostError([`it does not start again: ${String(error)}`]);
    });
    const lost = await findLost(dataDirectory, notebook.clients);
    say(`  cut ${round}: ${notebook.acknowledged} changes acknowledged so far, ${lost.length} lost`);
    if (lost.length > 0) throw new LostError(lost);
  }
}

/** Resolves to its process id when the program listens to the writer. */
async function start({ disk, children, settings }: Workplace, dataDirectory: string): Promise<number> {
  const withoutSimulator = gatewaySettings(NO_UPSTREAM);
  const { pid } = await startTollward({
    children,
    directory: disk.directory,
    settings: { ...withoutSimulator, ...settings },
  });
  // That of the process before lies there until it is replaced.
  const isListening = (): boolean =>
    readFileSync(join(dataDirectory, 'management.json'), 'utf8').includes(`"pid":${pid},`);
  while (!isListening()) await sleep(POLL_MILLISECONDS);
  return pid;
}

/** Something is lost, or all of it, because the program does not start any more. */
class LostError extends Error {
  override readonly name = 'LostError';

  constructor(lost: readonly string[]) {
    super(lost.slice(0, SHOWN_LOSSES).join('\n'));
  }
}

/** Runs `work` on a fresh disk and leaves nothing behind. */
async function onFreshDisk<T>(settings: Workplace['settings'], work: (place: Workplace) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'tollward-power-cut-'));
  const children = new ChildProcesses(false);
  let disk: LoopDisk | undefined;
  try {
    disk = makeDisk(directory);
    return await work({ disk, children, settings });
  } finally {
    await children.stopAll();
    disk?.discard();
    rmSync(directory, { recursive: true, force: true });
  }
}

class CannotRunError extends Error {
  override readonly name = 'CannotRunError';
}

function makeDisk(directory: string): LoopDisk {
  try {
    return new LoopDisk(directory);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CannotRunError(`This needs Linux, root, mkfs.ext4, e2fsck, python3 and a free loop device. ${reason}`);
  }
}

/** True when the same program without its syncs loses something. */
async function controlLoses(): Promise<boolean> {
  try {
    await onFreshDisk(WITHOUT_SYNC, (place) => cutAgainAndAgain(place, CONTROL_ROUNDS));
    return false;
  } catch (error) {
    if (!(error instanceof LostError)) throw error;
    say(`  ${error.message}`);
    return true;
  }
}

async function main(): Promise<number> {
  say(`The program as it is, ${ROUNDS} cuts:`);
  await onFreshDisk({}, (place) => cutAgainAndAgain(place, ROUNDS));
  say('Control, the WAL is never synced:');
  if (await controlLoses()) {
    say('Nothing that was acknowledged is lost, and the control loses.');
    return 0;
  }
  say('The control lost nothing, so this run proves nothing.');
  return EXIT_FAILED;
}

// From a terminal it reaches the server too, and a server that is gone is an error, which cleans up.
process.on('SIGINT', () => undefined);
try {
  process.exitCode = await main();
} catch (error) {
  say(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  process.exitCode = error instanceof CannotRunError ? EXIT_CANNOT_RUN : EXIT_FAILED;
}
