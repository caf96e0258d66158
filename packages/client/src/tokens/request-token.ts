// Client credentials: RFC 6749 sections 2.3.1, 4.4 and 5, over the line that the token will be used on (RFC 8705 section 3).

import { randomUUID } from 'node:crypto';
import { ConnectionError, type PartnerClientError, RateLimitedError, TimeoutError, TokenError } from '../errors.js';
import type { SharedLine } from '../lines.js';
import { plainCause } from '../plain-cause.js';
import { type ClientSettings, readSecret } from '../read-options.js';
import { type AnsweredCall, answerError } from '../request/answer-error.js';
import { type AttemptResult, failedAnswer, failedConnection, runAttempts, trySend } from '../request/attempts.js';
import { type Deadline, openDeadline } from '../request/deadline.js';
import { decodeBody, membersOf, readWord } from '../request/read-body.js';
import { type CallFacts, resolveTarget } from '../request/read-request.js';
import type { Answer } from '../request/send.js';
import type { Surroundings } from '../request/watch-request.js';
import { hideToken } from './access-token.js';
import { type HeldToken, holdToken, type Moment } from './decide-token.js';
import { parseTokenAnswer } from './parse-token-answer.js';

export interface TokenRequestParts {
  readonly settings: ClientSettings;
  readonly surroundings: Surroundings;
}

interface Asked {
  readonly answer: Answer;
  readonly sentAt: Moment;
}

/**
 * @param signal ends it for everybody
 * @throws TokenError, or what the connection fails with
 */
export async function requestToken(
  line: SharedLine,
  { settings, surroundings }: TokenRequestParts,
  signal: AbortSignal,
): Promise<HeldToken> {
  const { world, observe } = surroundings;
  const path = resolveTarget('/oauth/token', settings.environment).pathname;
  const call: CallFacts = {
    method: 'POST',
    path,
    repeatable: true,
    repeatableByCaller: true,
    correlationId: randomUUID(),
    idempotencyKey: undefined,
  };
  const deadline = openDeadline({
    timeoutMs: settings.timeoutMs,
    signal,
    steadyClock: world.steadyClock,
    reason: () =>
      new TimeoutError(`No token came from ${surroundings.origin}${path} within ${settings.timeoutMs} ms.`, {
        isRetryable: true,
        mayHaveArrived: false,
        correlationId: call.correlationId,
      }),
  });

  async function ask(secret: string, attempt: number): Promise<AttemptResult<Asked>> {
    const sentAt = { clock: world.clock(), steady: world.steadyClock() };
    const headers = {
      accept: 'application/json',
      'user-agent': 'tollward-client',
      'content-type': 'application/x-www-form-urlencoded',
      'x-external-correlation-id': call.correlationId,
      authorization: `Basic ${basicOf(settings.clientId, secret)}`,
    };
    const secrets = [secret, basicOf(settings.clientId, secret)];
    const body = 'grant_type=client_credentials';
    const sent = await trySend(
      line.dispatcher,
      { ...call, target: path, headers, body, attempt, secrets, onStart: () => undefined },
      deadline,
      surroundings,
    );
    if ('fault' in sent) return failedConnection(withoutToken(sent.fault));
    if (sent.answer.status < 400) return { ok: true, value: { answer: sent.answer, sentAt } };
    const now = world.clock();
    const error = refusal(sent.answer, { ...call, secrets, isUnsure: false }, now);
    return failedAnswer(error, sent.answer, now, false);
  }

  try {
    let secret = await askSecret(settings, deadline);
    let secretIsNew = false;
    const { answer, sentAt } = await runAttempts(
      call,
      async (attempt) => {
        const result = await ask(secret, attempt);
        if (result.ok !== false || result.error.code !== 'invalid_client' || secretIsNew) return result;
        // It may have been rotated since it was read. The same one again would only count against the client.
        const read = await askSecret(settings, deadline);
        if (read === secret) return result;
        secret = read;
        secretIsNew = true;
        return { ok: 'once-more', reason: 'invalid_client' };
      },
      deadline,
      surroundings,
      settings,
    );
    const held = readToken(answer, sentAt, line.thumbprint, call.correlationId, world.random());
    const { expiresAt, certificateThumbprint } = held.token;
    observe({ type: 'token:fetched', expiresAt, certificateThumbprint });
    return held;
  } finally {
    deadline.end();
  }
}

/** The code of the error when the function fails that gives the secret. */
export const secretUnavailable = 'secret-unavailable';

async function askSecret(settings: ClientSettings, deadline: Deadline): Promise<string> {
  const { clientSecret } = settings;
  if (typeof clientSecret === 'string') return clientSecret;
  let given: unknown;
  try {
    given = await deadline.race(Promise.resolve().then(clientSecret));
  } catch (error) {
    deadline.signal.throwIfAborted();
    throw new TokenError('The function given as clientSecret failed, so no token could be asked for. See the cause.', {
      code: secretUnavailable,
      isRetryable: true,
      cause: plainCause(error),
    });
  }
  return readSecret(given, settings);
}

/** Both halves are form encoded first (RFC 6749 section 2.3.1). For what ids and secrets usually are made of, that changes nothing. */
function basicOf(clientId: string, secret: string): string {
  return Buffer.from(`${formEncode(clientId)}:${formEncode(secret)}`).toString('base64');
}

function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}

/** Of the call that waits for the token, nothing was sent. */
function withoutToken({ message, code, cause, correlationId }: ConnectionError): ConnectionError {
  const facts = { code, cause, correlationId, isRetryable: true, mayHaveArrived: false };
  return new ConnectionError(`While getting a token, so nothing else was sent: ${message}`, facts);
}

function refusal(answer: Answer, call: AnsweredCall, now: number): PartnerClientError {
  const error = answerError(answer, call, now);
  if (error instanceof RateLimitedError) return error;
  const { status, traceId, correlationId, isRetryable } = error;
  const { error: said } = membersOf(error.body);
  const code = readWord(said) ?? error.code;
  const remedy = code === 'invalid_client' ? ` ${invalidClientRemedy}` : '';
  return new TokenError(`No token: ${error.message}${remedy}`, { status, code, traceId, correlationId, isRetryable });
}

const invalidClientRemedy =
  'Check that id, secret and certificate belong to the same client, and that the secret was not rotated or revoked.';

function readToken(
  answer: Answer,
  sentAt: Moment,
  certificateThumbprint: string | null,
  correlationId: string,
  random: number,
): HeldToken {
  const { status, traceId } = answer;
  const decoded = decodeBody(answer, 'json');
  const parsed = parseTokenAnswer(decoded.ok ? decoded.body : undefined, sentAt.clock);
  if (status >= 300 || !parsed.ok) {
    const problem = status >= 300 || parsed.ok ? `its status is ${status}` : parsed.problem;
    throw new TokenError(`The token endpoint answered something that is no token: ${problem}.`, {
      status,
      traceId,
      correlationId,
    });
  }
  const { value, lifeMs } = parsed;
  const token = hideToken({ value, expiresAt: new Date(sentAt.clock + lifeMs), certificateThumbprint });
  return holdToken(token, lifeMs, sentAt, random);
}
