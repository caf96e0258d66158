// An answer that is no success, as the error that a caller can branch on.

import { type AnswerFacts, ApiError, RateLimitedError, ScaRequiredError } from '../errors.js';
import { quote, redact } from '../observe/redact.js';
import { mayRepeat } from './decide-retry.js';
import { decodeErrorBody, membersOf, readReason, readWord } from './read-body.js';
import type { CallFacts } from './read-request.js';
import type { AnswerHeaders } from './request-options.js';
import { parseHttpDate, parseRetryAfter } from './retry-after.js';
import { type Answer, firstOf } from './send.js';

const longestQuote = 300;

export interface AnsweredCall extends CallFacts {
  /** What was sent: some servers repeat the token in their answer. */
  readonly secrets: readonly string[];
  /** Whether an attempt before this one may have been carried out. */
  readonly isUnsure: boolean;
}

/** @param now milliseconds since the epoch */
export function answerError(answer: Answer, call: AnsweredCall, now: number): ApiError {
  const clean = (text: string): string => redact(text, call.secrets);
  const body = decodeErrorBody(answer, clean);
  const headers = mapValues(answer.headers, clean);
  const reason = readReason(body);
  const { status, traceId } = answer;
  const facts: AnswerFacts = {
    status,
    headers,
    body,
    code: readWord(firstOf(headers['x-refusal-code'])) ?? reason.code,
    traceId,
    correlationId: call.correlationId,
    idempotencyKey: call.idempotencyKey,
    isRetryable: mayRepeat({
      status,
      mayHaveArrived: mayHaveActed(status, call.isUnsure),
      repeatable: call.repeatableByCaller,
    }),
  };
  const oneTimeToken = firstOf(headers['x-2fa-approval']);
  if ((status === 403 || status === 400) && oneTimeToken !== undefined) {
    return new ScaRequiredError(`${describe(call, facts, undefined)} It needs strong customer authentication first.`, {
      ...facts,
      oneTimeToken,
    });
  }
  if (status === 429) {
    return new RateLimitedError(describe(call, facts, reason.text), {
      ...facts,
      retryAfterMs: readRetryAfter(answer, now),
    });
  }
  if (status < 400) {
    return new ApiError(
      `${describe(call, facts, undefined)} Redirects are not followed: a token must not leave for another host.`,
      facts,
    );
  }
  return new ApiError(describe(call, facts, reason.text), facts);
}

/** Whether a call may have been carried out, for all that an answer with this status says. */
export function mayHaveActed(status: number, isUnsure: boolean): boolean {
  return status !== 429 || isUnsure;
}

export function isInvalidToken({ status, body, headers }: ApiError): boolean {
  return status === 401 && saysInvalidToken(membersOf(body), [headers['www-authenticate'] ?? []].flat().join(', '));
}

/**
 * RFC 6750 section 3.1. Some answers say so in the body, some in the header, some in both.
 *
 * @param challenges all of the header `www-authenticate`, also those of other schemes
 */
export function saysInvalidToken(members: Readonly<Record<string, unknown>>, challenges: string): boolean {
  return members['error'] === 'invalid_token' || /\berror="?invalid_token\b/.test(challenges);
}

/** A success that can not be given on. */
export function unreadableAnswer(
  answer: Answer,
  call: CallFacts,
  secrets: readonly string[],
  problem: string,
): ApiError {
  const { status, traceId } = answer;
  const { correlationId, idempotencyKey } = call;
  const headers = mapValues(answer.headers, (text) => redact(text, secrets));
  const facts = { status, headers, body: undefined, traceId, correlationId, idempotencyKey };
  return new ApiError(`${describe(call, facts, undefined)} The call was carried out, but ${problem}.`, facts);
}

/** In milliseconds, by the clock of the server where it says its time. */
export function readRetryAfter({ headers }: Pick<Answer, 'headers'>, now: number): number | undefined {
  const value = firstOf(headers['retry-after']);
  if (value === undefined) return undefined;
  return parseRetryAfter(value, parseHttpDate(firstOf(headers['date']) ?? '', now) ?? now);
}

function describe({ method, path }: CallFacts, facts: AnswerFacts, text: string | undefined): string {
  const code = facts.code === undefined || facts.code === text ? '' : ` (${facts.code})`;
  const said = text === undefined || text === '' ? '.' : `: ${quote(text, longestQuote)}`;
  const trace = facts.traceId === undefined ? '' : ` [trace ${facts.traceId}]`;
  return `${method} ${path} was answered with ${facts.status}${code}${said}${trace}`;
}

function mapValues(headers: AnswerHeaders, change: (value: string) => string): AnswerHeaders {
  const entries = Object.entries(headers).map(([name, value]): [string, string | readonly string[]] => [
    name,
    typeof value === 'string' ? change(value) : value.map(change),
  ]);
  return Object.fromEntries(entries);
}
