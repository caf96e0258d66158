// What a client is told, and what it is by default.

import type { EnvironmentName } from './environments.js';

/**
 * A PEM or PFX: its text or bytes, the path of a file, or a function that gives either each time it is asked. A string is taken
 * for PEM when it contains `-----BEGIN`, and for a path otherwise. A function has 30 seconds to answer.
 */
export type CredentialSource = string | Uint8Array | (() => string | Uint8Array | Promise<string | Uint8Array>);

export interface SharedMtlsOptions {
  /** Of an encrypted key or of a PFX. */
  readonly passphrase?: string | (() => string | Promise<string>);
  /** Whether paths are read again when their files change. Default: true. Functions are asked again by `client.reload()` and every `reloadSeconds`. */
  readonly watch?: boolean;
  /** How often functions are asked again. Default: 300; 0 for never. */
  readonly reloadSeconds?: number;
}

export type MtlsOptions = SharedMtlsOptions &
  (
    | { readonly cert: CredentialSource; readonly key: CredentialSource; readonly pfx?: never }
    | { readonly pfx: CredentialSource; readonly cert?: never; readonly key?: never }
  );

/** A host by its environment's name (the hosts of the Wise API), or a base URL (Tollward, a test server). */
export type EnvironmentOption =
  | EnvironmentName
  | string
  | {
      readonly baseUrl: string;
      /** Lets credentials of the other environment fail before anything is sent. */
      readonly name?: EnvironmentName;
    };

export interface PartnerClientOptions {
  readonly environment: EnvironmentOption;
  readonly clientId: string;
  /** Or a function, which is asked for each token, so that a rotation needs no restart. */
  readonly clientSecret: string | (() => string | Promise<string>);
  /** Left out: no client certificate, and the hosts without mutual TLS. */
  readonly mtls?: MtlsOptions;
  /** The environment that these credentials were made for, when they come from somewhere that says so. */
  readonly issuedFor?: EnvironmentName;
  /** Authorities to trust beside `systemAuthorities`. */
  readonly ca?: CredentialSource;
  /**
   * Whether the authorities that Node trusts are trusted too: the list that comes with Node, the file that NODE_EXTRA_CA_CERTS names,
   * and the list of the operating system only when Node was started with `--use-system-ca`. Default: true.
   */
  readonly systemAuthorities?: boolean;
  readonly tokens?: {
    /** A token with less than this left is not used for a new call. Default: 5 % of its life, at most 30. */
    readonly minimumRemainingSeconds?: number;
    /** Whether the next token is fetched while the one before still works. Default: true. */
    readonly renewAhead?: boolean;
  };
  /** For a whole call, retries included. Default: 60 000. */
  readonly timeoutMs?: number;
  readonly retry?: {
    /** Of the same call, the first included. Default: 3. */
    readonly attempts?: number;
    /** The longest wait before one of them, `Retry-After` included: with a longer one the call fails. Default: 10 000. */
    readonly maximumDelayMs?: number;
  };
  /** Told what happens, without secrets. `NODE_DEBUG=tollward-client` prints the same. */
  readonly onEvent?: (event: ClientEvent) => void;
}

/** What can be watched, in the words of a log. No secret, token or body is ever among it. */
export type ClientEvent =
  | {
      readonly type: 'request';
      readonly method: string;
      readonly path: string;
      readonly attempt: number;
      readonly correlationId: string;
    }
  | {
      readonly type: 'response';
      readonly method: string;
      readonly path: string;
      readonly attempt: number;
      readonly correlationId: string;
      readonly status: number;
      readonly traceId: string | undefined;
      readonly durationMs: number;
    }
  | {
      readonly type: 'retry';
      readonly method: string;
      readonly path: string;
      readonly attempt: number;
      readonly correlationId: string;
      readonly reason: string;
      readonly delayMs: number;
    }
  | { readonly type: 'token:fetched'; readonly expiresAt: Date; readonly certificateThumbprint: string | null }
  | { readonly type: 'token:renewal-failed'; readonly error: Error }
  | {
      readonly type: 'certificate:loaded';
      readonly subject: string;
      readonly thumbprint: string;
      readonly validTo: Date;
    }
  | {
      readonly type: 'certificate:expiring';
      readonly subject: string;
      readonly thumbprint: string;
      readonly validTo: Date;
      readonly daysLeft: number;
    }
  | { readonly type: 'certificate:reload-failed'; readonly error: Error };
