// The tables of migrations/*.sql as types. docs/generated/schema.md is the same, read back from a migrated database.

import type { Environment, RefusalCode } from '@tollward/protocol';
import type { Generated, JSONColumnType, Selectable } from 'kysely';

export interface OrganisationsTable {
  id: string;
  name: string;
  generation: Generated<number>;
  created_at: Date;
}

export interface ClientsTable {
  environment: Environment;
  id: string;
  organisation_id: string;
  name: string;
  mtls_required: Generated<boolean>;
  access_token_lifetime_seconds: Generated<number>;
  requests_per_second: number | null;
  requests_per_minute: number | null;
  generation: Generated<number>;
  created_at: Date;
  revoked_at: Date | null;
  embedded_model: Generated<boolean>;
  sca_off: Generated<boolean>;
  allowed_addresses: Generated<string[]>;
}

export interface ClientSecretsTable {
  environment: Environment;
  id: string;
  client_id: string;
  hash: Buffer;
  hmac_key_version: number;
  hint: string;
  created_at: Date;
  usable_until: Date | null;
  ended_at: Date | null;
  revoked_at: Date | null;
  paused_until: Date | null;
  uses_counted_since: Generated<Date>;
}

export interface CertificatesTable {
  environment: Environment;
  id: string;
  client_id: string;
  name: string;
  sha256: Buffer;
  serial_number: string;
  subject: string;
  issuer: string;
  key_type: string;
  not_before: Date;
  not_after: Date;
  pem: string;
  created_at: Date;
  revoked_at: Date | null;
  origin: Generated<'issued' | 'uploaded'>;
  paused_until: Date | null;
  uses_counted_since: Generated<Date>;
  expiry_notice_days: number | null;
}

export interface CertificateAuthoritiesTable {
  environment: Environment;
  kind: 'partner' | 'platform';
  root_certificate: string;
  root_key_sealed: Buffer;
  issuing_certificate: string;
  issuing_key_sealed: Buffer;
  created_at: Date;
  id: Generated<string>;
  active_from: Generated<Date>;
}

export interface TicketKeysTable {
  environment: Environment;
  id: string;
  key_sealed: Buffer;
  created_at: Date;
  active_from: Date;
}

export interface HmacKeysTable {
  environment: Environment;
  version: number;
  key_sealed: Buffer;
  created_at: Date;
  active_from: Generated<Date>;
}

export interface TokenKeysTable {
  environment: Environment;
  id: string;
  key_sealed: Buffer;
  created_at: Date;
  active_from: Date;
  active_until: Date;
  readable_until: Date;
  seals: Generated<bigint>;
}

/** An EC public key as a JWK (RFC 7517, RFC 7518 section 6.2.1). */
export interface EcPublicJwk {
  kty: 'EC';
  crv: 'P-256';
  x: string;
  y: string;
}

export interface SigningKeysTable {
  environment: Environment;
  kid: string;
  public_jwk: JSONColumnType<EcPublicJwk>;
  key_sealed: Buffer;
  created_at: Date;
  active_from: Date;
}

export interface RevokedTokensTable {
  environment: Environment;
  client_id: string;
  token_id: string;
  revoked_at: Date;
  expires_at: Date;
}

export interface RefusalsTable {
  trace_id: string;
  occurred_at: Date;
  environment: Environment;
  listener: string;
  method: string;
  path: string;
  step: string;
  code: RefusalCode;
  status: number;
  expected: string;
  seen: string;
  client_named: string | null;
  client_id: string | null;
  correlation_id: string | null;
  address: string;
  suppressed: Generated<number>;
  expires_at: Date;
}

export interface CredentialUsesTable {
  environment: Environment;
  credential_id: string;
  client_id: string;
  address: string;
  certificate_id: Generated<string>;
  uses: Generated<bigint>;
  last_used_at: Date | null;
  tokens_until: Date | null;
  refused: Generated<bigint>;
  last_refused_at: Date | null;
  expires_at: Date;
}

export interface AnnouncementsTable {
  id: Generated<bigint>;
  transaction_id: Generated<string>;
  topic: 'standing' | 'keys';
  environment: Environment | null;
  subject: string;
  expires_at: Generated<Date>;
}

export interface NodesTable {
  id: string;
  name: string;
  version: string;
  environments: Environment[];
  started_at: Date;
  polled_at: Date;
  bound_ms: number;
  /** A pg_snapshot in its text form. */
  applied: string;
  expires_at: Date;
}

export interface RateCountsTable {
  limiter: string;
  key: string;
  node: string;
  second_index: bigint;
  second_current: bigint;
  second_previous: bigint;
  minute_index: bigint;
  minute_current: bigint;
  minute_previous: bigint;
  expires_at: Date;
}

export interface AuditEntriesTable {
  id: string;
  occurred_at: Date;
  environment: Environment | null;
  actor: string;
  action: string;
  subject: string;
  entry: Buffer;
  transaction_id: Generated<string>;
  chain_position: Generated<bigint | null>;
  previous_hash: Generated<Buffer | null>;
  entry_hash: Generated<Buffer | null>;
}

export interface AuditKeysTable {
  id: string;
  public_key: Buffer;
  key_sealed: Buffer | null;
  created_at: Date;
  active_from: Date;
  activated_at: Date | null;
  retired_at: Date | null;
}

export interface AuditCheckpointsTable {
  number: bigint;
  position: bigint;
  entry_hash: Buffer;
  previous_hash: Buffer;
  signed_at: Date;
  key_id: string;
  signature: Buffer;
}

export interface Tables {
  organisations: OrganisationsTable;
  clients: ClientsTable;
  client_secrets: ClientSecretsTable;
  certificates: CertificatesTable;
  certificate_authorities: CertificateAuthoritiesTable;
  ticket_keys: TicketKeysTable;
  hmac_keys: HmacKeysTable;
  token_keys: TokenKeysTable;
  signing_keys: SigningKeysTable;
  revoked_tokens: RevokedTokensTable;
  refusals: RefusalsTable;
  credential_uses: CredentialUsesTable;
  announcements: AnnouncementsTable;
  nodes: NodesTable;
  rate_counts: RateCountsTable;
  audit_entries: AuditEntriesTable;
  audit_keys: AuditKeysTable;
  audit_checkpoints: AuditCheckpointsTable;
}

export type Row<Table extends keyof Tables> = Selectable<Tables[Table]>;
