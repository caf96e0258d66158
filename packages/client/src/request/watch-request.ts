// One request as others see it: its events, its span, whether it was sent, and what its failure means.

import type { Dispatcher } from 'undici';
import { ConnectionError, TlsError } from '../errors.js';
import type { Observe } from '../observe/observer.js';
import { quote, redact } from '../observe/redact.js';
import type { StartSpan } from '../observe/tracing.js';
import { plainCause } from '../plain-cause.js';
import { describeTransportFault } from '../transport/describe-fault.js';
import type { World } from '../world.js';
import type { Deadline } from './deadline.js';
import { noteStart } from './note-start.js';
import type { CallFacts } from './read-request.js';

const longestTraceId = 128;
const longestReason = 300;

/** Of what a request needs around it. */
export interface Surroundings {
  readonly origin: string;
  readonly observe: Observe;
  readonly startSpan: StartSpan;
  readonly world: World;
}

export interface WatchedRequest extends CallFacts {
  /** Which attempt of its call this is, from 1. */
  readonly attempt: number;
  /** What is sent and must not come back in a text. */
  readonly secrets: readonly string[];
  /** When the request is given to a connection that is there: from then on it may arrive. */
  readonly onStart: () => void;
}

export interface Outlet {
  readonly dispatcher: Dispatcher;
  /** Of the span. Those of the request come after them. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * @param exchange sends, and reads as much as a failure may be reported of
 * @throws TlsError @throws ConnectionError
 * @throws the reason of the deadline
 */
export async function watchRequest<T extends { readonly status: number; readonly traceId: string | undefined }>(
  dispatcher: Dispatcher,
  request: WatchedRequest,
  deadline: Deadline,
  { origin, observe, startSpan, world }: Surroundings,
  exchange: (outlet: Outlet) => Promise<T>,
): Promise<T> {
  const { method, path, attempt, correlationId } = request;
  const facts = { method, path, attempt, correlationId };
  const startedAt = world.steadyClock();
  let isStarted = false;
  const noted = noteStart(dispatcher, () => {
    isStarted = true;
    request.onStart();
  });
  observe({ type: 'request', ...facts });
  const span = startSpan({ method, origin, path });
  try {
    const received = await exchange({ dispatcher: noted, headers: span.headers });
    const { status, traceId } = received;
    span.end({ status });
    observe({ type: 'response', ...facts, status, traceId, durationMs: world.steadyClock() - startedAt });
    return received;
  } catch (error) {
    const fault = deadline.signal.aborted ? deadline.signal.reason : describeFault(error, origin, request, isStarted);
    span.end({ error: fault instanceof Error ? fault.name : 'unknown' });
    throw fault;
  }
}

/** What a failed request means, whichever library says so. */
function describeFault(
  error: unknown,
  origin: string,
  { repeatableByCaller, correlationId, idempotencyKey, secrets }: WatchedRequest,
  isStarted: boolean,
): TlsError | ConnectionError {
  // `fetch` says that it failed, and why in the cause.
  const cause = plainCause(error instanceof Error && error.cause instanceof Error ? error.cause : error, secrets);
  const fault =
    describeTransportFault(error, { origin }) ??
    new ConnectionError(
      `The request to ${origin} failed: ${quote(cause?.message ?? 'no reason was given', longestReason)}`,
      {
        mayHaveArrived: true,
        cause,
      },
    );
  const facts = { code: fault.code, cause: plainCause(fault.cause, secrets), correlationId, idempotencyKey };
  if (fault instanceof TlsError) return new TlsError(fault.message, facts);
  const mayHaveArrived = isStarted && fault.mayHaveArrived;
  const isRetryable = repeatableByCaller || !mayHaveArrived;
  return new ConnectionError(fault.message, { ...facts, mayHaveArrived, isRetryable });
}

export function readTraceId(given: string | undefined, secrets: readonly string[]): string | undefined {
  return given === undefined ? undefined : quote(redact(given, secrets), longestTraceId);
}
