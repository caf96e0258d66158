// The program: the world outside in, an exit code out.

import { runProgram } from './cli/program.js';
import { readStart } from './cli/read-start.js';
import { keepTickShape } from './platform/keep-tick-shape.js';
import { version } from './version.js';

// A reader that went away, as in "tollward clients list | head -1", is no fault.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

keepTickShape();

const plainWidth = 110;
const decodeText = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

process.exitCode = await runProgram(process.argv.slice(2), {
  version,
  variables: process.env,
  workingDirectory: process.cwd(),
  width: process.stdout.columns ?? plainWidth,
  colour: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
  writeOut: (output) => void process.stdout.write(output),
  writeError: (output) => void process.stderr.write(output),
  readInput: () => (process.stdin.isTTY ? undefined : readStart(process.stdin).then(decodeText)),
  streamInput: () => process.stdin,
  clock: Date.now,
  // Loaded only when it is asked for: the other commands need neither database nor listeners.
  startDev: async (loaded, options) => (await import('./dev/start-dev.js')).startDev(loaded, options),
  startServe: async (loaded) => (await import('./start-serve.js')).startServe(loaded),
});
