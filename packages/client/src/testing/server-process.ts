// `tollward dev` as a child process, and the commands of its operator.

import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { textAt } from './read-answer.js';
import { SandboxError } from './sandbox-error.js';

export interface ServerOptions {
  readonly program: string;
  readonly dataDirectory: string;
  readonly portBase: number;
  readonly variables: Readonly<Record<string, string>>;
  readonly startTimeoutMs: number;
  readonly log: (line: string) => void;
}

export interface ServerProcess {
  /** Resolves when it has ended. */
  stop(): Promise<void>;
}

/** The last line that it prints before it waits for requests. */
const readyLine = /^Stop with Ctrl-C/;
const portTaken = /^Port \d+ is in use/m;
/** For running requests to end. One that was told never to be answered does not. */
const stopMs = 5_000;
const keptLines = 20;

/** The ports were free a moment ago. */
export class PortTakenError extends SandboxError {}

/**
 * Resolves when it takes requests.
 *
 * @throws SandboxError with the last that it said
 */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const { program, dataDirectory, portBase, variables, startTimeoutMs, log } = options;
  const words = ['--data-dir', dataDirectory, 'dev', '--port-base', String(portBase), '--end-with-stdin'];
  // It ends with its standard input, and so when this process is killed. A group of its own: Ctrl-C is for us.
  const child = spawn(process.execPath, [program, ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...withoutSettings(process.env), ...variables },
    detached: true,
  });
  child.stdin.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('close', () => resolve());
  });
  const last: string[] = [];
  const stop = async (): Promise<void> => {
    child.stdin.end();
    const kill = setTimeout(() => child.kill('SIGKILL'), stopMs);
    await ended;
    clearTimeout(kill);
  };
  await new Promise<void>((resolve, reject) => {
    const fail = (what: string): void => {
      const said = last.join('\n');
      const Kind = portTaken.test(said) ? PortTakenError : SandboxError;
      reject(new Kind(`The sandbox ${what}. It said:\n${said}`));
    };
    const late = setTimeout(() => {
      fail(`was not ready after ${startTimeoutMs} ms`);
      void stop();
    }, startTimeoutMs);
    const hear = (line: string): void => {
      log(line);
      if (last.push(line) > keptLines) last.shift();
      if (!readyLine.test(line)) return;
      clearTimeout(late);
      resolve();
    };
    createInterface({ input: child.stdout }).on('line', hear);
    createInterface({ input: child.stderr }).on('line', hear);
    void ended.then(() => fail('ended'));
    void ended.then(() => clearTimeout(late));
  });
  return { stop };
}

/**
 * Runs a command of the operator.
 *
 * @returns what it prints with --json
 * @throws SandboxError with what it says instead
 */
export function runCommand(
  { program, dataDirectory }: Pick<ServerOptions, 'program' | 'dataDirectory'>,
  words: readonly string[],
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const all = [program, '--data-dir', dataDirectory, '--json', ...words];
    execFile(process.execPath, all, { env: withoutSettings(process.env) }, (error, out, said) => {
      const fail = (what: string) => reject(new SandboxError(`tollward ${words.slice(0, 2).join(' ')}: ${what}`));
      if (error !== null) return fail(readProblem(said) ?? error.message);
      const answer = parseJson(out);
      // It is not repeated: some commands print a secret.
      if (answer === undefined) return fail('it printed something that is no JSON.');
      resolve(answer);
    });
  });
}

/** What a command says with --json when it fails. */
function readProblem(said: string): string | undefined {
  try {
    return textAt(JSON.parse(said), 'error', 'message');
  } catch {
    return undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Settings of this process are not those of the sandbox. */
function withoutSettings(variables: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !name.startsWith('TOLLWARD_')));
}
