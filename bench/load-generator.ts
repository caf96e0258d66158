// Drives one server over raw TLS sockets and prints what it saw as one JSON line. A process of its own, so that its work never
// runs on the server's core. An HTTP client library would cost as much per request as the server and hide the difference.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SecureContext } from 'node:tls';
import { connectTo, createClientContext } from './client-tls.js';
import { readClockTicksPerSecond, readCpuMicroseconds } from './cpu.js';
import type { LoadPlan, LoadResult, TlsTarget } from './load-plan.js';
import { readConfiguration } from './own-programs.js';
import { type HttpAnswer, ResponseReader } from './response-reader.js';
import { percentile } from './statistics.js';

const MILLISECONDS_PER_SECOND = 1000;
/** A server that only says no is not worth a whole window. */
const ERRORS_BEFORE_GIVING_UP = 1000;
const SHOWN_ERROR_CHARACTERS = 500;

/** The requests to send in turn: one for each token, or one. */
function encodeRequests(plan: LoadPlan): readonly Buffer[] {
  if (plan.tokensFile === null) return [encodeRequest(plan, {})];
  const tokens = readFileSync(plan.tokensFile, 'utf8').split('\n');
  return tokens.map((token) => encodeRequest(plan, { authorization: `Bearer ${token}` }));
}

function encodeRequest({ exchange, targets, mode }: LoadPlan, credentials: Readonly<Record<string, string>>): Buffer {
  const headers = {
    host: `${targets[0]?.host}:${targets[0]?.port}`,
    ...exchange.headers,
    ...credentials,
    ...(exchange.method === 'POST' ? { 'content-length': String(Buffer.byteLength(exchange.body)) } : {}),
    ...(mode === 'new-connection' ? { connection: 'close' } : {}),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${exchange.method} ${exchange.path} HTTP/1.1\r\n${lines.join('')}\r\n${exchange.body}`);
}

/**
 * Never lets this process wait for the kernel. A generator that goes to sleep between two answers has to be woken by the
 * server's write, and on a virtual machine that wake-up costs the server more than the write: the slower of two servers
 * would be charged for its slowness twice.
 */
function stayAwake(): void {
  setImmediate(stayAwake);
}

class LoadRun {
  readonly #plan: LoadPlan;
  readonly #requests: readonly Buffer[];
  readonly #targets: readonly { readonly target: TlsTarget; readonly context: SecureContext }[];
  readonly #giveUp = new AbortController();
  #sent = 0;
  #latenciesMilliseconds: number[] = [];
  #errors = 0;
  #firstError: string | null = null;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#requests = encodeRequests(plan);
    this.#targets = plan.targets.map((target) => ({ target, context: createClientContext(target) }));
  }

  async run(): Promise<LoadResult> {
    const plan = this.#plan;
    stayAwake();
    const clockTicksPerSecond = readClockTicksPerSecond();
    for (let count = 0; count < plan.connections; count += 1) this.#open(count);

    await this.#wait(plan.warmUpSeconds);
    this.#latenciesMilliseconds = [];
    const startedAt = performance.now();
    const cpuAtStart = readCpuMicroseconds(plan.serverPids, clockTicksPerSecond);

    await this.#wait(plan.windowSeconds);
    const serverCpuMicroseconds = readCpuMicroseconds(plan.serverPids, clockTicksPerSecond) - cpuAtStart;
    const windowSeconds = (performance.now() - startedAt) / MILLISECONDS_PER_SECOND;
    const latencies = this.#latenciesMilliseconds;
    return {
      amount: latencies.length,
      windowSeconds,
      serverCpuMicroseconds,
      latency: { p50Milliseconds: percentile(latencies, 0.5), p99Milliseconds: percentile(latencies, 0.99) },
      errors: this.#errors,
      firstError: this.#firstError,
    };
  }

  async #wait(seconds: number): Promise<void> {
    const { signal } = this.#giveUp;
    if (signal.aborted) return;
    await sleep(seconds * MILLISECONDS_PER_SECOND, undefined, { signal }).catch((cause: unknown) => {
      if (!signal.aborted) throw cause;
    });
  }

  #nextRequest(): Buffer {
    const request = this.#requests[this.#sent % this.#requests.length];
    if (request === undefined) throw new Error('there is no request to send');
    this.#sent += 1;
    return request;
  }

  #open(number: number): void {
    const { mode } = this.#plan;
    const chosen = this.#targets[number % this.#targets.length];
    if (chosen === undefined) throw new Error('there is no server to drive');
    const reader = new ResponseReader();
    let requestedAt = performance.now();
    let finished = false;
    const socket = connectTo(chosen.target, chosen.context);

    const reopen = (): void => {
      if (finished) return;
      finished = true;
      socket.destroy();
      if (!this.#giveUp.signal.aborted) this.#open(number);
    };
    const fail = (text: string): void => {
      if (finished) return;
      this.#countError(text);
      reopen();
    };
    const receive = (chunk: Buffer): void => {
      const answer = reader.push(chunk);
      if (answer === undefined) return;
      this.#countAnswer(answer, performance.now() - requestedAt);
      if (mode === 'new-connection') {
        reopen();
        return;
      }
      requestedAt = performance.now();
      socket.write(this.#nextRequest());
    };

    socket.once('secureConnect', () => {
      if (socket.isSessionReused()) {
        fail('a TLS session was resumed where a full handshake was meant');
        return;
      }
      // Over a kept connection the handshake is no part of a request; over a new one it is.
      if (mode === 'keep-alive') requestedAt = performance.now();
      socket.write(this.#nextRequest());
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        receive(chunk);
      } catch (cause) {
        fail(String(cause));
      }
    });
    socket.once('error', (cause) => fail(String(cause)));
    socket.once('close', () => fail('the server closed the connection before it answered'));
  }

  #countAnswer(answer: HttpAnswer, latencyMilliseconds: number): void {
    if (answer.status === this.#plan.expectedStatus) {
      this.#latenciesMilliseconds.push(latencyMilliseconds);
    } else {
      this.#countError(`status ${answer.status}: ${answer.body.toString('utf8', 0, SHOWN_ERROR_CHARACTERS)}`);
    }
  }

  #countError(text: string): void {
    this.#errors += 1;
    this.#firstError ??= text;
    if (this.#errors >= ERRORS_BEFORE_GIVING_UP) this.#giveUp.abort();
  }
}

const result = await new LoadRun(readConfiguration<LoadPlan>()).run();
// The window is over and the sockets are still busy, so leave as soon as the line is out.
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
