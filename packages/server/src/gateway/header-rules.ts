// Which headers pass through the gateway. Of a request those on a list, so that nothing that somebody could take for an
// identity or for the path of the request gets through, however it is spelt. Of an answer all but those of the connection
// (RFC 9110 section 7.6.1) and those that are ours to say.

import { printable } from '../platform/printable.js';

/** What every upstream gets of a request. Content-Length and the correlation id are judged before and set by the gateway. */
const passedToAll: readonly string[] = [
  'accept',
  // Bodies stay encoded from end to end.
  'accept-encoding',
  'accept-language',
  'accept-minor-version',
  'content-encoding',
  'content-language',
  'content-type',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
  'user-agent',
  'x-idempotence-uuid',
];

/** Of one connection only (RFC 9110 section 7.6.1, RFC 9112 section 9.6), whatever Connection says. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const identity: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'cookie2',
  'forwarded',
  'from',
  'one-time-token',
  'remote-user',
  'true-client-ip',
  'via',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-original-url',
  'x-real-ip',
  'x-remote-user',
  'x-rewrite-url',
  'x-signature',
  'x-user',
]);

/** Set by the gateway, or judged by it. */
const own: ReadonlySet<string> = new Set([
  'content-length',
  'expect',
  'host',
  'x-external-correlation-id',
  'x-refusal-code',
  'x-trace-id',
]);

const identityPrefixes: readonly string[] = [
  'client-cert',
  'proxy-',
  'ssl-',
  'tollward-',
  'x-2fa-',
  'x-auth-',
  'x-authenticated-',
  'x-client-cert',
  'x-forwarded-',
  'x-ssl-',
  'x-tollward-',
  'x-tw-',
];

const shape = /^[a-z0-9-]+$/;

/**
 * Whether a policy may not let this request header through to an upstream. Underscores count as dashes: many servers read
 * them alike.
 */
export function isForbiddenHeader(name: string): boolean {
  const lower = name.toLowerCase();
  if (!shape.test(lower)) return true;
  return (
    hopByHop.has(lower) ||
    identity.has(lower) ||
    own.has(lower) ||
    lower === 'x-forwarded' ||
    identityPrefixes.some((prefix) => lower.startsWith(prefix))
  );
}

/** The names that pass to an upstream whose policy adds `more`. */
export function requestHeaderNames(more: readonly string[]): ReadonlySet<string> {
  return new Set([...passedToAll, ...more.map((name) => name.toLowerCase())]);
}

/**
 * The headers of a request that pass, as they were sent.
 *
 * @param rawHeaders name, value, name, value
 */
export function passRequestHeaders(rawHeaders: readonly string[], names: ReadonlySet<string>): string[] {
  const passed: string[] = [];
  let named: ReadonlySet<string> = nothing;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    const value = rawHeaders[index + 1] ?? '';
    if (names.has(name)) passed.push(name, value);
    else if (name === 'connection') named = namedIn(value, named);
  }
  return named === nothing ? passed : without(passed, named);
}

const nothing: ReadonlySet<string> = new Set();

/** The headers that a Connection header declares to be of this connection only. */
function namedIn(connection: string, before: ReadonlySet<string>): ReadonlySet<string> {
  const lower = connection.toLowerCase();
  if (lower === 'keep-alive' || lower === 'close') return before;
  return new Set([...before, ...lower.split(',').map((name) => name.trim())]);
}

function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  return headers.filter((_text, index) => !names.has(headers[index - (index % 2)] ?? ''));
}

/** Of an answer: what is ours to say, or must not reach partners. */
const keptFromPartners: ReadonlySet<string> = new Set([
  // It would send partners to another address, past the gateway.
  'alt-svc',
  // Partners hold tokens. A cookie of the upstream would be a second identity beside them, on a host that is not its own.
  'set-cookie',
  'set-cookie2',
  'x-external-correlation-id',
  'x-rate-limited-by',
  'x-refusal-code',
  'x-trace-id',
]);

export interface PassedAnswer {
  /** Name, value, name, value. */
  readonly headers: string[];
  /** What the upstream says for the operator of why it refused. */
  readonly refusal: string | undefined;
  /** Its body is encoded in a way that belongs to the connection, and that nobody undoes here (RFC 9112 section 7). */
  readonly isEncoded: boolean;
}

const refusalHeader = 'tollward-refusal';
const longestRefusal = 200;

/**
 * The headers of an answer that pass, as they were received; repeated ones stay repeated.
 *
 * @param rawHeaders name, value, name, value
 */
export function passAnswerHeaders(status: number, rawHeaders: readonly Buffer[]): PassedAnswer {
  const headers: string[] = [];
  let named: ReadonlySet<string> = nothing;
  let refusal: string | undefined;
  let isEncoded = false;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index]?.toString('latin1') ?? '').toLowerCase();
    const value = rawHeaders[index + 1]?.toString('latin1') ?? '';
    if (name === 'connection') named = namedIn(value, named);
    else if (name === refusalHeader) refusal = printable(value).slice(0, longestRefusal) || undefined;
    else if (name === 'transfer-encoding') isEncoded ||= value.toLowerCase() !== 'chunked';
    // An answer without a body has no length either (RFC 9110 section 8.6).
    else if (!isKept(name) && !(status === 204 && name === 'content-length')) headers.push(name, value);
  }
  return { headers: named === nothing ? headers : without(headers, named), refusal, isEncoded };
}

function isKept(name: string): boolean {
  return (
    hopByHop.has(name) ||
    keptFromPartners.has(name) ||
    // The API is for servers: no browser of another origin is let in, whatever the upstream would allow.
    name.startsWith('access-control-') ||
    name.startsWith('tollward-') ||
    // A client would begin an exchange that this version can not end.
    name.startsWith('x-2fa-')
  );
}
