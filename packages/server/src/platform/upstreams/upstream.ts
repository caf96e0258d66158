// One upstream: its connections, how many may be open at once, and the time limits. HTTP/1.1 (RFC 9112), one request at a time
// on each connection.

import type { Readable } from 'node:stream';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import { describeProblem, isConnectionEnd, isWrongLength, type UpstreamProblem } from './upstream-problem.js';

export interface UpstreamOptions {
  /** Origin, with a base path at most. */
  readonly url: string;
  /** PEM of the authorities its certificate may come from; undefined: those of the machine. */
  readonly ca: string | undefined;
  /** Until there is a connection, the wait for a free one included. */
  readonly connectMs: number;
  /** From the end of the request to the head of the answer. */
  readonly answerMs: number;
  /** Without a byte of the answer. */
  readonly idleMs: number;
  readonly maximumConnections: number;
  /** Milliseconds of a clock that is never set back. */
  readonly monotonic: () => number;
  /** The head of an answer is there, so long after its request was handed over. */
  readonly onAnswered: (status: number, durationMs: number) => void;
  readonly onProblem: (problem: UpstreamProblem) => void;
}

export interface UpstreamRequest {
  /** Whose call it is, for a fair share of the connections; undefined: our own. */
  readonly holder: string | undefined;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Name, value, name, value. A stream without a content-length among them is sent in chunks. */
  readonly headers: string[];
  readonly body: Buffer | Readable | null;
}

/** What becomes of a request: a head, data and an end, or at any time a problem, which is the last. */
export interface UpstreamListener {
  /** Name, value, name, value, as received. */
  onHead(status: number, headers: readonly Buffer[]): void;
  /** @returns whether to go on; otherwise nothing comes before `resume` */
  onData(chunk: Buffer): boolean;
  onEnd(): void;
  onProblem(problem: UpstreamProblem): void;
}

export interface UpstreamCall {
  resume(): void;
  /** The listener hears nothing more. What was sent can not be taken back. */
  abort(): void;
}

export interface Upstream {
  send(request: UpstreamRequest, listener: UpstreamListener): UpstreamCall;
  /** Takes nothing new, and lets the requests that run end. */
  close(): Promise<void>;
  /** Ends everything now. */
  destroy(): Promise<void>;
}

const maximumHeadBytes = 16 * 1024;
/** Calls that wait for a connection. More would wait longer than anybody wants to. */
const longestQueue = 1_000;
const lastStatus = 599;
/** Each starts the time for the answer anew. */
const mostInterimAnswers = 8;

/** How many calls one caller may have at once, so that none takes the connections of all. A few anybody may have. */
function shareOf(maximumConnections: number): number {
  return Math.max(10, Math.ceil(maximumConnections / 10));
}

/** @throws when the url can not be used */
export function openUpstream(options: UpstreamOptions): Upstream {
  const { origin, pathname } = new URL(options.url);
  const basePath = pathname.endsWith('/') ? pathname.slice(0, -1) : pathname;
  const endedAfterUse = new WeakSet<Error>();
  const reading: Reading = { line: undefined };
  const pool = new Pool(origin, {
    connections: options.maximumConnections,
    pipelining: 1,
    headersTimeout: options.answerMs,
    bodyTimeout: options.idleMs,
    maxHeaderSize: maximumHeadBytes,
    connect: createConnector(options, endedAfterUse, reading),
  });
  const start = { taken: 0, held: new Map<string, number>(), queue: [], onIdle: undefined };
  const connections: Connections = { options, pool, basePath, endedAfterUse, reading, ...start };
  return {
    send: (request, listener) => {
      const call = new Call(connections, request, listener);
      call.begin();
      return call;
    },
    close: async () => {
      if (connections.taken > 0) {
        await new Promise<void>((resolve) => {
          connections.onIdle = resolve;
        });
      }
      await pool.close();
    },
    destroy: () => pool.destroy(),
  };
}

/** A connection, as far as it has to be known here. */
interface Line {
  /** The call whose answer comes on it, while that is held back. */
  held: Call | undefined;
}

/** undici does not tell on which connection an answer comes. It reads each within one event, so that is noted before it. */
interface Reading {
  line: Line | undefined;
}

/**
 * Connects, and listens before undici does:
 * - for errors that end a connection which had answered before: then the request may only have come too late;
 * - for the end of a connection whose answer is held back. undici 7 asserts, where nobody can catch it, that none is
 *   (client-h1.js, `finish`), when the connection would not have been kept. So the answer is let go first, which at the end
 *   is no more than was read already; and of a reset, after which it can not be, undici is told under another code.
 */
function createConnector({ ca, connectMs }: UpstreamOptions, endedAfterUse: WeakSet<Error>, reading: Reading) {
  const connect = buildConnector({
    timeout: connectMs,
    ...(ca === undefined ? {} : { ca }),
  });
  const connector: buildConnector.connector = (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (error !== null) return void callback(error, null);
      const line: Line = { held: undefined };
      const readBefore = socket.bytesRead;
      socket.on('readable', () => {
        reading.line = line;
      });
      socket.on('end', () => line.held?.letGo());
      socket.on('error', (ended: NodeJS.ErrnoException) => {
        if (socket.bytesRead > readBefore) endedAfterUse.add(ended);
        if (line.held !== undefined && ended.code === 'ECONNRESET') ended.code = 'UND_ERR_SOCKET';
      });
      callback(null, socket);
    });
  return connector;
}

interface Connections {
  readonly options: UpstreamOptions;
  readonly pool: Pool;
  readonly basePath: string;
  readonly endedAfterUse: WeakSet<Error>;
  readonly reading: Reading;
  /** Calls that have a connection, or are about to. */
  taken: number;
  /** Calls of each holder, those that wait included. */
  readonly held: Map<string, number>;
  /** Calls that wait for one. */
  readonly queue: Call[];
  /** Set by who waits for the last call. */
  onIdle: (() => void) | undefined;
}

/**
 * One request on its way. undici calls it back, by the older of its two interfaces: that one hands over the headers as they
 * were received, and costs less.
 */
class Call implements UpstreamCall, Dispatcher.DispatchHandler {
  readonly #connections: Connections;
  readonly #request: UpstreamRequest;
  readonly #listener: UpstreamListener;
  readonly #startedAt: number;
  #isOver = false;
  /** Set while it waits for a connection to be free. */
  #deadline: NodeJS.Timeout | undefined;
  #wasSent = false;
  #hasNoBody = false;
  #abort: ((error?: Error) => void) | undefined;
  #resume: (() => void) | undefined;
  #mayRepeat: boolean;
  #interimAnswers = 0;
  /** The connection that the answer comes on. */
  #line: Line | undefined;
  /** Nothing more is held back. */
  #isLetGo = false;

  constructor(connections: Connections, request: UpstreamRequest, listener: UpstreamListener) {
    this.#connections = connections;
    this.#request = request;
    this.#listener = listener;
    this.#startedAt = connections.options.monotonic();
    // Nothing else is ever sent twice.
    this.#mayRepeat = (request.method === 'GET' || request.method === 'HEAD') && request.body === null;
  }

  begin(): void {
    const { taken, queue, options, held } = this.#connections;
    const { holder } = this.#request;
    if (holder !== undefined) {
      const holds = held.get(holder) ?? 0;
      if (holds >= shareOf(options.maximumConnections))
        return void this.#refuse('busy', `${holds} calls of this caller at once`);
      held.set(holder, holds + 1);
    }
    if (taken < options.maximumConnections) {
      this.#connections.taken += 1;
      this.#dispatch();
    } else if (queue.length < longestQueue) {
      queue.push(this);
      this.#deadline = setTimeout(() => this.#giveUp('no free connection in time'), options.connectMs);
    } else this.#giveUp('too many calls that wait for a connection');
  }

  #giveUp(evidence: string): void {
    if (this.#isOver) return;
    this.#leaveQueue();
    this.#letNextOfHolder();
    this.#refuse('unreachable', evidence);
  }

  #refuse(kind: 'busy' | 'unreachable', evidence: string): void {
    this.#isOver = true;
    this.#report({ kind, evidence, detail: evidence });
  }

  #letNextOfHolder(): void {
    const { holder } = this.#request;
    if (holder === undefined) return;
    const { held } = this.#connections;
    const left = (held.get(holder) ?? 1) - 1;
    if (left === 0) held.delete(holder);
    else held.set(holder, left);
  }

  #report(problem: UpstreamProblem): void {
    this.#connections.options.onProblem(problem);
    this.#listener.onProblem(problem);
  }

  #leaveQueue(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    const { queue } = this.#connections;
    const place = queue.indexOf(this);
    if (place >= 0) queue.splice(place, 1);
  }

  #dispatch(): void {
    const { method, path, headers, body } = this.#request;
    this.#connections.pool.dispatch({ method, path: this.#connections.basePath + path, headers, body }, this);
  }

  /** It has its last word, and its connection is free for the next. */
  #end(): void {
    this.#isOver = true;
    this.#letNextOfHolder();
    const connections = this.#connections;
    const next = connections.queue.shift();
    if (next === undefined) {
      connections.taken -= 1;
      if (connections.taken === 0) connections.onIdle?.();
      return;
    }
    clearTimeout(next.#deadline);
    next.#deadline = undefined;
    next.#dispatch();
  }

  resume(): void {
    if (this.#line?.held !== this) return;
    this.#line.held = undefined;
    this.#resume?.();
  }

  /** Its connection has ended: what was read of the answer comes now. */
  letGo(): void {
    this.#isLetGo = true;
    this.resume();
  }

  abort(): void {
    if (this.#isOver) return;
    if (this.#deadline !== undefined) {
      this.#leaveQueue();
      this.#letNextOfHolder();
      this.#isOver = true;
      return;
    }
    this.#end();
    this.#abort?.();
  }

  onConnect(abort: (error?: Error) => void): void {
    if (this.#isOver) return void abort();
    this.#wasSent = true;
    this.#abort = abort;
  }

  onResponseStarted(): void {
    this.#mayRepeat = false;
  }

  onHeaders(status: number, headers: Buffer[], resume: () => void): boolean {
    // Of the connection to the upstream, and nothing for the caller (RFC 9110 section 15.2).
    if (status < 200) {
      this.#interimAnswers += 1;
      if (this.#interimAnswers > mostInterimAnswers) this.#abort?.(new Error('too many interim answers'));
      return true;
    }
    if (status > lastStatus) {
      this.#abort?.(new Error(`the status ${status}`));
      return true;
    }
    this.#resume = resume;
    this.#line = this.#connections.reading.line;
    this.#hasNoBody = status === 204 || status === 304;
    const { monotonic, onAnswered } = this.#connections.options;
    onAnswered(status, monotonic() - this.#startedAt);
    this.#listener.onHead(status, headers);
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#listener.onData(chunk) || this.#isLetGo || this.#line === undefined) return true;
    this.#line.held = this;
    return false;
  }

  onComplete(): void {
    if (this.#isOver) return;
    this.#end();
    this.#listener.onEnd();
  }

  onError(error: Error): void {
    if (this.#isOver) return;
    if (this.#mayRepeat && isConnectionEnd(error) && this.#connections.endedAfterUse.has(error)) {
      this.#mayRepeat = false;
      this.#abort = undefined;
      this.#dispatch();
      return;
    }
    this.#end();
    // Such an answer is whole with its head, and may tell a length (RFC 9110 section 8.6), which undici misses.
    if (this.#hasNoBody && isWrongLength(error)) return void this.#listener.onEnd();
    this.#report(describeProblem(error, this.#wasSent));
  }
}
