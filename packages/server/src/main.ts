// The program: the world outside in, an exit code out.

import { text } from 'node:stream/consumers';
import { runProgram } from './cli/program.js';
import { version } from './version.js';

// A reader that went away, as in "tollward clients list | head -1", is no fault.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

const plainWidth = 110;

process.exitCode = await runProgram(process.argv.slice(2), {
  version,
  variables: process.env,
  workingDirectory: process.cwd(),
  width: process.stdout.columns ?? plainWidth,
  colour: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
  writeOut: (output) => void process.stdout.write(output),
  writeError: (output) => void process.stderr.write(output),
  readInput: () => (process.stdin.isTTY ? undefined : text(process.stdin)),
  clock: Date.now,
  // Loaded only when it is asked for: the other commands need neither database nor listeners.
  startDev: async (loaded) => (await import('./dev/start-dev.js')).startDev(loaded),
});
