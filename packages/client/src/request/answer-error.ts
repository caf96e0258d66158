// An answer that is no success, as the error that a caller can branch on.

import { type AnswerFacts, ApiError, RateLimitedError, ScaRequiredError } from '../errors.js';
import { redact } from '../observe/redact.js';
import { mayRepeat } from './decide-retry.js';
import { decodeErrorBody, membersOf, readReason } from './read-body.js';
import type { PreparedCall } from './read-request.js';
import type { AnswerHeaders } from './request-options.js';
import { parseHttpDate, parseRetryAfter } from './retry-after.js';
import { type Answer, firstOf } from './send.js';

const longestQuote = 300;

type CallFacts = Pick<PreparedCall, 'method' | 'path' | 'repeatable' | 'correlationId'>;

/**
 * @param secrets what was sent: some servers repeat the token in their answer
 * @param now milliseconds since the epoch
 */
export function answerError(answer: Answer, call: CallFacts, secrets: readonly string[], now: number): ApiError {
  const clean = (text: string): string => redact(text, secrets);
  const body = decodeErrorBody(answer, clean);
  const headers = mapValues(answer.headers, clean);
  const reason = readReason(body);
  const { status, traceId } = answer;
  const facts: AnswerFacts = {
    status,
    headers,
    body,
    code: firstOf(headers['x-refusal-code']) ?? reason.code,
    traceId,
    correlationId: call.correlationId,
    isRetryable: mayRepeat({ status, mayHaveArrived: true, repeatable: call.repeatable }),
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

export function isInvalidToken({ status, body, headers }: ApiError): boolean {
  return status === 401 && saysInvalidToken(membersOf(body), firstOf(headers['www-authenticate']) ?? '');
}

/** RFC 6750 section 3.1. Some answers say so in the body, some in the header, some in both. */
export function saysInvalidToken(members: Readonly<Record<string, unknown>>, challenge: string): boolean {
  return members['error'] === 'invalid_token' || /\berror="?invalid_token\b/.test(challenge);
}

/** A success that can not be given on. */
export function unreadableAnswer(answer: Answer, call: CallFacts, problem: string): ApiError {
  const { status, headers, traceId } = answer;
  const facts = { status, headers, body: undefined, traceId, correlationId: call.correlationId };
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
  const said = text === undefined || text === '' ? '.' : `: ${quote(text)}`;
  const trace = facts.traceId === undefined ? '' : ` [trace ${facts.traceId}]`;
  return `${method} ${path} was answered with ${facts.status}${code}${said}${trace}`;
}

function quote(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > longestQuote ? `${line.slice(0, longestQuote)}...` : line;
}

function mapValues(headers: AnswerHeaders, change: (value: string) => string): AnswerHeaders {
  const entries = Object.entries(headers).map(([name, value]): [string, string | readonly string[]] => [
    name,
    typeof value === 'string' ? change(value) : value.map(change),
  ]);
  return Object.fromEntries(entries);
}
