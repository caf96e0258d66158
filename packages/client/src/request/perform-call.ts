import { type PartnerClientError, TimeoutError, TokenError } from '../errors.js';
import { type SharedLine, takeLine } from '../lines.js';
import type { ClientSettings } from '../read-options.js';
import type { AccessToken } from '../tokens/access-token.js';
import type { TokenSource } from '../tokens/token-source.js';
import type { Transport } from '../transport/transport.js';
import { answerError, isInvalidToken, unreadableAnswer } from './answer-error.js';
import { type AttemptResult, failedAnswer, failedConnection, runAttempts, trySend } from './attempts.js';
import { type Deadline, openDeadline } from './deadline.js';
import { decodeBody } from './read-body.js';
import type { CallFacts, PreparedCall } from './read-request.js';
import type { ApiResponse } from './request-options.js';
import { type Answer, isSuccess, maximumBodyBytes } from './send.js';
import type { Surroundings } from './watch-request.js';

/** What every call of a client shares. */
export interface CallParts {
  readonly settings: ClientSettings;
  readonly surroundings: Surroundings;
  readonly transport: Pick<Transport, 'acquire'>;
  readonly tokens: TokenSource;
}

/** A line and a token that stay the same for several calls. */
export interface FixedSession {
  readonly line: SharedLine;
  readonly token: AccessToken;
}

/** Sends a call, with as many attempts as it may have. @throws PartnerClientError, or the reason of the caller's signal */
export async function performCall(call: PreparedCall, parts: CallParts, fixed?: FixedSession): Promise<ApiResponse> {
  const { surroundings, settings } = parts;
  const progress: Progress = { isUnderWay: false, unsure: undefined, wasRenewed: false, token: undefined };
  const deadline = openDeadline({
    timeoutMs: call.timeoutMs,
    signal: call.signal,
    steadyClock: surroundings.world.steadyClock,
    reason: () => timeoutError(call, call.timeoutMs, progress.isUnderWay || progress.unsure !== undefined),
  });
  let isStreaming = false;
  try {
    const answer = await runAttempts(
      call,
      (number) => attemptCall(call, number, { ...parts, deadline, progress, fixed }),
      deadline,
      surroundings,
      settings,
    );
    if (answer.stream !== undefined) {
      isStreaming = true;
      deadline.stopClock();
      answer.stream.once('close', () => deadline.end());
    }
    return readSuccess(answer, call, secretsOf(progress.token));
  } finally {
    if (!isStreaming) deadline.end();
  }
}

interface Progress {
  /** Whether a request was given to a connection, and has no outcome yet. */
  isUnderWay: boolean;
  /** The failure of the last attempt that may have been carried out. */
  unsure: PartnerClientError | undefined;
  wasRenewed: boolean;
  token: AccessToken | undefined;
}

interface AttemptParts extends CallParts {
  readonly deadline: Deadline;
  readonly progress: Progress;
  readonly fixed: FixedSession | undefined;
}

async function attemptCall(call: PreparedCall, number: number, parts: AttemptParts): Promise<AttemptResult<Answer>> {
  const { deadline, progress } = parts;
  try {
    const result = await attemptOnce(call, number, parts);
    if (result.ok === false && result.mayHaveArrived) progress.unsure = result.error;
    return result;
  } catch (error) {
    // Without a line or a token for this attempt, the one before is what matters.
    throw deadline.signal.aborted ? error : (progress.unsure ?? error);
  } finally {
    progress.isUnderWay = false;
  }
}

async function attemptOnce(call: PreparedCall, number: number, parts: AttemptParts): Promise<AttemptResult<Answer>> {
  const { deadline, progress, fixed, tokens, surroundings } = parts;
  const { line, release } = await lineFor(parts);
  try {
    const given = call.token ?? fixed?.token;
    const token = given ?? (await deadline.race(tokens.take(line, call)));
    checkBinding(token, line);
    progress.token = token;
    const secrets = secretsOf(token);
    const sent = await trySend(
      line.dispatcher,
      {
        ...call,
        headers: { ...call.headers, authorization: `Bearer ${token.value}` },
        attempt: number,
        streamIdleMs: call.responseType === 'stream' ? call.timeoutMs : undefined,
        secrets,
        onStart: () => {
          progress.isUnderWay = true;
        },
      },
      deadline,
      surroundings,
    );
    if ('fault' in sent) return failedConnection(sent.fault, progress.unsure);
    const { answer } = sent;
    if (answer.status !== 401) tokens.noteAccepted(token);
    if (isSuccess(answer.status)) return { ok: true, value: answer };
    const now = surroundings.world.clock();
    const isUnsure = progress.unsure !== undefined;
    const error = answerError(answer, { ...call, secrets, isUnsure }, now);
    if (isInvalidToken(error)) {
      const mayHaveAnother = tokens.forget(token);
      if (mayHaveAnother && given === undefined && !progress.wasRenewed) {
        progress.wasRenewed = true;
        return { ok: 'once-more', reason: 'invalid_token' };
      }
    }
    return failedAnswer(error, answer, now, isUnsure);
  } finally {
    // The dispatcher of a released line is closed gently: a stream that is still read goes on.
    release();
  }
}

function secretsOf(token: AccessToken | undefined): readonly string[] {
  return token === undefined ? [] : [token.value];
}

async function lineFor({ fixed, transport, deadline }: AttemptParts): Promise<Awaited<ReturnType<typeof takeLine>>> {
  return fixed === undefined ? takeLine(transport, deadline) : { line: fixed.line, release: fixed.line.hold() };
}

/** A token bound to a certificate is refused over a connection with another one (RFC 8705 section 3), so it is not sent there. */
export function checkBinding({ certificateThumbprint }: AccessToken, { thumbprint }: SharedLine): void {
  if (certificateThumbprint === null || certificateThumbprint === thumbprint) return;
  throw new TokenError(
    'The token belongs to a client certificate that is no longer in use. Get a new one with token(), or make the calls in job(), which keeps both.',
    { code: 'other-certificate' },
  );
}

function readSuccess(answer: Answer, call: PreparedCall, secrets: readonly string[]): ApiResponse {
  const { status, headers, traceId, stream } = answer;
  const { correlationId, idempotencyKey } = call;
  const head = { status, headers, traceId, correlationId, idempotencyKey };
  if (stream !== undefined) return { ...head, body: stream };
  if (!answer.isWhole) {
    const limit = `its body is longer than ${maximumBodyBytes / 1024 / 1024} MiB. Ask with responseType "stream"`;
    throw unreadableAnswer(answer, call, secrets, limit);
  }
  const decoded = decodeBody(answer, call.responseType);
  if (!decoded.ok) throw unreadableAnswer(answer, call, secrets, decoded.problem);
  return { ...head, body: decoded.body };
}

export function timeoutError(
  { method, path, repeatableByCaller, correlationId, idempotencyKey }: CallFacts,
  timeoutMs: number,
  mayHaveArrived: boolean,
): TimeoutError {
  const state = mayHaveArrived
    ? 'It was sent, so it may have been carried out'
    : 'It was not sent: no connection or token was there in time';
  return new TimeoutError(`${method} ${path} had no whole answer within ${timeoutMs} ms. ${state}.`, {
    correlationId,
    idempotencyKey,
    mayHaveArrived,
    isRetryable: repeatableByCaller || !mayHaveArrived,
  });
}
