import type { RefusalCode } from '@tollward/protocol';

/**
 * The steps of a token request, of a client's other requests under /oauth/, and of a protected call, in the order they run.
 * `explain` and the log line name them.
 */
export const tokenRequestSteps = ['edge', 'body', 'client', 'peer', 'rate', 'grant'] as const;
export const clientRequestSteps = ['edge', 'body', 'client', 'peer', 'rate', 'answer'] as const;
const checkedCallSteps = ['edge', 'peer', 'token', 'standing', 'binding', 'rate', 'policy', 'sca'] as const;
/** Of a route that is answered here. */
export const protectedCallSteps = [...checkedCallSteps, 'answer'] as const;
/** Of a route that an upstream answers. */
export const forwardedCallSteps = [...checkedCallSteps, 'forward'] as const;
export type Step =
  | (typeof tokenRequestSteps)[number]
  | (typeof protectedCallSteps)[number]
  | (typeof forwardedCallSteps)[number];

/** An expected "no": a value, not an exception. What was recorded on the way to it is committed like any other result. */
export interface Refusal {
  readonly refusal: RefusalCode;
  readonly step: Step;
  /** Evidence for the operator and for whoever is proved to own the credential. Never a secret. */
  readonly expected: string;
  readonly seen: string;
  /** Fills the `{name}` places of the catalogue's text. Only what the caller may know. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** The client that authenticated, or that owns the token: it may be shown this refusal. */
  readonly clientId?: string;
  /** Whom the request claimed to be. Never proof. */
  readonly clientNamed?: string;
  readonly retryAfterSeconds?: number;
}

export function isRefusal(value: object): value is Refusal {
  return 'refusal' in value;
}
