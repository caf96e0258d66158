// What a caller asks for into what is sent. Values come from data of the application, so none may leave its place: not a path its host, not a
// header its line.

import { randomUUID } from 'node:crypto';
import type { ResolvedEnvironment } from '../environments.js';
import { ConfigurationError } from '../errors.js';
import { plainCause } from '../plain-cause.js';
import type { ClientSettings } from '../read-options.js';
import { readMinimumRemaining, readTimeout, refuseUnknown } from '../read-values.js';
import type { AccessToken } from '../tokens/access-token.js';
import { isSendable, isToken } from './header-values.js';
import type { RequestOptions, ResponseType } from './request-options.js';

/** What events and errors say of a call. */
export interface CallFacts {
  readonly method: string;
  /** Without query, which may say more than a log should. */
  readonly path: string;
  readonly correlationId: string;
  readonly idempotencyKey: string | undefined;
  /** Whether a second arrival of the same request does no harm. */
  readonly repeatable: boolean;
  /** Whether the same holds when it is called for again: not with a key that was made here, as the next call gets another one. */
  readonly repeatableByCaller: boolean;
}

/** A call as it is sent in each of its attempts, without its token. */
export interface PreparedCall extends CallFacts {
  /** With query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
  readonly responseType: ResponseType;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly minimumRemainingMs: number | undefined;
  readonly token: AccessToken | undefined;
}

const knownOptions: readonly string[] = [
  'query',
  'body',
  'rawBody',
  'contentType',
  'headers',
  'idempotencyKey',
  'correlationId',
  'signal',
  'timeoutMs',
  'minimumRemainingSeconds',
  'token',
  'responseType',
] satisfies (keyof RequestOptions)[];

const methods: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const responseTypes: readonly string[] = ['json', 'text', 'bytes', 'stream'] satisfies ResponseType[];
const longestCorrelationId = 36;

/** Headers that nobody may give, and why. */
const ownHeaders: ReadonlyMap<string, string> = new Map([
  ['authorization', 'The client adds its token itself; request() takes another one as its option "token"'],
  ...[
    'host',
    'content-length',
    'transfer-encoding',
    'connection',
    'upgrade',
    'expect',
    'keep-alive',
    'te',
    'trailer',
  ].map((name): [string, string] => [name, 'It belongs to the connection']),
]);

/** Headers that have an option of a request each. */
const optionHeaders: ReadonlyMap<string, string> = new Map([
  ['content-type', 'Use the option "contentType"'],
  ['x-external-correlation-id', 'Use the option "correlationId"'],
  ['x-idempotence-uuid', 'Use the option "idempotencyKey"'],
]);

/** @throws ConfigurationError for what can not be sent, or not safely */
export function readRequest(
  method: string,
  path: string,
  options: RequestOptions,
  settings: Pick<ClientSettings, 'environment' | 'timeoutMs' | 'minimumRemainingMs'>,
): PreparedCall {
  refuseUnknown(options, knownOptions, 'The options of a request');
  const upper = readMethod(method);
  const { responseType = 'json', correlationId = randomUUID(), signal, token } = options;
  const idempotencyKey = options.idempotencyKey === true ? randomUUID() : options.idempotencyKey;
  if (!responseTypes.includes(responseType)) {
    throw new ConfigurationError(`responseType has to be one of ${responseTypes.join(', ')}`);
  }
  checkCorrelationId(correlationId);
  checkIdempotencyKey(idempotencyKey);
  checkSignal(signal);
  checkToken(token);
  const url = resolveTarget(path, settings.environment);
  addQuery(url, options.query);
  const { body, contentType } = readBody(options, upper);
  return {
    method: upper,
    target: url.pathname + url.search,
    path: url.pathname,
    headers: checkHeaders({
      accept: responseType === 'json' ? 'application/json' : '*/*',
      'user-agent': 'tollward-client',
      ...readHeaders(options.headers),
      'content-type': contentType,
      'x-external-correlation-id': correlationId,
      'x-idempotence-uuid': idempotencyKey,
    }),
    body,
    repeatable: isSafe(upper) || idempotencyKey !== undefined,
    repeatableByCaller: isSafe(upper) || typeof options.idempotencyKey === 'string',
    correlationId,
    idempotencyKey,
    responseType,
    signal,
    timeoutMs: readTimeout(options.timeoutMs, settings.timeoutMs, 'timeoutMs'),
    minimumRemainingMs:
      readMinimumRemaining(options.minimumRemainingSeconds, 'minimumRemainingSeconds') ?? settings.minimumRemainingMs,
    token,
  };
}

/** In capitals. @throws ConfigurationError */
export function readMethod(method: unknown): string {
  const upper = String(method).toUpperCase();
  if (methods.includes(upper)) return upper;
  throw new ConfigurationError(`The method has to be one of ${methods.join(', ')}`);
}

/** RFC 9110 section 9.2.1, of what the API has. */
export function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** @throws ConfigurationError for one that the API would ignore */
export function checkCorrelationId(correlationId: unknown): void {
  if (typeof correlationId === 'string' && correlationId !== '' && correlationId.length <= longestCorrelationId) return;
  throw new ConfigurationError(
    `A correlation id has from 1 to ${longestCorrelationId} characters, as a UUID has: the API ignores a longer one.`,
  );
}

/** @throws ConfigurationError for one under which a payment would be repeated without protection */
export function checkIdempotencyKey(key: unknown): void {
  if (key === undefined || (typeof key === 'string' && key !== '')) return;
  throw new ConfigurationError('An idempotency key has to be text that is not empty, or true for a new UUID.');
}

/** @throws ConfigurationError */
export function checkSignal(signal: unknown): void {
  const isSignal = typeof signal === 'object' && signal !== null && 'aborted' in signal && 'addEventListener' in signal;
  if (signal === undefined || isSignal) return;
  throw new ConfigurationError('The signal has to be an AbortSignal.');
}

function checkToken(token: AccessToken | null | undefined): void {
  if (token === undefined) return;
  const value: unknown = token?.value;
  if (typeof value === 'string' && value !== '' && isSendable(value)) return;
  throw new ConfigurationError(
    'The option "token" has to be what token() gave, itself: a copy made with {...token} or by JSON has no value.',
  );
}

/**
 * A path of the API, or a whole URL of it (as in a link of an answer), as the URL that is called.
 *
 * @throws ConfigurationError for another host, and for a path that a server could read as another one
 */
export function resolveTarget(
  path: string,
  { origin, basePath }: Pick<ResolvedEnvironment, 'origin' | 'basePath'>,
): URL {
  if (typeof path !== 'string' || !/^[\x21-\x7e]+$/.test(path) || /[\\#]/.test(path)) {
    throw new ConfigurationError(
      'A path has visible ASCII only, without "#" and backslash. Put encodeURIComponent() around the values in it.',
    );
  }
  const isWhole = /^[a-z][a-z0-9+.-]*:/i.test(path);
  if (!isWhole && !/^\/(?!\/)/.test(path)) throw new ConfigurationError('A path begins with one "/".');
  const whole = isWhole ? path : origin + basePath + path;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  if (url?.origin !== origin || url.username !== '' || url.password !== '') {
    throw new ConfigurationError(`Only ${origin} is called: the token of this client must not leave for another host.`);
  }
  // URL takes dot segments away. What is left then is another resource than the one that was written.
  if (/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(whole.slice(origin.length).replace(/\?.*$/, ''))) {
    throw new ConfigurationError('A path has no "." or ".." segments. Check the values that were put into it.');
  }
  refuseTokenInQuery(url);
  return url;
}

function addQuery(url: URL, query: RequestOptions['query'] = {}): void {
  for (const [name, given] of Object.entries(query)) {
    if (given === undefined) continue;
    for (const value of Array.isArray(given) ? given : [given]) url.searchParams.append(name, String(value));
  }
  refuseTokenInQuery(url);
}

/** RFC 9700 section 4.3.2: URLs end up in logs. */
function refuseTokenInQuery(url: URL): void {
  if ([...url.searchParams.keys()].some((name) => name.toLowerCase() === 'access_token')) {
    throw new ConfigurationError('A token in a URL ends up in logs. The client sends it in a header.');
  }
}

function readBody(
  { body, rawBody, contentType }: RequestOptions,
  method: string,
): { readonly body: string | Uint8Array | undefined; readonly contentType: string | undefined } {
  if (body === undefined && rawBody === undefined) return { body: undefined, contentType };
  if (body !== undefined && rawBody !== undefined) throw new ConfigurationError('Give "body" or "rawBody", not both.');
  if (isSafe(method)) throw new ConfigurationError(`${method} has no body.`);
  if (body === undefined) {
    if (typeof rawBody === 'string' || rawBody instanceof Uint8Array) return { body: rawBody, contentType };
    throw new ConfigurationError('rawBody has to be text or bytes. A stream can be sent with client.fetch().');
  }
  return { body: writeJson(body), contentType: contentType ?? 'application/json' };
}

function writeJson(body: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(body);
  } catch (cause) {
    throw new ConfigurationError('The body can not be written as JSON.', { cause: plainCause(cause) });
  }
  if (text === undefined) throw new ConfigurationError('The body can not be written as JSON.');
  return text;
}

function readHeaders(headers: RequestOptions['headers'] = {}): Record<string, string | undefined> {
  const entries = Object.entries(headers).map(([name, value]): [string, string | undefined] => {
    const lower = name.toLowerCase();
    refuseHeader(lower, ownHeaders.get(lower) ?? optionHeaders.get(lower));
    return [lower, value];
  });
  return Object.fromEntries(entries);
}

/** @throws ConfigurationError for one that the client makes itself. @param name in lower case */
export function refuseOwnHeader(name: string): void {
  refuseHeader(name, ownHeaders.get(name));
}

function refuseHeader(name: string, why: string | undefined): void {
  if (why !== undefined) throw new ConfigurationError(`The header "${name}" can not be given. ${why}.`);
}

/** @throws ConfigurationError for a name or value that no header can have */
export function checkHeaders(headers: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const checked: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    if (!isToken(name)) throw new ConfigurationError('The name of a header has a character that none may have.');
    if (typeof value !== 'string' || !isSendable(value)) {
      throw new ConfigurationError(`The value of the header "${name}" has characters that no header can carry.`);
    }
    checked[name] = value;
  }
  return checked;
}
