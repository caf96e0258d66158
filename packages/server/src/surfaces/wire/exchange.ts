import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Environment } from '@tollward/protocol';
import type { Peer } from '../../certificates/index.js';
import type { ConnectionProof } from '../../clients/index.js';
import type { PeerAddress } from '../../platform/listeners/address.js';
import type { RequestTrace } from '../../platform/observability/tracing.js';
import type { Reservation } from '../../platform/rate-limiter.js';
import type { Refusal } from '../../refusals/index.js';
import type { RequestHead } from './request-head.js';

export type ListenerName = 'api' | 'api-mtls';

/** What is known of a connection since its handshake, and what its requests leave behind. */
export interface Connection {
  readonly address: PeerAddress;
  readonly peer: Peer | 'not-asked';
  readonly proof: ConnectionProof;
  /** The Authorization header with which a client last proved itself on it: sent again, it is no guess. */
  accepted: string | undefined;
  /** The last request that began. */
  latest: Exchange | undefined;
  /** Its last answer was given: whatever still arrives is not read (RFC 9112 section 9.6). */
  ended: boolean;
}

export function openConnection(address: PeerAddress, peer: Peer | 'not-asked'): Connection {
  return { address, peer, proof: { proved: undefined }, accepted: undefined, latest: undefined, ended: false };
}

/** One request on its way through the wire surface. */
export interface Exchange {
  readonly environment: Environment;
  readonly listener: ListenerName;
  /** Base URL of the mutual TLS listener of this environment. */
  readonly mtlsUrl: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly traceId: string;
  readonly receivedAt: number;
  /** Monotonic, for durations. */
  readonly startedAt: number;
  readonly connection: Connection;
  /** Once the head was read: what it says, and the route it names. */
  head: RequestHead | undefined;
  route: Route | undefined;
  /** Its place among the failures of its address, until its outcome is known. */
  reserved?: Reservation | undefined;
  /** Where somebody collects spans. */
  readonly trace?: RequestTrace | undefined;
  /** It has its answer, and its one log line. */
  settled: boolean;
}

/** An answer before it is written. */
export interface Answer {
  readonly status: number;
  /** Text is ASCII: it is written one byte a character. */
  readonly body: string | Buffer;
  /** JSON when left out. */
  readonly contentType?: string;
  /** Name, value, name, value: beyond content type, length, trace and correlation id. */
  readonly headers?: readonly string[];
  readonly clientId?: string;
  readonly closes?: boolean;
}

/** A wire route. The head has passed the edge; a refusal that comes back is answered in the shape of the route's family. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** Of a GET: HEAD is answered too, alike and without the body (RFC 9110 section 9.3.2), which Node leaves out. */
  readonly takesHead?: boolean;
  readonly handle: (exchange: Exchange, head: RequestHead) => Answer | Refusal | Promise<Answer | Refusal>;
}
