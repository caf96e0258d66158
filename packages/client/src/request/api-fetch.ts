// `fetch` over a line of the client. The one that is built into Node ignores an https.Agent without a word, so no client certificate is sent.

import { randomUUID } from 'node:crypto';
import { type BodyInit, FormData, fetch, Headers, type RequestInit, Response } from 'undici';
import { ConfigurationError, TimeoutError } from '../errors.js';
import { type SharedLine, takeLine } from '../lines.js';
import { redact } from '../observe/redact.js';
import type { AccessToken } from '../tokens/access-token.js';
import { saysInvalidToken } from './answer-error.js';
import { type Deadline, openDeadline } from './deadline.js';
import { type CallParts, checkBinding } from './perform-call.js';
import { membersOf, parseJson } from './read-body.js';
import { checkCorrelationId, resolveTarget } from './read-request.js';
import { describeFault, readBounded } from './send.js';

/** @param input a path of the API, or a whole URL of it */
export type ApiFetch = (input: string | URL, init?: RequestInit) => Promise<Response>;

interface FetchCall {
  readonly url: URL;
  readonly init: RequestInit;
  readonly method: string;
  readonly headers: Headers;
  readonly correlationId: string;
  readonly repeatable: boolean;
}

const maximumRefusalBytes = 64 * 1024;

export function openFetch(parts: CallParts): ApiFetch {
  const { settings, surroundings, transport, tokens } = parts;
  return async (input, init = {}) => {
    const call = readFetch(input, init, parts);
    const { timeoutMs } = settings;
    const deadline = openDeadline({
      timeoutMs,
      signal: init.signal ?? undefined,
      steadyClock: surroundings.world.steadyClock,
      reason: () =>
        new TimeoutError(`${call.method} ${call.url.pathname} was not answered within ${timeoutMs} ms.`, {
          correlationId: call.correlationId,
          isRetryable: call.repeatable,
        }),
    });
    try {
      for (let attempt = 1; ; attempt += 1) {
        // The dispatcher of a released line is closed gently, so a body that is still read goes on.
        const { line, release } = await takeLine(transport, deadline);
        try {
          const token = await deadline.race(tokens.take(line, { minimumRemainingMs: settings.minimumRemainingMs }));
          const response = await fetchOnce(call, { line, token, attempt, deadline }, parts);
          if (response.status !== 401) return response;
          const refused = await readRefusal(response, token);
          if (!refused.isInvalidToken) return refused.response;
          tokens.forget(token);
          if (attempt > 1 || !canBeSentAgain(init.body)) return refused.response;
        } finally {
          release();
        }
        const { method, correlationId } = call;
        const path = call.url.pathname;
        surroundings.observe({
          type: 'retry',
          method,
          path,
          attempt,
          correlationId,
          reason: 'invalid_token',
          delayMs: 0,
        });
      }
    } finally {
      deadline.end();
    }
  };
}

/** @throws ConfigurationError */
function readFetch(input: unknown, init: RequestInit, { settings }: CallParts): FetchCall {
  if (typeof input !== 'string' && !(input instanceof URL)) {
    throw new ConfigurationError('client.fetch() takes a path or a URL. Of a Request, give its url and its parts.');
  }
  const url = resolveTarget(String(input), settings.environment);
  const headers = new Headers(init.headers);
  if (headers.has('authorization')) {
    throw new ConfigurationError('The header "authorization" can not be given: the client adds its token itself.');
  }
  const correlationId = headers.get('x-external-correlation-id') ?? randomUUID();
  checkCorrelationId(correlationId);
  headers.set('x-external-correlation-id', correlationId);
  const method = (init.method ?? 'GET').toUpperCase();
  const repeatable = method === 'GET' || method === 'HEAD' || headers.has('x-idempotence-uuid');
  return { url, init, method, headers, correlationId, repeatable };
}

async function fetchOnce(
  call: FetchCall,
  {
    line,
    token,
    attempt,
    deadline,
  }: {
    readonly line: SharedLine;
    readonly token: AccessToken;
    readonly attempt: number;
    readonly deadline: Deadline;
  },
  { surroundings }: CallParts,
): Promise<Response> {
  checkBinding(token, line);
  const { origin, observe, startSpan, world } = surroundings;
  const { url, init, method, correlationId } = call;
  const path = url.pathname;
  const facts = { method, path, attempt, correlationId };
  const startedAt = world.steadyClock();
  observe({ type: 'request', ...facts });
  const span = startSpan({ method, origin, path });
  try {
    const headers = new Headers(call.headers);
    for (const [name, value] of Object.entries(span.headers)) headers.set(name, value);
    headers.set('authorization', `Bearer ${token.value}`);
    const response = await deadline.race(
      fetch(url, {
        ...init,
        method,
        headers,
        body: toOwnForm(init.body),
        // The deadline ends with the headers; the caller's signal may still end the body.
        signal: init.signal ? AbortSignal.any([deadline.signal, init.signal]) : deadline.signal,
        dispatcher: line.dispatcher,
        redirect: 'manual',
      }),
    );
    const { status } = response;
    span.end({ status });
    const traceId = response.headers.get('x-trace-id') ?? undefined;
    observe({ type: 'response', ...facts, status, traceId, durationMs: world.steadyClock() - startedAt });
    return response;
  } catch (error) {
    // undici says "fetch failed", and why in the cause.
    const reason = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const fault = deadline.signal.aborted ? deadline.signal.reason : describeFault(reason, origin, call);
    span.end({ error: fault instanceof Error ? fault.name : 'unknown' });
    throw fault;
  }
}

/** Some servers repeat the token in their answer. */
async function readRefusal(
  response: Response,
  token: AccessToken,
): Promise<{ readonly isInvalidToken: boolean; readonly response: Response }> {
  const { status, statusText, headers } = response;
  const { bytes } = await readBounded(response.body ?? [], maximumRefusalBytes);
  const text = redact(bytes.toString('utf8'), [token.value]);
  const isInvalidToken = saysInvalidToken(membersOf(parseJson(text)?.value), headers.get('www-authenticate') ?? '');
  return { isInvalidToken, response: new Response(text, { status, statusText, headers }) };
}

/** The global FormData is another class than that of undici, which would send its name in place of its fields. */
function toOwnForm(body: BodyInit | null | undefined): BodyInit | null {
  if (!isForeignForm(body)) return body ?? null;
  const form = new FormData();
  for (const [name, value] of body.entries()) form.append(name, value);
  return form;
}

function isForeignForm(body: unknown): body is globalThis.FormData {
  return body instanceof globalThis.FormData && !(body instanceof FormData);
}

function canBeSentAgain(body: BodyInit | null | undefined): boolean {
  if (body === undefined || body === null || typeof body === 'string' || ArrayBuffer.isView(body)) return true;
  return [ArrayBuffer, Blob, URLSearchParams, FormData, globalThis.FormData].some((kind) => body instanceof kind);
}
