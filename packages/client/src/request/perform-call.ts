import { TimeoutError, TokenError } from '../errors.js';
import { type SharedLine, takeLine } from '../lines.js';
import type { ClientSettings } from '../read-options.js';
import type { AccessToken } from '../tokens/access-token.js';
import type { TokenSource } from '../tokens/token-source.js';
import type { Transport } from '../transport/transport.js';
import { answerError, isInvalidToken, unreadableAnswer } from './answer-error.js';
import { type AttemptResult, failedAnswer, failedConnection, runAttempts, trySend } from './attempts.js';
import { type Deadline, openDeadline } from './deadline.js';
import { decodeBody } from './read-body.js';
import type { PreparedCall } from './read-request.js';
import type { ApiResponse } from './request-options.js';
import { type Answer, isSuccess, maximumBodyBytes, type Surroundings } from './send.js';

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
  const progress = { wasSent: false, wasRenewed: false };
  const deadline = openDeadline({
    timeoutMs: call.timeoutMs,
    signal: call.signal,
    steadyClock: surroundings.world.steadyClock,
    reason: () => timeoutError(call, progress.wasSent),
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
    return readSuccess(answer, call);
  } finally {
    if (!isStreaming) deadline.end();
  }
}

interface AttemptParts extends CallParts {
  readonly deadline: Deadline;
  readonly progress: { wasSent: boolean; wasRenewed: boolean };
  readonly fixed: FixedSession | undefined;
}

async function attemptCall(call: PreparedCall, number: number, parts: AttemptParts): Promise<AttemptResult<Answer>> {
  const { deadline, progress, fixed, tokens, surroundings } = parts;
  const { line, release } = await lineFor(parts);
  try {
    const given = call.token ?? fixed?.token;
    const token = given ?? (await deadline.race(tokens.take(line, call)));
    checkBinding(token, line);
    progress.wasSent = true;
    const sent = await trySend(
      line.dispatcher,
      {
        ...call,
        headers: { ...call.headers, authorization: `Bearer ${token.value}` },
        attempt: number,
        streamIdleMs: call.responseType === 'stream' ? call.timeoutMs : undefined,
      },
      deadline,
      surroundings,
    );
    if ('fault' in sent) return failedConnection(sent.fault);
    const { answer } = sent;
    if (isSuccess(answer.status)) return { ok: true, value: answer };
    const now = surroundings.world.clock();
    const error = answerError(answer, call, [token.value], now);
    if (isInvalidToken(error)) {
      tokens.forget(token);
      if (given === undefined && !progress.wasRenewed) {
        progress.wasRenewed = true;
        return { ok: 'once-more', reason: 'invalid_token' };
      }
    }
    return failedAnswer(error, answer, now);
  } finally {
    // The dispatcher of a released line is closed gently: a stream that is still read goes on.
    release();
  }
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

function readSuccess(answer: Answer, call: PreparedCall): ApiResponse {
  const { status, headers, traceId, stream } = answer;
  const head = { status, headers, traceId, correlationId: call.correlationId };
  if (stream !== undefined) return { ...head, body: stream };
  if (!answer.isWhole) {
    const limit = `its body is longer than ${maximumBodyBytes / 1024 / 1024} MiB. Ask with responseType "stream"`;
    throw unreadableAnswer(answer, call, limit);
  }
  const decoded = decodeBody(answer, call.responseType);
  if (!decoded.ok) throw unreadableAnswer(answer, call, decoded.problem);
  return { ...head, body: decoded.body };
}

function timeoutError(
  { method, path, timeoutMs, repeatable, correlationId }: PreparedCall,
  wasSent: boolean,
): TimeoutError {
  const state = wasSent
    ? 'It was sent, so it may have been carried out'
    : 'It was not sent: no connection or token was there in time';
  return new TimeoutError(`${method} ${path} had no whole answer within ${timeoutMs} ms. ${state}.`, {
    correlationId,
    isRetryable: repeatable || !wasSent,
  });
}
