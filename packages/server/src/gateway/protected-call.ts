import type { Environment } from '@tollward/protocol';
import type { Peer } from '../certificates/index.js';
import type { RequestTrace } from '../platform/observability/tracing.js';

/** A call with a bearer token, before anything of it is believed. */
export interface ProtectedCall {
  readonly environment: Environment;
  readonly peer: Peer | 'not-asked';
  /** The other end of the connection, for the allow-list of the client and for its last uses. */
  readonly address: string;
  readonly mtlsUrl: string;
  readonly authorization: string | undefined;
  readonly now: number;
  /** Where somebody collects spans. */
  readonly trace?: RequestTrace | undefined;
}
