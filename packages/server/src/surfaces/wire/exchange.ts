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
  /** What an upstream works on for it. */
  readonly forwarding: Set<Forwarding>;
}

export function openConnection(address: PeerAddress, peer: Peer | 'not-asked'): Connection {
  return {
    address,
    peer,
    proof: { proved: undefined },
    accepted: undefined,
    latest: undefined,
    ended: false,
    forwarding: new Set(),
  };
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
  route: FoundRoute | undefined;
  /** Set while it is forwarded. */
  forwarding: Forwarding | undefined;
  /** Its place among the failures of its address, until its outcome is known. */
  reserved?: Reservation | undefined;
  /** Where somebody collects spans. */
  readonly trace?: RequestTrace | undefined;
  /** It has its answer, and its one log line. */
  settled: boolean;
}

/** An exchange with an upstream, while it lasts. */
export interface Forwarding {
  /** Whose turn it is: the caller's, to send or to read, or the upstream's. */
  waitsFor(): 'caller' | 'upstream';
  /** Ends it. With a refusal the caller gets that, unless its answer has begun. */
  interrupt(refusal: Refusal | 'caller gone'): void;
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

/** An answer that was written already, or was begun and broke off. */
export interface SentAnswer {
  /** `unansweredStatus` for a caller that left before its answer was whole. */
  readonly sent: number;
  readonly clientId: string | undefined;
  /** Why it broke off, or what the upstream says of its own no. */
  readonly reason: Refusal | undefined;
}

/** Of a request without a whole answer. Nobody reads it but logs and metrics. */
export const unansweredStatus = 499;

export type Outcome = Answer | SentAnswer | Refusal;

export function isSent(outcome: Outcome): outcome is SentAnswer {
  return 'sent' in outcome;
}

/** A refusal that comes back is answered in the shape of the route's family. */
export type Handle<Given extends Outcome = Outcome> = (exchange: Exchange, head: RequestHead) => Given | Promise<Given>;

/** A route that is answered here. The head has passed the edge. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** Of a GET: HEAD is answered too, alike and without the body (RFC 9110 section 9.3.2), which Node leaves out. */
  readonly takesHead?: boolean;
  readonly handle: Handle<Answer | Refusal>;
}

/** A route that a request named. */
export interface FoundRoute {
  /** Its path with names in the place of parameters: one of few, whatever callers send. */
  readonly template: string;
  readonly handle: Handle;
}

/** Lets a caller send its body that waits to be asked for it (RFC 9110 section 10.1.1). */
export function askForBody({ response }: Exchange, { expectsContinue }: RequestHead): void {
  if (expectsContinue) response.writeContinue();
}

/**
 * Whether the connection ends with the answer. A body that nobody read would be taken for the next request, or drained at our
 * cost. And after a request for another protocol Node's parser no longer says that what follows is no request: a caller
 * would wait for its time limit instead.
 */
export function closesAfter({ request, head }: Exchange): boolean {
  return head === undefined || head.asksToUpgrade || (head.hasBody && !request.complete);
}
