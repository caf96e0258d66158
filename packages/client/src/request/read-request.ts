// What a caller asks for into what is sent. Values come from data of the application, so none may leave its place: not a path its host, not a
// header its line.

import { randomUUID } from 'node:crypto';
import type { ResolvedEnvironment } from '../environments.js';
import { ConfigurationError } from '../errors.js';
import { plainCause } from '../observe/redact.js';
import { type ClientSettings, readMinimumRemaining, readTimeout, refuseUnknown } from '../read-options.js';
import type { AccessToken } from '../tokens/access-token.js';
import { isSendable, isToken } from './header-values.js';
import type { RequestOptions, ResponseType } from './request-options.js';

/** A call as it is sent in each of its attempts, without its token. */
export interface PreparedCall {
  readonly method: string;
  /** With query. */
  readonly target: string;
  /** Without query, which may say more than a log should. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
  /** Whether a second arrival does no harm. */
  readonly repeatable: boolean;
  readonly correlationId: string;
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

/** Headers that are made here, and what to use for each. */
const ownHeaders: ReadonlyMap<string, string> = new Map([
  ['authorization', 'The client adds its token itself; the option "token" takes another one'],
  ['content-type', 'Use the option "contentType"'],
  ['x-external-correlation-id', 'Use the option "correlationId"'],
  ['x-idempotence-uuid', 'Use the option "idempotencyKey"'],
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

/** @throws ConfigurationError for what can not be sent, or not safely */
export function readRequest(
  method: string,
  path: string,
  options: RequestOptions,
  settings: Pick<ClientSettings, 'environment' | 'timeoutMs' | 'minimumRemainingMs'>,
): PreparedCall {
  refuseUnknown(options, knownOptions, 'The options of a request');
  const upper = String(method).toUpperCase();
  if (!methods.includes(upper)) throw new ConfigurationError(`The method has to be one of ${methods.join(', ')}`);
  const { responseType = 'json', correlationId = randomUUID(), idempotencyKey, signal, token } = options;
  if (!responseTypes.includes(responseType)) {
    throw new ConfigurationError(`responseType has to be one of ${responseTypes.join(', ')}`);
  }
  checkCorrelationId(correlationId);
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
      'x-idempotence-uuid': idempotencyKey === true ? randomUUID() : idempotencyKey,
    }),
    body,
    repeatable: upper === 'GET' || upper === 'HEAD' || idempotencyKey !== undefined,
    correlationId,
    responseType,
    signal,
    timeoutMs: readTimeout(options.timeoutMs, settings.timeoutMs, 'timeoutMs'),
    minimumRemainingMs:
      readMinimumRemaining(options.minimumRemainingSeconds, 'minimumRemainingSeconds') ?? settings.minimumRemainingMs,
    token,
  };
}

/** @throws ConfigurationError for one that the API would ignore */
export function checkCorrelationId(correlationId: string): void {
  if (typeof correlationId === 'string' && correlationId.length <= longestCorrelationId) return;
  throw new ConfigurationError(
    `A correlation id has at most ${longestCorrelationId} characters, as a UUID has: the API ignores a longer one.`,
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
  if (method === 'GET' || method === 'HEAD') throw new ConfigurationError(`${method} has no body.`);
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
    const instead = ownHeaders.get(lower);
    if (instead !== undefined) throw new ConfigurationError(`The header "${lower}" can not be given. ${instead}.`);
    return [lower, value];
  });
  return Object.fromEntries(entries);
}

function checkHeaders(headers: Readonly<Record<string, string | undefined>>): Record<string, string> {
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
