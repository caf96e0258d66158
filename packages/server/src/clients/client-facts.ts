import type { Environment } from '@tollward/protocol';
import type { RegisteredCertificate } from '../certificates/index.js';
import type { RateLimits } from '../platform/rate-limiter.js';

/** One stored secret of a client: never the secret, only its keyed hash. */
export interface SecretFacts {
  readonly id: string;
  readonly hash: Buffer;
  readonly hmacKeyVersion: number;
  /** After this moment it gets no more tokens. */
  readonly usableUntil: number | null;
  /** From this moment on its tokens are refused too. */
  readonly revokedAt: number | null;
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
  readonly accessTokenLifetimeSeconds: number;
  /** Null: the installation's default. */
  readonly limits: RateLimits | null;
  readonly secrets: readonly SecretFacts[];
  /** By base64url SHA-256. */
  readonly certificates: ReadonlyMap<string, RegisteredCertificate>;
}
