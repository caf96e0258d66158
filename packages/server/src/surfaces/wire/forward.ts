// A request on its way to an upstream, and the answer on its way back. Bodies pass as they come, with backpressure both ways
// (RFC 9110 section 7.6, RFC 9112). Trailers of either side end here.

import { passAnswerHeaders } from '../../gateway/index.js';
import { closeSoon } from '../../platform/listeners/close-soon.js';
import type { Upstream, UpstreamCall, UpstreamListener } from '../../platform/upstreams/upstream.js';
import type { UpstreamProblem } from '../../platform/upstreams/upstream-problem.js';
import type { Refusal } from '../../refusals/index.js';
import {
  askForBody,
  closesAfter,
  type Exchange,
  type Forwarding,
  type SentAnswer,
  unansweredStatus,
} from './exchange.js';
import { receiveBody, StreamedBody } from './request-body.js';
import type { RequestHead } from './request-head.js';

/** Where an admitted request goes, and how. */
export interface ForwardOrder {
  readonly upstreamName: string;
  readonly upstream: Upstream;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Name, value, name, value: made when the request is sent. */
  readonly makeHeaders: () => string[];
  readonly maximumBodyBytes: number;
  /** Without a byte from the caller, or taken by the caller. */
  readonly idleMs: number;
  /** Undefined: anybody. */
  readonly clientId: string | undefined;
  /** Judges the caller again, because the body took its time: what was revoked meanwhile is revoked. */
  readonly confirm: () => Promise<Refusal | undefined>;
  readonly clock: () => number;
  readonly isDraining: () => boolean;
}

/** A body that took longer than this is sent for nobody whose token was revoked meanwhile. */
const confirmedMs = 1_000;

export function forward(exchange: Exchange, head: RequestHead, order: ForwardOrder): Promise<SentAnswer | Refusal> {
  const { maximumBodyBytes, clientId } = order;
  if (head.contentLength !== undefined && head.contentLength > maximumBodyBytes) {
    return Promise.resolve(refuseLength(order, `${head.contentLength}`));
  }
  // It was answered already, or left, while it was admitted.
  if (exchange.settled || exchange.request.socket.destroyed) {
    return Promise.resolve({ sent: unansweredStatus, clientId, reason: undefined });
  }
  return new Promise((resolve, reject) => new Passage(exchange, head, order, resolve, reject).begin());
}

/** The two ways of one request, from the moment it was admitted. */
class Passage implements UpstreamListener, Forwarding {
  readonly #exchange: Exchange;
  readonly #head: RequestHead;
  readonly #order: ForwardOrder;
  readonly #resolve: (outcome: SentAnswer | Refusal) => void;
  readonly #reject: (error: unknown) => void;
  #isOver = false;
  #call: UpstreamCall | undefined;
  #body: Buffer | StreamedBody | null = null;
  /** Of the answer, once its head is there. */
  #status = 0;
  #headers: string[] = [];
  #upstreamRefusal: string | undefined;
  /** Its first piece, so that a small answer leaves in one write. */
  #firstData: Buffer | undefined;
  #isBegun = false;
  #closes = false;

  constructor(
    exchange: Exchange,
    head: RequestHead,
    order: ForwardOrder,
    resolve: (outcome: SentAnswer | Refusal) => void,
    reject: (error: unknown) => void,
  ) {
    this.#exchange = exchange;
    this.#head = head;
    this.#order = order;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(): void {
    const { request, connection } = this.#exchange;
    const { method, maximumBodyBytes } = this.#order;
    this.#exchange.forwarding = this;
    connection.forwarding.add(this);
    // A GET has no use for a body (RFC 9110 section 9.3.1), and servers do not agree on what to do with one: it is left unread.
    if (!this.#head.hasBody || method === 'GET' || method === 'HEAD') return void this.#send();
    askForBody(this.#exchange, this.#head);
    if (!request.complete) this.#watchCaller();
    receiveBody(request, this.#head, maximumBodyBytes, {
      onBody: (body) => this.#take(body),
      onTooLarge: () => this.interrupt(refuseLength(this.#order, 'more')),
    });
  }

  /** Judged by progress, not by the whole time: a large body over a slow line takes long and is no attack. */
  #watchCaller(): void {
    this.#exchange.request.socket.setTimeout(this.#order.idleMs);
  }

  #take(body: Buffer | StreamedBody): void {
    if (this.#isOver) return;
    this.#body = body;
    const { confirm, clock } = this.#order;
    if (clock() - this.#exchange.receivedAt < confirmedMs) return void this.#send();
    confirm().then(
      (refusal) => (refusal === undefined ? this.#send() : this.interrupt(refusal)),
      (error: unknown) => this.#fail(error),
    );
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#leave();
    this.#reject(error);
  }

  #send(): void {
    if (this.#isOver) return;
    try {
      const { upstream, method, path, makeHeaders } = this.#order;
      const headers = makeHeaders();
      const { contentLength } = this.#head;
      if (this.#body instanceof StreamedBody && contentLength !== undefined) {
        headers.push('content-length', String(contentLength));
      }
      this.#call = upstream.send({ holder: this.#holder(), method, path, headers, body: this.#body }, this);
    } catch (error) {
      // It may run in an event of the request, where nobody would catch it.
      this.#fail(error);
    }
  }

  /** Nobody, by its address. */
  #holder(): string {
    return this.#order.clientId ?? this.#exchange.connection.address.limitKey;
  }

  waitsFor(): 'caller' | 'upstream' {
    if (this.#call === undefined || this.#exchange.response.writableNeedDrain) return 'caller';
    return this.#body instanceof StreamedBody && this.#body.isStarved() ? 'caller' : 'upstream';
  }

  interrupt(cause: Refusal | 'caller gone'): void {
    if (this.#isOver) return;
    this.#call?.abort();
    if (cause === 'caller gone') this.#end(unansweredStatus, undefined);
    else this.#breakOff(cause);
  }

  onHead(status: number, rawHeaders: readonly Buffer[]): void {
    const { headers, refusal, isEncoded } = passAnswerHeaders(status, rawHeaders);
    if (isEncoded) {
      this.#call?.abort();
      const evidence = 'an answer in an encoding of its connection';
      return void this.onProblem({ kind: 'failed', evidence, detail: evidence });
    }
    this.#status = status;
    this.#headers = headers;
    if (status >= 400) this.#upstreamRefusal = refusal;
    // What came with it is read in this turn; what did not must not hold it up.
    queueMicrotask(() => this.#beginAnswer());
  }

  onData(chunk: Buffer): boolean {
    if (this.#isBegun) return this.#write(chunk);
    if (this.#firstData === undefined) {
      this.#firstData = chunk;
      return true;
    }
    this.#beginAnswer();
    return this.#write(chunk);
  }

  onEnd(): void {
    const { response, request } = this.#exchange;
    const rest = this.#isBegun ? undefined : this.#firstData;
    if (!this.#writeHead()) return;
    const then = this.#closes ? (): void => closeSoon(request.socket) : undefined;
    if (rest === undefined) response.end(then);
    else response.end(rest, then);
    const seen = this.#upstreamRefusal;
    this.#end(this.#status, seen === undefined ? undefined : upstreamRefused(this.#order, seen));
  }

  onProblem({ kind, evidence }: UpstreamProblem): void {
    const { upstreamName, clientId } = this.#order;
    this.#breakOff({
      refusal: `upstream_${kind}`,
      step: 'forward',
      expected: `an answer of the upstream ${upstreamName}`,
      seen: evidence,
      ...(kind === 'busy' && { retryAfterSeconds: 1 }),
      ...(clientId !== undefined && { clientId }),
    });
  }

  /** With a refusal, or, when its answer has begun, by cutting the connection: nobody is to take it for a whole one. */
  #breakOff(refusal: Refusal): void {
    if (!this.#isBegun) {
      this.#leave();
      this.#resolve(refusal);
      return;
    }
    this.#exchange.request.socket.destroy();
    this.#end(this.#status, refusal);
  }

  #beginAnswer(): void {
    if (this.#isOver || this.#isBegun || !this.#writeHead()) return;
    const { response } = this.#exchange;
    const data = this.#firstData;
    this.#firstData = undefined;
    if (data === undefined) response.flushHeaders();
    else if (!response.write(data)) this.#watchCaller();
  }

  /** @returns whether it could be written */
  #writeHead(): boolean {
    if (this.#isBegun) return true;
    const { response, traceId, connection } = this.#exchange;
    const headers = this.#headers;
    headers.push('x-trace-id', traceId);
    if (this.#head.correlationId !== undefined) headers.push('x-external-correlation-id', this.#head.correlationId);
    this.#closes = closesAfter(this.#exchange) || this.#order.isDraining();
    if (this.#closes) {
      headers.push('connection', 'close');
      connection.ended = true;
    }
    try {
      response.writeHead(this.#status, headers);
    } catch (error) {
      // What undici reads as a header and Node does not take for one must not end the process.
      this.#call?.abort();
      this.#fail(error);
      return false;
    }
    this.#isBegun = true;
    return true;
  }

  #write(chunk: Buffer): boolean {
    const { response } = this.#exchange;
    if (response.write(chunk)) return true;
    this.#watchCaller();
    response.once('drain', () => this.#call?.resume());
    return false;
  }

  #leave(): void {
    this.#isOver = true;
    this.#exchange.forwarding = undefined;
    this.#exchange.connection.forwarding.delete(this);
  }

  #end(status: number, reason: Refusal | undefined): void {
    this.#leave();
    this.#resolve({ sent: status, clientId: this.#order.clientId, reason });
  }
}

function refuseLength({ maximumBodyBytes, clientId }: ForwardOrder, seen: string): Refusal {
  const limit = String(maximumBodyBytes);
  return {
    refusal: 'request_body_too_large',
    step: 'forward',
    expected: `a body of at most ${limit} bytes`,
    seen: `${seen} bytes`,
    parameters: { limit },
    ...(clientId !== undefined && { clientId }),
  };
}

function upstreamRefused({ upstreamName, clientId }: ForwardOrder, seen: string): Refusal {
  return {
    refusal: 'upstream_refused',
    step: 'forward',
    expected: `a yes of the upstream ${upstreamName}`,
    seen,
    ...(clientId !== undefined && { clientId }),
  };
}
