// What a route says: an answer, or a refusal with the true reason beside the text for the partner.

export interface Answer {
  readonly status: number;
  /** JSON, or text when it has a type of its own. */
  readonly body: unknown;
  readonly type?: string;
}

/** One entry of the list of errors that the contract has for validation and rules of business. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly path: string | null;
}

export type RefusalShape =
  | { readonly kind: 'status'; readonly error?: string; readonly message: string }
  | { readonly kind: 'errors'; readonly errors: readonly WireError[] }
  /** Plain text with one code: how funding refuses. */
  | { readonly kind: 'code'; readonly code: string };

export interface Refusal {
  /** What the operator is told. Printable, no secret, and it may say what the partner must not know. */
  readonly refusal: string;
  readonly status: number;
  readonly shape: RefusalShape;
}

export function isRefusal(value: object): value is Refusal {
  return 'refusal' in value;
}

export function answer(body: unknown, status = 200): Answer {
  return { status, body };
}

/** The same for what is absent and for what is somebody else's. */
export function notFound(what: string, refusal: string): Refusal {
  return { refusal, status: 404, shape: { kind: 'status', message: `${what} not found` } };
}

/** The same for a profile that is absent and for one of somebody else. */
export function profileRefused(refusal: string): Refusal {
  return { refusal, status: 403, shape: { kind: 'status', error: 'unauthorized', message: 'Unauthorized' } };
}

/** A request that says something it can not mean. */
export function invalid(path: string | null, code: string, message: string): Refusal {
  return refusedWith(400, [{ code, message, path }]);
}

/** A request that is well-formed and does not go. */
export function unprocessable(code: string, message: string, path: string | null = null): Refusal {
  return refusedWith(422, [{ code, message, path }]);
}

/** A request that came too late or twice. */
export function conflict(code: string, message: string, path: string | null = null): Refusal {
  return refusedWith(409, [{ code, message, path }]);
}

export function refusedWith(status: number, errors: readonly WireError[]): Refusal {
  const refusal = errors.map(({ path, message }) => (path === null ? message : `${path}: ${message}`)).join('; ');
  return { refusal, status, shape: { kind: 'errors', errors } };
}
