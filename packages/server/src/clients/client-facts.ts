import type { Environment } from '@tollward/protocol';
import type { RegisteredCertificate } from '../certificates/index.js';
import type { AddressRange } from '../platform/listeners/address.js';
import type { RateLimits } from '../platform/rate-limiter.js';

/** One stored secret of a client: never the secret, only its keyed hash. */
export interface SecretFacts {
  readonly id: string;
  readonly hash: Buffer;
  readonly hmacKeyVersion: number;
  /** After this moment it gets no more tokens. */
  readonly usableUntil: number | null;
  /** It gets no more tokens, whatever the clock says. */
  readonly endedAt: number | null;
  /** From this moment on its tokens are refused too. */
  readonly revokedAt: number | null;
  /** Until this moment it counts as revoked, and afterwards as before (a brown-out). */
  readonly pausedUntil: number | null;
}

/** Everything a request needs to know of a client, read in one go and cached by standing. */
export interface ClientFacts {
  readonly environment: Environment;
  readonly id: string;
  readonly name: string;
  readonly organisationId: string;
  readonly organisationGeneration: number;
  readonly generation: number;
  readonly revokedAt: number | null;
  readonly mtlsRequired: boolean;
  /** Its client-credentials tokens may act for the profiles that it made. */
  readonly embeddedModel: boolean;
  /** Strong customer authentication is not asked for: in sandbox only. */
  readonly scaOff: boolean;
  readonly accessTokenLifetimeSeconds: number;
  /** Null: the installation's default. */
  readonly limits: RateLimits | null;
  /** Where its requests may come from; empty: from anywhere. */
  readonly allowedAddresses: readonly AddressRange[];
  readonly secrets: readonly SecretFacts[];
  /** By base64url SHA-256. */
  readonly certificates: ReadonlyMap<string, RegisteredCertificate>;
  /** Ids of single tokens that were revoked and would otherwise still be in force. */
  readonly revokedTokens: ReadonlySet<string>;
}

/** Where the facts of a client come from. `confirm` asks the database again, for a "no" that a cache can not be trusted with. */
export interface ClientFactsSource {
  get(environment: Environment, clientId: string): ClientFacts | undefined | Promise<ClientFacts | undefined>;
  confirm(environment: Environment, clientId: string): Promise<ClientFacts | undefined>;
}
