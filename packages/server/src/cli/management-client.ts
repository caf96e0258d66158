// How commands speak to the running server: plain HTTP over the Unix socket that <data>/management.json names.

import { request } from 'node:http';
import type { z } from 'zod';
import { readManagementFile } from '../platform/listeners/management-socket.js';
import { problemSchema } from '../surfaces/management/schemas/common.js';
import { failed, type Outcome } from './cli.js';
import { type ExitCode, exitCodes } from './exit-codes.js';

export interface ManagementRequest<Schema extends z.ZodType> {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly path: string;
  readonly body?: unknown;
  /** What a success looks like. */
  readonly answer: Schema;
}

export type ManagementAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly running: boolean; readonly outcome: Outcome };

const timeoutMs = 30_000;
const exitCodeOfStatus: Readonly<Record<number, ExitCode>> = {
  400: exitCodes.usage,
  404: exitCodes.notFound,
  409: exitCodes.conflict,
  413: exitCodes.usage,
  422: exitCodes.usage,
};

export async function askManagement<Schema extends z.ZodType>(
  dataDirectory: string,
  { method, path, body, answer }: ManagementRequest<Schema>,
): Promise<ManagementAnswer<z.output<Schema>>> {
  const file = await readManagementFile(dataDirectory);
  if (file === undefined) return notRunning(dataDirectory);
  const exchange = await send(file.socket, method, path, body === undefined ? undefined : JSON.stringify(body));
  if (exchange === 'not running') return notRunning(dataDirectory);
  if (exchange === 'no answer') {
    const changes = method !== 'GET' && !path.endsWith('/inspection');
    return { ok: false, running: true, outcome: failed(exitCodes.failure, changes ? perhapsDone : noAnswer) };
  }
  const { status, value } = exchange;
  if (status < 300) {
    const parsed = answer.safeParse(value);
    if (parsed.success) return { ok: true, value: parsed.data };
    return { ok: false, running: true, outcome: failed(exitCodes.failure, versionsDiffer) };
  }
  const problem = problemSchema.safeParse(value).data;
  const exitCode = exitCodeOfStatus[status] ?? exitCodes.failure;
  const outcome =
    problem === undefined ? failed(exitCode, versionsDiffer) : failed(exitCode, problem.detail, { code: problem.code });
  return { ok: false, running: true, outcome };
}

const noAnswer = 'The server did not answer. Look into its log.';

const perhapsDone =
  'The server did not answer, so what you asked for may have been done or not. See what is there with ' +
  '"tollward clients show <client-id>" before you repeat it ("tollward clients list" tells the id), and look into the log of the server. ' +
  'A secret that was made and not shown is replaced by "tollward secrets rotate <client-id> --force".';

const versionsDiffer =
  'The answer of the server can not be read. Use the same version of tollward for the command and for the server.';

function notRunning(dataDirectory: string): ManagementAnswer<never> {
  const message =
    `No server is running on the data directory ${dataDirectory}. Start one with "tollward dev", or with ` +
    '"tollward serve" on PostgreSQL; or name the data directory of the running one with --data-dir.';
  return { ok: false, running: false, outcome: failed(exitCodes.failure, message) };
}

type Exchange = { readonly status: number; readonly value: unknown } | 'not running' | 'no answer';

function send(socketPath: string, method: string, path: string, body: string | undefined): Promise<Exchange> {
  return new Promise((resolve) => {
    const headers =
      body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const outgoing = request({ socketPath, method, path, headers, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => resolve('no answer'));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, value: parseJson(Buffer.concat(chunks).toString('utf8')) }),
      );
    });
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', (error: NodeJS.ErrnoException) =>
      // A server that was killed leaves its socket, on which nobody listens.
      resolve(error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? 'not running' : 'no answer'),
    );
    outgoing.end(body);
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
