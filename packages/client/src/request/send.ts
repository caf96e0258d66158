// One request over one line, and its answer as it is kept.

import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Deadline } from './deadline.js';
import type { PreparedCall } from './read-request.js';
import type { AnswerHeaders } from './request-options.js';
import { readTraceId, type Surroundings, type WatchedRequest, watchRequest } from './watch-request.js';

export interface OutgoingRequest extends WatchedRequest, Pick<PreparedCall, 'target' | 'headers'> {
  readonly body?: string | Uint8Array | undefined;
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
export function send(
  dispatcher: Dispatcher,
  request: OutgoingRequest,
  deadline: Deadline,
  surroundings: Surroundings,
): Promise<Answer> {
  const { method, target, headers, body = null, streamIdleMs, secrets } = request;
  return watchRequest(dispatcher, request, deadline, surroundings, async (outlet) => {
    const sending = outlet.dispatcher.request({
      origin: surroundings.origin,
      path: target,
      method,
      headers: { ...outlet.headers, ...headers },
      body,
      signal: deadline.signal,
      // The deadline counts the time, but for a stream.
      headersTimeout: 0,
      bodyTimeout: streamIdleMs ?? 0,
    });
    // undici notices an abort only once it is connected.
    return readAnswer(await deadline.race(sending), streamIdleMs !== undefined, secrets);
  });
}

async function readAnswer(
  received: Dispatcher.ResponseData,
  asStream: boolean,
  secrets: readonly string[],
): Promise<Answer> {
  const status = received.statusCode;
  const headers = cleanHeaders(received.headers);
  const head = { status, headers, traceId: readTraceId(firstOf(headers['x-trace-id']), secrets) };
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
