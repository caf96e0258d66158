// The tables of migrations/*.sql as types. docs/generated/schema.md is the same, read back from a migrated database.

import type { Environment, RefusalCode } from '@tollward/protocol';
import type { Generated, Selectable } from 'kysely';

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
}

export interface HmacKeysTable {
  environment: Environment;
  version: number;
  key_sealed: Buffer;
  created_at: Date;
}

export interface TokenKeysTable {
  environment: Environment;
  id: string;
  key_sealed: Buffer;
  created_at: Date;
  active_from: Date;
  active_until: Date;
  readable_until: Date;
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

export interface Tables {
  organisations: OrganisationsTable;
  clients: ClientsTable;
  client_secrets: ClientSecretsTable;
  certificates: CertificatesTable;
  certificate_authorities: CertificateAuthoritiesTable;
  hmac_keys: HmacKeysTable;
  token_keys: TokenKeysTable;
  refusals: RefusalsTable;
  credential_uses: CredentialUsesTable;
  audit_entries: AuditEntriesTable;
}

export type Row<Table extends keyof Tables> = Selectable<Tables[Table]>;
