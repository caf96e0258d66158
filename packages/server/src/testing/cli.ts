// The command line as a test runs it: nothing of the process, everything it printed.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CliContext } from '../cli/cli.js';
import { parseEnvFile } from '../cli/env-file.js';
import type { ExitCode } from '../cli/exit-codes.js';
import { runProgram } from '../cli/program.js';
import { openManagementSocket } from '../platform/listeners/management-socket.js';
import type { InjectedFaults } from '../surfaces/wire/injected-faults.js';
import { openTestManagement } from './management.js';

export interface CliRun {
  readonly exitCode: ExitCode;
  readonly out: string;
  readonly error: string;
}

export async function runCli(words: readonly string[], changes: Partial<CliContext> = {}): Promise<CliRun> {
  let out = '';
  let error = '';
  const exitCode = await runProgram(words, {
    version: '1.2.3',
    variables: {},
    workingDirectory: '/nowhere',
    width: 100,
    colour: false,
    writeOut: (text) => {
      out += text;
    },
    writeError: (text) => {
      error += text;
    },
    readInput: () => undefined,
    streamInput: async function* () {},
    clock: () => Date.parse('2026-03-01T12:00:00.000Z'),
    startDev: async () => undefined,
    startServe: async () => undefined,
    ...changes,
  });
  return { exitCode, out, error };
}

export type TestCommands = Awaited<ReturnType<typeof openTestCommands>>;

/** The command line with a management API on a socket to speak to, and a folder to work in. */
export async function openTestCommands(injectedFaults?: InjectedFaults) {
  const management = await openTestManagement(injectedFaults);
  await management.surface.ready();
  const dataDirectory = await mkdtemp(join(tmpdir(), 'data-'));
  const socket = await openManagementSocket({ dataDirectory, server: management.surface.server });
  const workingDirectory = await mkdtemp(join(tmpdir(), 'cli-'));
  const seen: string[] = [];
  let names = 0;

  const run = async (words: readonly string[], changes: Partial<CliContext> = {}): Promise<CliRun> => {
    const clock = () => management.time.now;
    const result = await runCli(['--data-dir', dataDirectory, ...words], { workingDirectory, clock, ...changes });
    seen.push(...words, result.error);
    return result;
  };

  /** The JSON that a command prints, which must succeed. */
  const runJson = async <Answer>(words: readonly string[]): Promise<Answer> => {
    const { exitCode, out, error } = await run([...words, '--json']);
    if (exitCode !== 0) throw new Error(`${words.join(' ')} ended with ${exitCode}: ${error}`);
    return JSON.parse(out) as Answer;
  };

  /** @param more switches of `clients create` */
  const createClient = async (...more: string[]) => {
    names += 1;
    const folder = join(workingDirectory, `made-${names}`);
    const name = `client ${names}`;
    const whose = ['--environment', 'sandbox', '--organisation', 'Test Bank', '--name', name];
    const made = await run(['clients', 'create', ...whose, '--out', folder, ...more]);
    if (made.exitCode !== 0) throw new Error(made.error);
    const parsed = parseEnvFile(await readFile(join(folder, 'client.env'), 'utf8'));
    const values = parsed.ok ? parsed.values : new Map<string, string>();
    return {
      run: made,
      name,
      folder,
      values,
      id: values.get('CLIENT_ID') ?? '',
      secret: values.get('CLIENT_SECRET') ?? '',
    };
  };

  return {
    management,
    dataDirectory,
    workingDirectory,
    run,
    runJson,
    createClient,
    /** What others on the machine can see, or a log keeps: every word given, and standard error. */
    seen: seen as readonly string[],
    close: async () => {
      await socket.close();
      await management.close();
      await rm(dataDirectory, { recursive: true });
      await rm(workingDirectory, { recursive: true });
    },
  };
}
