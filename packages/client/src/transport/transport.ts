// The connections of a client: its certificate, what it trusts, and what happens when either changes.

import type { Agent as HttpsAgent } from 'node:https';
import type { Dispatcher } from 'undici';

export interface CertificateFacts {
  /** As in `CN=client, O=Example`. */
  readonly subject: string;
  /** Base64url SHA-256 of the certificate (`x5t#S256`, RFC 8705 section 3.1). */
  readonly thumbprint: string;
  readonly validFrom: Date;
  readonly validTo: Date;
}

/** The connections of one certificate, for as long as somebody holds it. */
export interface Line {
  readonly dispatcher: Dispatcher;
  /** That of `certificate`; null without one. */
  readonly thumbprint: string | null;
  readonly certificate: CertificateFacts | null;
  /** To be called once, when the call is over. The connections of a replaced certificate are closed after the last of them. */
  release(): void;
}

export interface Transport {
  /** @throws CertificateError as a promise, when there is no usable certificate; the one before stays when a new one is unusable */
  acquire(): Promise<Line>;
  /** Reads everything again now. @throws CertificateError as a promise */
  reload(): Promise<void>;
  /** For other HTTP libraries that take an undici dispatcher: follows each change of certificate. */
  readonly dispatcher: Dispatcher;
  /** For those that take a Node agent: follows each change of certificate. */
  httpsAgent(): HttpsAgent;
  /** Lets running calls end, for so long: then it breaks their connections. Resolves when none is left. */
  close(timeoutMs: number): Promise<void>;
}
