import type { Environment } from '@tollward/protocol';
import type { Peer } from '../certificates/index.js';
import type { RequestTrace } from '../platform/observability/tracing.js';

/** A call of a route that wants a bearer token, before anything of it is believed. */
export interface ProtectedCall {
  readonly environment: Environment;
  readonly peer: Peer | 'not-asked';
  /** The other end of the connection, for the allow-list of the client and for its last uses. */
  readonly address: string;
  readonly mtlsUrl: string;
  readonly authorization: string | undefined;
  /** Of the path, by name. */
  readonly parameters: Readonly<Record<string, string>>;
  /** What follows the question mark, as it was sent. */
  readonly query: string | undefined;
  readonly now: number;
  /** Where somebody collects spans. */
  readonly trace?: RequestTrace | undefined;
}
