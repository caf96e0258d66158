import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { PortInUseError } from '../platform/listeners/listen.js';
import { createLog } from '../platform/observability/log.js';
import { type Simulator, SimulatorError, startSimulator } from './simulator-process.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simulator-process-'));
});
afterAll(() => rm(folder, { recursive: true }));

const listens = "console.log(JSON.stringify({ listening: 'http://p' + process.pid + ':1' }));";
const endsWithInput =
  "process.stdin.on('end', () => { console.log(JSON.stringify({ message: 'in order' })); process.exit(0); }).resume();";

interface Started extends Simulator {
  readonly logged: () => readonly Record<string, unknown>[];
}

async function start(name: string, source: string, monotonic = (): number => 0): Promise<Started> {
  const program = join(folder, `${name}.mjs`);
  await writeFile(program, source);
  const lines: string[] = [];
  const log = createLog('info', { write: (line) => void lines.push(line) });
  const words = ['--port', '8447'];
  const restarts = { restartMs: 1, mostRestarts: 2, monotonic };
  const simulator = startSimulator({ environment: 'sandbox', program, words, port: 8_447, log, ...restarts });
  onTestFinished(() => simulator.stop());
  return { ...simulator, logged: () => lines.map((line) => JSON.parse(line)) };
}

const pidOf = (simulator: Simulator): number => Number(new URL(simulator.url() ?? '').hostname.slice(1));
const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('a simulator is told its words, ends in order at a stop and is not started again', async () => {
  const simulator = await start('plain', `${listens} console.log(process.argv.slice(2).join(' ')); ${endsWithInput}`);
  await simulator.ready;
  const pid = pidOf(simulator);
  await simulator.stop();
  expect(isRunning(pid)).toBe(false);
  expect(simulator.logged()).toMatchObject([
    { level: 'info', environment: 'sandbox', msg: 'the simulator listens' },
    { level: 'info', environment: 'sandbox', simulator: '--port 8447 --end-with-stdin' },
    { level: 'info', environment: 'sandbox', simulator: { message: 'in order' } },
  ]);
});

test('a simulator that ends by itself is said loudly and started again, at another address too', async () => {
  const simulator = await start('killed', `${listens} ${endsWithInput}`);
  await simulator.ready;
  const pid = pidOf(simulator);
  process.kill(pid, 'SIGKILL');
  await vi.waitUntil(() => pidOf(simulator) !== pid, { timeout: 10_000 });
  expect(isRunning(pidOf(simulator))).toBe(true);
  expect(simulator.logged()).toMatchObject([
    { level: 'info', pid },
    { level: 'error', environment: 'sandbox', ended: 'by SIGKILL' },
    { level: 'info', pid: pidOf(simulator) },
  ]);
});

test('a simulator that ends again and again is left alone in the end', async () => {
  const simulator = await start('short', `${listens} process.exitCode = 3;`);
  await simulator.ready;
  const ends = () => simulator.logged().filter(({ level }) => level === 'error');
  await vi.waitUntil(() => ends().length === 3, { timeout: 14_000 });
  expect(ends().map(({ ended }) => ended)).toEqual(Array(3).fill('with code 3'));
  expect(ends().at(-1)).toMatchObject({ msg: expect.stringMatching(/stays away: .* start "tollward dev" again$/) });
});

test.each([
  ['a minute each time is started again however often it ends', 60_000, 6, 6],
  ['less than a minute each time is not', 59_999, 3, 2],
])('a simulator that lived for %s', async (_, livedMs, ended, startedAgain) => {
  let now = 0;
  const simulator = await start(`lived-${livedMs}`, `${listens} process.exitCode = 3;`, () => {
    now += livedMs;
    return now;
  });
  await simulator.ready;
  const ends = () => simulator.logged().filter(({ level }) => level === 'error');
  await vi.waitUntil(() => ends().length >= ended, { timeout: 14_000 });
  const restarts = ends()
    .slice(0, ended)
    .filter(({ msg }) => String(msg).endsWith('started again'));
  expect(restarts).toHaveLength(startedAgain);
});

test('a port that somebody else has is told by its number', async () => {
  const source = "console.error('listen EADDRINUSE: address already in use 127.0.0.1:8447'); process.exitCode = 2;";
  const simulator = await start('busy', source);
  const refused = await simulator.ready.catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(PortInUseError);
  expect(String(refused)).toContain('Port 8447 is in use');
});

test('a simulator that ends before it listens is an error with its last words, and is not started again', async () => {
  const simulator = await start('broken', "console.error('not built'); process.exitCode = 2;");
  const failed = await simulator.ready.catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(SimulatorError);
  expect(String(failed)).toContain('The simulator of sandbox ended with code 2 before it listened. not built');
  await simulator.stop();
  expect(simulator.logged().map(({ level }) => level)).toEqual(['warn']);
});

test('a simulator sees none of our settings, which can be secrets', async () => {
  vi.stubEnv('TOLLWARD_MASTER_KEY', 'a-secret');
  onTestFinished(() => void vi.unstubAllEnvs());
  const source = `${listens} console.log(JSON.stringify(process.env)); ${endsWithInput}`;
  const simulator = await start('environment', source);
  await simulator.ready;
  await simulator.stop();
  const seen = JSON.stringify(simulator.logged());
  expect(seen).toContain('PATH');
  expect(seen).not.toContain('TOLLWARD_MASTER_KEY');
});
