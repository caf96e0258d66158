// What can go wrong, by kind. Every message says what to do next; none repeats a secret, a token or a key.

/** What a caller can branch on without `instanceof`, which fails across two copies of a package. */
export type ErrorKind =
  | 'configuration'
  | 'environment-mismatch'
  | 'certificate'
  | 'tls'
  | 'connection'
  | 'timeout'
  | 'token'
  | 'api'
  | 'rate-limited'
  | 'sca-required'
  | 'closed';

export interface ErrorFacts {
  /** Whether the same call may well succeed later, and repeating it can do no harm. */
  readonly isRetryable?: boolean;
  /** HTTP status of the answer, when there was one. */
  readonly status?: number | undefined;
  /** A word for the reason: `x-refusal-code` of Tollward, else what the body calls it, else a code of TLS or of the system. */
  readonly code?: string | undefined;
  /** `x-trace-id` of the answer: what the support of the API asks for. */
  readonly traceId?: string | undefined;
  /** What was sent as `x-external-correlation-id`, the same in every attempt of a call. */
  readonly correlationId?: string | undefined;
  /** What the call was sent with as `x-idempotence-uuid`: repeat it with this key, and with no other. */
  readonly idempotencyKey?: string | undefined;
  readonly cause?: unknown;
}

/** Of everything that this package throws or rejects with, but for the reason of an AbortSignal, which is passed on as it is. */
export class PartnerClientError extends Error {
  override readonly name: string = 'PartnerClientError';
  readonly kind: ErrorKind;
  readonly isRetryable: boolean;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly traceId: string | undefined;
  readonly correlationId: string | undefined;
  readonly idempotencyKey: string | undefined;

  constructor(kind: ErrorKind, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.kind = kind;
    this.isRetryable = facts.isRetryable ?? false;
    this.status = facts.status;
    this.code = facts.code;
    this.traceId = facts.traceId;
    this.correlationId = facts.correlationId;
    this.idempotencyKey = facts.idempotencyKey;
  }
}

/** The options can not be used. Nothing was sent. */
export class ConfigurationError extends PartnerClientError {
  override readonly name = 'ConfigurationError';

  constructor(message: string, facts: ErrorFacts = {}) {
    super('configuration', message, facts);
  }
}

/** The credentials were made for the other environment. Nothing was sent. */
export class EnvironmentMismatchError extends PartnerClientError {
  override readonly name = 'EnvironmentMismatchError';

  constructor(message: string, facts: ErrorFacts = {}) {
    super('environment-mismatch', message, facts);
  }
}

/** Certificate or key can not be read, do not belong together, or are out of date. Nothing was sent. */
export class CertificateError extends PartnerClientError {
  override readonly name = 'CertificateError';

  constructor(message: string, facts: ErrorFacts = {}) {
    super('certificate', message, facts);
  }
}

/** The TLS handshake failed, ours or theirs. `code` is that of Node or OpenSSL. */
export class TlsError extends PartnerClientError {
  override readonly name = 'TlsError';
  /** Never: a handshake ends before the request can be sent. What breaks later is a ConnectionError. */
  readonly mayHaveArrived = false;

  constructor(message: string, facts: ErrorFacts = {}) {
    super('tls', message, facts);
  }
}

/** There is no connection, or it broke. */
export class ConnectionError extends PartnerClientError {
  override readonly name = 'ConnectionError';
  /** Whether the call may have reached the API, in any of its attempts: then only a safe one, or one with the same key, may be repeated. */
  readonly mayHaveArrived: boolean;

  constructor(message: string, facts: ErrorFacts & { readonly mayHaveArrived: boolean }) {
    super('connection', message, facts);
    this.mayHaveArrived = facts.mayHaveArrived;
  }
}

/** The time of the call was over before its answer was whole. */
export class TimeoutError extends PartnerClientError {
  override readonly name = 'TimeoutError';
  /** As that of a ConnectionError. */
  readonly mayHaveArrived: boolean;

  constructor(message: string, facts: ErrorFacts & { readonly mayHaveArrived: boolean }) {
    super('timeout', message, facts);
    this.mayHaveArrived = facts.mayHaveArrived;
  }
}

/** The token endpoint refused (RFC 6749 section 5.2), or answered something that is no token. `code` is its `error`. */
export class TokenError extends PartnerClientError {
  override readonly name = 'TokenError';

  constructor(message: string, facts: ErrorFacts = {}) {
    super('token', message, facts);
  }
}

export interface AnswerFacts extends ErrorFacts {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Parsed JSON, text, or undefined when there was none. */
  readonly body: unknown;
}

/** The API answered 4xx or 5xx, a redirect, or a success that can not be read. */
export class ApiError extends PartnerClientError {
  override readonly name: string = 'ApiError';
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: unknown;
  declare readonly status: number;

  constructor(message: string, facts: AnswerFacts, kind: 'api' | 'rate-limited' | 'sca-required' = 'api') {
    super(kind, message, facts);
    this.headers = facts.headers;
    this.body = facts.body;
  }
}

/** 429, and the attempts are used up or the wait would be too long. */
export class RateLimitedError extends ApiError {
  override readonly name = 'RateLimitedError';
  /** From `Retry-After` (RFC 9110 section 10.2.3); undefined when there was none. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, facts: AnswerFacts & { readonly retryAfterMs: number | undefined }) {
    super(message, facts, 'rate-limited');
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** The call needs strong customer authentication: a 403 or 400 that carries `x-2fa-approval`. */
export class ScaRequiredError extends ApiError {
  override readonly name = 'ScaRequiredError';
  /** Names the challenge (`x-2fa-approval` of the answer). */
  readonly oneTimeToken: string;

  constructor(message: string, facts: AnswerFacts & { readonly oneTimeToken: string }) {
    super(message, facts, 'sca-required');
    this.oneTimeToken = facts.oneTimeToken;
  }
}

/** The client was closed. */
export class ClientClosedError extends PartnerClientError {
  override readonly name = 'ClientClosedError';

  constructor() {
    super('closed', 'This client was closed. Make a new one, or close it later.');
  }
}
