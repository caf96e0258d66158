// The command line as a test runs it: nothing of the process, everything it printed.

import type { CliContext } from '../cli/cli.js';
import type { ExitCode } from '../cli/exit-codes.js';
import { runProgram } from '../cli/program.js';

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
    clock: () => Date.parse('2026-03-01T12:00:00.000Z'),
    startDev: async () => undefined,
    ...changes,
  });
  return { exitCode, out, error };
}
