// Facts for unit tests, each in force and complete; a test changes what it is about.

import { createSecretKey } from 'node:crypto';
import type { Environment } from '@tollward/protocol';
import type { PeerCertificate } from '../certificates/index.js';
import type { ClientFacts, ClientFactsSource } from '../clients/index.js';
import type { ProfileFacts, RouteRules } from '../gateway/index.js';
import type { Database } from '../platform/database/database.js';
import type { TokenClaims } from '../tokens/index.js';
import type { TokenKey } from '../tokens/token-keyring.js';
import type { UsageRecorder, Use } from '../usage/index.js';

export const someTime = Date.parse('2026-03-01T12:00:00.000Z');
const hourMs = 3_600_000;

export const clientId = `cli_${'1a'.repeat(16)}`;
export const secretId = `sec_${'2b'.repeat(16)}`;
export const certificateId = `crt_${'3c'.repeat(16)}`;
/** A SHA-256 in base64url; one letter makes another one. */
export function thumbprintOf(letter: string): string {
  return Buffer.alloc(32, letter).toString('base64url');
}

export type CertificateRow = ClientFacts['certificates'] extends ReadonlyMap<string, infer Row> ? Row : never;

export function someCertificate(changes: Partial<CertificateRow> = {}): CertificateRow {
  return {
    id: certificateId,
    name: 'first certificate',
    thumbprint: thumbprintOf('a'),
    notBefore: someTime - hourMs,
    notAfter: someTime + 100 * hourMs,
    revokedAt: null,
    pausedUntil: null,
    ...changes,
  };
}

export function someSecret(changes: Partial<ClientFacts['secrets'][number]> = {}): ClientFacts['secrets'][number] {
  const inForce = { usableUntil: null, endedAt: null, revokedAt: null, pausedUntil: null };
  return { id: secretId, hash: Buffer.alloc(32), hmacKeyVersion: 1, ...inForce, ...changes };
}

/** A client of sandbox that must use mutual TLS, with one secret and one certificate. */
export function someClient(changes: Partial<ClientFacts> = {}): ClientFacts {
  const certificate = someCertificate();
  return {
    environment: 'sandbox',
    id: clientId,
    name: 'worker',
    organisationId: `org_${'4d'.repeat(16)}`,
    organisationGeneration: 3,
    generation: 5,
    revokedAt: null,
    mtlsRequired: true,
    embeddedModel: false,
    scaOff: false,
    accessTokenLifetimeSeconds: 43_200,
    limits: null,
    allowedAddresses: [],
    secrets: [someSecret()],
    certificates: new Map([[certificate.thumbprint, certificate]]),
    revokedTokens: new Set(),
    ...changes,
  };
}

/** Claims of a token that `someClient()` got over its certificate. */
export function someClaims(changes: Partial<TokenClaims> = {}): TokenClaims {
  return {
    kind: 'client_credentials',
    tokenId: '5e'.repeat(16),
    issuedAt: someTime,
    expiresAt: someTime + 12 * hourMs,
    organisationGeneration: 3,
    clientId,
    clientGeneration: 5,
    secretId,
    binding: { certificateId, thumbprint: thumbprintOf('a') },
    ...changes,
  };
}

/** The certificate of a connection. */
export function somePeer(thumbprint: string): PeerCertificate {
  return { thumbprint, der: Buffer.from('not a certificate, and nothing but evidence needs one') };
}

export function someTokenKey(byte: number): TokenKey {
  const idBytes = Buffer.alloc(4, byte);
  return {
    id: idBytes.toString('hex'),
    idBytes,
    secret: createSecretKey(Buffer.alloc(32, byte)),
    activeFrom: someTime - hourMs,
    activeUntil: someTime + 23 * hourMs,
  };
}

/** A source of client facts that counts who asked it; `confirmed` is what a second look finds, and is cached from then on. */
export function someClients(
  cached: ClientFacts | undefined,
  confirmed: ClientFacts | undefined = cached,
): ClientFactsSource & { readonly asked: string[] } {
  const asked: string[] = [];
  let known = cached;
  const only = (client: ClientFacts | undefined, environment: Environment, id: string) =>
    client?.environment === environment && client.id === id ? client : undefined;
  return {
    asked,
    get: (environment, id) => {
      asked.push('get');
      return only(known, environment, id);
    },
    confirm: async (environment, id) => {
      asked.push('confirm');
      known = confirmed;
      return only(confirmed, environment, id);
    },
  };
}

/** What a route asks that takes client-credentials tokens and is about no profile. */
export function someRules(changes: Partial<RouteRules> = {}): RouteRules {
  return {
    tokens: new Set(['client_credentials']),
    anonymous: false,
    profile: null,
    personalCountries: null,
    sca: null,
    rateClass: null,
    ...changes,
  };
}

/** A profile of Estonia that `someClient()` made. */
export function someProfile(changes: Partial<ProfileFacts> = {}): ProfileFacts {
  return { id: '77001234', country: 'EE', clientId, ...changes };
}

/** A usage recorder that remembers what it was told. */
export function someUsage(): UsageRecorder & {
  readonly noted: { readonly what: 'used' | 'refused'; readonly use: Use }[];
} {
  const noted: { what: 'used' | 'refused'; use: Use }[] = [];
  return {
    noted,
    used: (use) => void noted.push({ what: 'used', use }),
    refused: (use) => void noted.push({ what: 'refused', use }),
    flush: async () => undefined,
    lastDroppedAt: () => 0,
    lastPendingAt: () => 0,
  };
}

/** A database of which a test fakes the calls it is about; any other call is a mistake. */
export function fakeDatabase(calls: Partial<Database>): Database {
  const unexpected = (): never => {
    throw new Error('the test did not expect this call of the database');
  };
  return {
    engine: 'pglite',
    shared: false,
    transaction: unexpected,
    read: unexpected,
    clock: unexpected,
    assertWritable: () => undefined,
    readUrgently: unexpected,
    close: unexpected,
    ...calls,
  };
}
