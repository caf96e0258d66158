// One request over one line, watched.

import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { ConnectionError, TlsError } from '../errors.js';
import type { Observe } from '../observe/observer.js';
import { plainCause } from '../observe/redact.js';
import type { StartSpan } from '../observe/tracing.js';
import { describeTransportFault } from '../transport/describe-fault.js';
import type { World } from '../world.js';
import type { Deadline } from './deadline.js';
import type { PreparedCall } from './read-request.js';
import type { AnswerHeaders } from './request-options.js';

/** Of what a request needs around it. */
export interface Surroundings {
  readonly origin: string;
  readonly observe: Observe;
  readonly startSpan: StartSpan;
  readonly world: World;
}

export interface OutgoingRequest
  extends Pick<PreparedCall, 'method' | 'target' | 'path' | 'headers' | 'body' | 'correlationId' | 'repeatable'> {
  /** Which attempt of its call this is, from 1. */
  readonly attempt: number;
  /** Left out: the body is read. With it, that of a success is left as `stream`, which breaks after so long without a byte. */
  readonly streamIdleMs?: number | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly traceId: string | undefined;
  /** Empty when there is a stream. */
  readonly bytes: Buffer;
  /** False when the body was longer than what is kept, and `bytes` is only its beginning. */
  readonly isWhole: boolean;
  readonly stream: Readable | undefined;
}

/** More than this is only given as a stream. */
export const maximumBodyBytes = 64 * 1024 * 1024;
const maximumErrorBytes = 1024 * 1024;

/**
 * @throws TlsError @throws ConnectionError
 * @throws the reason of the deadline
 */
export async function send(
  dispatcher: Dispatcher,
  request: OutgoingRequest,
  deadline: Deadline,
  { origin, observe, startSpan, world }: Surroundings,
): Promise<Answer> {
  const { method, target, path, headers, body = null, attempt, correlationId } = request;
  const facts = { method, path, attempt, correlationId };
  const startedAt = world.steadyClock();
  observe({ type: 'request', ...facts });
  const span = startSpan({ method, origin, path });
  try {
    // undici notices an abort only once it is connected.
    const sending = dispatcher.request({
      origin,
      path: target,
      method,
      headers: { ...span.headers, ...headers },
      body,
      signal: deadline.signal,
      // The deadline counts the time, but for a stream.
      headersTimeout: 0,
      bodyTimeout: request.streamIdleMs ?? 0,
    });
    const received = await deadline.race(sending);
    const answer = await readAnswer(received, request.streamIdleMs !== undefined);
    span.end({ status: answer.status });
    const durationMs = world.steadyClock() - startedAt;
    observe({ type: 'response', ...facts, status: answer.status, traceId: answer.traceId, durationMs });
    return answer;
  } catch (error) {
    const fault = deadline.signal.aborted ? deadline.signal.reason : describeFault(error, origin, request);
    span.end({ error: fault instanceof Error ? fault.name : 'unknown' });
    throw fault;
  }
}

/** What a failed request means, whichever library says so. */
export function describeFault(
  error: unknown,
  origin: string,
  { repeatable, correlationId }: Pick<PreparedCall, 'repeatable' | 'correlationId'>,
): TlsError | ConnectionError {
  const cause = plainCause(error);
  const fault =
    describeTransportFault(error, { origin }) ??
    new ConnectionError(`The request to ${origin} failed: ${cause?.message ?? 'no reason was given'}`, {
      mayHaveArrived: true,
      cause,
    });
  const facts = { code: fault.code, cause: plainCause(fault.cause), correlationId };
  if (fault instanceof TlsError) return new TlsError(fault.message, facts);
  const { mayHaveArrived } = fault;
  return new ConnectionError(fault.message, { ...facts, mayHaveArrived, isRetryable: repeatable || !mayHaveArrived });
}

async function readAnswer(received: Dispatcher.ResponseData, asStream: boolean): Promise<Answer> {
  const status = received.statusCode;
  const headers = cleanHeaders(received.headers);
  const head = { status, headers, traceId: firstOf(headers['x-trace-id']) };
  if (asStream && isSuccess(status)) return { ...head, bytes: Buffer.alloc(0), isWhole: true, stream: received.body };
  const limit = isSuccess(status) ? maximumBodyBytes : maximumErrorBytes;
  return { ...head, ...(await readBounded(received.body, limit)), stream: undefined };
}

/** Leaving the loop early destroys the stream, and with it the connection. */
export async function readBounded(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  limit: number,
): Promise<Pick<Answer, 'bytes' | 'isWhole'>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    size += bytes.length;
    if (size > limit) return { bytes: Buffer.concat(chunks), isWhole: false };
    chunks.push(bytes);
  }
  return { bytes: Buffer.concat(chunks), isWhole: true };
}

function cleanHeaders(headers: Dispatcher.ResponseData['headers']): AnswerHeaders {
  const entries = Object.entries(headers).filter(
    (entry): entry is [string, string | string[]] => entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}

/** 304 is asked for by who sends a condition; other redirects are not followed. */
export function isSuccess(status: number): boolean {
  return status < 300 || status === 304;
}

export function firstOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
