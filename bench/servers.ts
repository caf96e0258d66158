// Starts the three servers of a run. Tollward comes first: bare copies the size of its answers.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BareAnswer, BareConfiguration, BareReady } from './bare.js';
import { createServerCertificate } from './certificate.js';
import type { ChildProcesses } from './child-processes.js';
import type { ExchangeName, Server, Servers } from './contenders.js';
import type { HttpExchange, TlsTarget } from './load-plan.js';
import { type ProbedAnswer, probe } from './probe.js';
import { startTollward } from './tollward.js';

const BARE_PROGRAM = fileURLToPath(new URL('./bare.js', import.meta.url));
const BARE_START_TIMEOUT_MILLISECONDS = 10_000;
const POLL_MILLISECONDS = 50;

interface ProbedServer extends Server {
  readonly answers: Readonly<Record<ExchangeName, ProbedAnswer>>;
}

export async function startServers(
  children: ChildProcesses,
  directory: string,
  outputFiles: string[],
): Promise<Servers> {
  const start = async (name: string, settings: Readonly<Record<string, string>>): Promise<ProbedServer> => {
    const ownDirectory = join(directory, name);
    mkdirSync(ownDirectory);
    const running = await startTollward({ children, directory: ownDirectory, settings });
    outputFiles.push(running.outputFile);
    return probeServer(running.pid, running.target, running.basicCredentials);
  };
  const tollward = await start('tollward', {});
  const tollwardWithoutLogs = await start('tollward-without-logs', { TOLLWARD_LOG_LEVEL: 'silent' });
  return { bare: await startBare(children, directory, tollward), tollward, tollwardWithoutLogs };
}

async function probeServer(pid: number, target: TlsTarget, basicCredentials: string): Promise<ProbedServer> {
  const token = {
    method: 'POST',
    path: '/oauth/token',
    headers: { authorization: basicCredentials, 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=client_credentials',
  } as const;
  const tokenAnswer = await probeSuccess(target, token);
  const playground = {
    method: 'GET',
    path: '/v1/authenticated/playground',
    headers: { authorization: `Bearer ${readAccessToken(tokenAnswer.body)}` },
    body: '',
  } as const;
  const playgroundAnswer = await probeSuccess(target, playground);
  return {
    pid,
    target,
    exchanges: { token, playground },
    answers: { token: tokenAnswer, playground: playgroundAnswer },
  };
}

async function probeSuccess(target: TlsTarget, exchange: HttpExchange): Promise<ProbedAnswer> {
  const answer = await probe(target, exchange);
  if (answer.status === 200) return answer;
  throw new Error(`${exchange.method} ${exchange.path} answered ${answer.status}: ${answer.body.toString()}`);
}

function readAccessToken(body: Buffer): string {
  const answer: unknown = JSON.parse(body.toString());
  if (typeof answer === 'object' && answer !== null && 'access_token' in answer) {
    if (typeof answer.access_token === 'string') return answer.access_token;
  }
  throw new Error('the token answer has no access_token');
}

async function startBare(children: ChildProcesses, directory: string, model: ProbedServer): Promise<Server> {
  const { keyFile, certificateFile } = createServerCertificate(directory);
  const sizeOf = ({ body, headers }: ProbedAnswer): BareAnswer => ({ bodyBytes: body.length, headers });
  const configuration: BareConfiguration = {
    keyFile,
    certificateFile,
    answers: {
      [model.exchanges.token.path]: sizeOf(model.answers.token),
      [model.exchanges.playground.path]: sizeOf(model.answers.playground),
    },
  };
  const outputFile = join(directory, 'bare.log');
  const process = children.startServer({
    arguments: [BARE_PROGRAM, JSON.stringify(configuration)],
    environment: globalThis.process.env,
    workingDirectory: directory,
    outputFile,
  });
  const deadline = Date.now() + BARE_START_TIMEOUT_MILLISECONDS;
  while (!readFileSync(outputFile, 'utf8').endsWith('\n')) {
    if (process.hasEnded() || Date.now() > deadline) {
      throw new Error(`bare did not start:\n${readFileSync(outputFile, 'utf8')}`);
    }
    await sleep(POLL_MILLISECONDS);
  }
  const { port } = JSON.parse(readFileSync(outputFile, 'utf8')) as BareReady;
  // The same client certificate as for Tollward, so that both servers check the same signature in a handshake.
  const target = { ...model.target, host: 'localhost', address: '127.0.0.1', port, caFile: certificateFile };
  return { pid: process.pid, target, exchanges: model.exchanges };
}
