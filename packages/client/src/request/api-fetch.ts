// `fetch` over a line of the client. The one that is built into Node ignores an https.Agent without a word, so no client certificate is sent.

import { randomUUID } from 'node:crypto';
import { type BodyInit, FormData, fetch, Headers, Request, type RequestInit, Response } from 'undici';
import { ConfigurationError } from '../errors.js';
import { type SharedLine, takeLine } from '../lines.js';
import { redact } from '../observe/redact.js';
import { plainCause } from '../plain-cause.js';
import type { AccessToken } from '../tokens/access-token.js';
import { saysInvalidToken } from './answer-error.js';
import { type Deadline, openDeadline } from './deadline.js';
import { type CallParts, checkBinding, timeoutError } from './perform-call.js';
import { membersOf, parseJson } from './read-body.js';
import {
  type CallFacts,
  checkCorrelationId,
  checkHeaders,
  checkIdempotencyKey,
  checkSignal,
  isSafe,
  readMethod,
  refuseOwnHeader,
  resolveTarget,
} from './read-request.js';
import { readBounded } from './send.js';
import { readTraceId, watchRequest } from './watch-request.js';

/** @param input a path of the API, or a whole URL of it */
export type ApiFetch = (input: string | URL, init?: RequestInit) => Promise<Response>;

interface FetchCall extends CallFacts {
  readonly url: URL;
  readonly init: RequestInit;
  readonly headers: Readonly<Record<string, string>>;
}

const maximumRefusalBytes = 64 * 1024;

export function openFetch(parts: CallParts): ApiFetch {
  const { settings, surroundings, transport, tokens } = parts;
  return async (input, init = {}) => {
    const call = readFetch(input, init, parts);
    const progress = { isUnderWay: false };
    const deadline = openDeadline({
      timeoutMs: settings.timeoutMs,
      signal: init.signal ?? undefined,
      steadyClock: surroundings.world.steadyClock,
      reason: () => timeoutError(call, settings.timeoutMs, progress.isUnderWay),
    });
    try {
      for (let attempt = 1; ; attempt += 1) {
        progress.isUnderWay = false;
        // The dispatcher of a released line is closed gently, so a body that is still read goes on.
        const { line, release } = await takeLine(transport, deadline);
        try {
          const token = await deadline.race(tokens.take(line, { minimumRemainingMs: settings.minimumRemainingMs }));
          const onStart = () => {
            progress.isUnderWay = true;
          };
          const { response, isInvalidToken } = await fetchOnce(
            call,
            { line, token, attempt, deadline, onStart },
            parts,
          );
          if (response.status !== 401) tokens.noteAccepted(token);
          if (!isInvalidToken) return response;
          const mayHaveAnother = tokens.forget(token);
          if (!mayHaveAnother || attempt > 1 || !canBeSentAgain(init.body)) return response;
        } finally {
          release();
        }
        const { method, path, correlationId } = call;
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
  const method = readMethod(init.method ?? 'GET');
  checkSignal(init.signal ?? undefined);
  const given = readHeaders(init.headers);
  const { 'x-external-correlation-id': correlationId = randomUUID(), 'x-idempotence-uuid': idempotencyKey } = given;
  checkCorrelationId(correlationId);
  checkIdempotencyKey(idempotencyKey);
  const headers = checkHeaders({ ...given, 'x-external-correlation-id': correlationId });
  checkParts(url, { ...init, method, headers });
  const repeatable = isSafe(method) || idempotencyKey !== undefined;
  return {
    url,
    init,
    method,
    path: url.pathname,
    headers,
    correlationId,
    idempotencyKey,
    repeatable,
    repeatableByCaller: repeatable,
  };
}

function readHeaders(given: RequestInit['headers']): Partial<Record<string, string>> {
  let headers: Headers;
  try {
    headers = new Headers(given);
  } catch {
    // What it says repeats the value.
    throw new ConfigurationError('The headers have a name or a value that no header can carry.');
  }
  for (const name of headers.keys()) refuseOwnHeader(name);
  return Object.fromEntries(headers);
}

/** What undici would say only after a token was fetched. */
function checkParts(url: URL, init: RequestInit): void {
  const { body } = init;
  if (!canBeSentAgain(body) && init.duplex !== 'half') {
    throw new ConfigurationError('A stream is sent with duplex: "half".');
  }
  try {
    // A stream would be begun.
    new Request(url, { ...init, body: canBeSentAgain(body) ? toOwnForm(body) : '', signal: null });
  } catch (error) {
    const cause = plainCause(error);
    throw new ConfigurationError(`client.fetch() can not send this: ${cause?.message ?? 'it has no reason'}`, {
      cause,
    });
  }
}

interface FetchAttempt {
  readonly line: SharedLine;
  readonly token: AccessToken;
  readonly attempt: number;
  readonly deadline: Deadline;
  readonly onStart: () => void;
}

interface Fetched {
  readonly status: number;
  readonly traceId: string | undefined;
  readonly response: Response;
  readonly isInvalidToken: boolean;
}

function fetchOnce(
  call: FetchCall,
  { line, token, attempt, deadline, onStart }: FetchAttempt,
  { surroundings }: CallParts,
): Promise<Fetched> {
  checkBinding(token, line);
  const { url, init, method } = call;
  const secrets = [token.value];
  const request = { ...call, attempt, secrets, onStart };
  return watchRequest(line.dispatcher, request, deadline, surroundings, async (outlet) => {
    const response = await deadline.race(
      fetch(url, {
        ...init,
        method,
        headers: { ...outlet.headers, ...call.headers, authorization: `Bearer ${token.value}` },
        body: toOwnForm(init.body),
        // The deadline ends with the headers; the caller's signal may still end the body.
        signal: init.signal ? AbortSignal.any([deadline.signal, init.signal]) : deadline.signal,
        dispatcher: outlet.dispatcher,
        redirect: 'manual',
      }),
    );
    const { status, headers } = response;
    const facts = { status, traceId: readTraceId(headers.get('x-trace-id') ?? undefined, secrets) };
    return {
      ...facts,
      ...(status === 401 ? await readRefusal(response, secrets) : { response, isInvalidToken: false }),
    };
  });
}

/** Some servers repeat the token in their answer. */
async function readRefusal(
  response: Response,
  secrets: readonly string[],
): Promise<Pick<Fetched, 'response' | 'isInvalidToken'>> {
  const { status, statusText, headers } = response;
  const { bytes } = await readBounded(response.body ?? [], maximumRefusalBytes);
  const text = redact(bytes.toString('utf8'), secrets);
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
