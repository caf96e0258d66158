// npm run dev: compiles on every change and restarts the program when what it runs has changed.
// What follows "--" goes to the program: npm run dev -- --port-base 18440
import { spawn } from 'node:child_process';
import { mkdirSync, watch } from 'node:fs';
import { fileURLToPath } from 'node:url';

const quietMilliseconds = 300;
const repository = fileURLToPath(new URL('..', import.meta.url));
const watchedFolders = ['packages/protocol/dist', 'packages/server/dist', 'packages/simulator/dist'];

// Each child leads a process group of its own: Ctrl-C in a terminal then reaches it once, through stop(), not twice.
function run(args) {
  return spawn(process.execPath, args, { cwd: repository, stdio: ['ignore', 'inherit', 'inherit'], detached: true });
}

const compiler = run(['node_modules/typescript/bin/tsc', '-b', '--watch', '--preserveWatchOutput']);
let program;
let restarting = false;
let stopping = false;
let timer;

function start() {
  restarting = false;
  program = run(['packages/server/bin/tollward.js', 'dev', ...process.argv.slice(2)]);
  program.once('exit', (code) => {
    program = undefined;
    if (stopping) return;
    if (restarting) start();
    else console.log(`tollward ended with code ${code}; it starts again after the next change`);
  });
}

// The old program must have let go of its ports and its data directory before the new one starts.
function restart() {
  if (stopping || restarting) return;
  if (program === undefined) {
    start();
    return;
  }
  restarting = true;
  program.kill('SIGTERM');
}

function stop(signal) {
  if (stopping) return;
  stopping = true;
  clearTimeout(timer);
  for (const watcher of watchers) watcher.close();
  stopCompiler();
  program?.kill(signal);
}

// The whole group: on Node 20 the compiler is a native process below the one we started.
function stopCompiler() {
  try {
    process.kill(-compiler.pid, 'SIGTERM');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

const watchers = watchedFolders.map((folder) => {
  mkdirSync(`${repository}/${folder}`, { recursive: true });
  return watch(`${repository}/${folder}`, { recursive: true }, (_event, file) => {
    if (!file?.endsWith('.js')) return;
    clearTimeout(timer);
    timer = setTimeout(restart, quietMilliseconds);
  });
});

process.on('SIGINT', () => stop('SIGINT'));
process.on('SIGTERM', () => stop('SIGTERM'));
compiler.once('exit', (code) => {
  if (!stopping) process.exitCode = code ?? 1;
  stop('SIGTERM');
});
start();
