// What went wrong with an upstream, in the few kinds that a caller has to tell apart.

import type { Environment } from '@tollward/protocol';
import type { Logger } from 'pino';

export interface UpstreamProblem {
  /** `busy`: the caller has its share of calls already. `unreachable`: nothing was sent. `timeout`: no answer, or no more of it, in time. `failed`: no answer that can be used. */
  readonly kind: 'busy' | 'unreachable' | 'timeout' | 'failed';
  /** A few words that name no address: evidence may be shown to partners. */
  readonly evidence: string;
  /** For the log. */
  readonly detail: string;
}

const evidenceOf: Readonly<Record<string, string>> = {
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_HEADERS_TIMEOUT: 'no head of an answer in time',
  UND_ERR_BODY_TIMEOUT: 'an answer that stopped half-way',
  UND_ERR_HEADERS_OVERFLOW: 'an answer with too many headers',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'an answer of another length than it announced',
  UND_ERR_SOCKET: 'a connection that ended without the whole answer',
  ECONNRESET: 'a connection that was reset',
  EPIPE: 'a connection that was reset',
};

/** @param wasSent whether the request had a connection */
export function describeProblem(error: Error, wasSent: boolean): UpstreamProblem {
  const code = codeOf(error);
  const { message } = error;
  if (!wasSent) {
    return { kind: 'unreachable', evidence: evidenceOf[code] ?? `no connection (${code})`, detail: message };
  }
  const isLate = code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT';
  const evidence = evidenceOf[code] ?? (code.startsWith('HPE_') ? 'an answer that is not HTTP' : `a failure (${code})`);
  return { kind: isLate ? 'timeout' : 'failed', evidence, detail: message };
}

/** Whether the other side ended the connection. */
export function isConnectionEnd(error: Error): boolean {
  const code = codeOf(error);
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE';
}

/** Whether the answer had another length than it announced. */
export function isWrongLength(error: Error): boolean {
  return codeOf(error) === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH';
}

const quietMs = 1_000;

/**
 * The log of them: all calls fail at once when an upstream is away, for the same reason.
 *
 * @param monotonic milliseconds of a clock that is never set back
 */
export function createUpstreamProblems(
  logger: Logger,
  monotonic: () => number,
): (environment: Environment, upstream: string, problem: UpstreamProblem) => void {
  const last = new Map<string, { readonly quietUntil: number; leftOut: number }>();
  return (environment, upstream, { kind, evidence, detail }) => {
    const key = `${environment} ${upstream} ${kind}`;
    const before = last.get(key);
    const now = monotonic();
    if (before !== undefined && now < before.quietUntil) {
      before.leftOut += 1;
      return;
    }
    last.set(key, { quietUntil: now + quietMs, leftOut: 0 });
    const leftOutBefore = before?.leftOut ?? 0;
    logger.warn(
      { environment, upstream, kind, problem: evidence, detail, leftOutBefore },
      'an upstream gave no answer',
    );
  };
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
