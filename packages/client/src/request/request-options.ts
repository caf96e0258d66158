import type { Readable } from 'node:stream';
import type { AccessToken } from '../tokens/access-token.js';

export type QueryValue = string | number | bigint | boolean;

/** What the body of an answer is given as. */
export type ResponseType = 'json' | 'text' | 'bytes' | 'stream';

export interface RequestOptions<R extends ResponseType = ResponseType> {
  /** Added to the path. Undefined members are left out, arrays become the same name several times. */
  readonly query?: Readonly<Record<string, QueryValue | readonly QueryValue[] | undefined>> | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, in place of `body`. */
  readonly rawBody?: string | Uint8Array | undefined;
  /** Default: `application/json` for `body`; none for `rawBody`. */
  readonly contentType?: string | undefined;
  /** Further headers. Those that the client makes itself are refused. */
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * Sent as `X-idempotence-uuid`, the same in every attempt: the call is then repeated after a broken connection too. Give it only where
   * the API honours the header, as for balances and cards: a transfer has `customerTransactionId` in its body, and funding one has nothing.
   * Keep the key until the call is settled, and call again with the same one. True for a new UUID: answer and error name it.
   */
  readonly idempotencyKey?: string | true | undefined;
  /** Sent as `X-External-Correlation-Id`, at most 36 characters. Default: a new UUID. */
  readonly correlationId?: string | undefined;
  /** Its reason is what the call rejects with. */
  readonly signal?: AbortSignal | undefined;
  /** For the whole call: token, attempts and waiting between them; with a stream, until its headers. Default: that of the client. */
  readonly timeoutMs?: number | undefined;
  /** A token with less than this left is not used for this call. Default: that of the client. */
  readonly minimumRemainingSeconds?: number | undefined;
  /** To use in place of the client's own. It is not renewed. */
  readonly token?: AccessToken | undefined;
  /** Default: `json`, which gives text when the answer is not JSON, and undefined when it is empty. */
  readonly responseType?: R | undefined;
}

/** What `responseType` makes of a body: a stream, bytes, text, or else what the caller says it is. */
export type BodyOf<T, R extends ResponseType> = [R] extends ['stream']
  ? Readable
  : [R] extends ['bytes']
    ? Uint8Array
    : [R] extends ['text']
      ? string
      : T;

export interface ApiResponse<T = unknown> {
  /** From 200 to 299, or 304. */
  readonly status: number;
  readonly headers: AnswerHeaders;
  /** Not checked against `T`. */
  readonly body: T;
  /** `x-trace-id`: what the support of the API asks for. */
  readonly traceId: string | undefined;
  readonly correlationId: string;
  /** What was sent as `X-idempotence-uuid`. */
  readonly idempotencyKey: string | undefined;
}

/** Names in lower case; an array for a header that came more than once. */
export type AnswerHeaders = Readonly<Record<string, string | readonly string[]>>;
