import { ConnectionError, type PartnerClientError } from '../errors.js';
import type { ClientSettings } from '../read-options.js';
import { mayHaveActed, readRetryAfter } from './answer-error.js';
import type { Deadline } from './deadline.js';
import { decideRetry, type FailedAttempt } from './decide-retry.js';
import type { CallFacts } from './read-request.js';
import { type Answer, send } from './send.js';
import type { Surroundings } from './watch-request.js';

export type AttemptResult<T> =
  | { readonly ok: true; readonly value: T }
  | ({ readonly ok: false; readonly error: PartnerClientError } & Pick<
      FailedAttempt,
      'status' | 'mayHaveArrived' | 'retryAfterMs'
    >)
  /** Not counted against the attempts, and not waited for. */
  | { readonly ok: 'once-more'; readonly reason: string };

/**
 * Repeats `attempt` as long as policy and time allow.
 *
 * @param attempt is told how many were sent before, plus one
 * @throws the error of the last attempt
 */
export async function runAttempts<T>(
  call: CallFacts,
  attempt: (number: number) => Promise<AttemptResult<T>>,
  deadline: Deadline,
  { observe, world }: Surroundings,
  limits: Pick<ClientSettings, 'attempts' | 'maximumDelayMs'>,
): Promise<T> {
  const { method, path, correlationId, repeatable } = call;
  let failures = 0;
  for (let number = 1; ; number += 1) {
    const result = await attempt(number);
    if (result.ok === true) return result.value;
    const facts = { method, path, attempt: number, correlationId };
    if (result.ok === 'once-more') {
      observe({ type: 'retry', ...facts, reason: result.reason, delayMs: 0 });
      continue;
    }
    failures += 1;
    const delayMs = decideRetry(
      { ...result, repeatable, attempt: failures },
      { ...limits, remainingMs: deadline.remainingMs() },
      world.random(),
    );
    if (delayMs === undefined) throw result.error;
    observe({
      type: 'retry',
      ...facts,
      reason: result.error.code ?? String(result.status ?? result.error.kind),
      delayMs,
    });
    await world.wait(delayMs, deadline.signal);
  }
}

/** Sends, and gives a broken or missing connection as a result; every other fault is thrown. */
export async function trySend(
  ...facts: Parameters<typeof send>
): Promise<{ readonly answer: Answer } | { readonly fault: ConnectionError }> {
  try {
    return { answer: await send(...facts) };
  } catch (error) {
    if (error instanceof ConnectionError) return { fault: error };
    throw error;
  }
}

/** @param unsure the failure of an attempt before, which may have been carried out: that this one did not arrive does not settle it */
export function failedConnection<T>(fault: ConnectionError, unsure?: PartnerClientError): AttemptResult<T> {
  const { mayHaveArrived } = fault;
  const error = mayHaveArrived ? fault : (unsure ?? fault);
  return { ok: false, error, status: undefined, mayHaveArrived, retryAfterMs: undefined };
}

export function failedAnswer<T>(
  error: PartnerClientError,
  answer: Answer,
  now: number,
  isUnsure: boolean,
): AttemptResult<T> {
  const { status } = answer;
  const mayHaveArrived = mayHaveActed(status, isUnsure);
  return { ok: false, error, status, mayHaveArrived, retryAfterMs: readRetryAfter(answer, now) };
}
