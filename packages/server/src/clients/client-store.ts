import type { Environment } from '@tollward/protocol';
import { loadRegisteredCertificates } from '../certificates/index.js';
import type { ReadTx, Tx } from '../platform/database/database.js';
import type { ClientFacts } from './client-facts.js';

export interface NewClient {
  readonly environment: Environment;
  readonly id: string;
  readonly organisationId: string;
  readonly name: string;
  readonly mtlsRequired: boolean;
}

export async function insertClient(tx: Tx, client: NewClient, now: number): Promise<boolean> {
  const inserted = await tx
    .insertInto('clients')
    .values({
      environment: client.environment,
      id: client.id,
      organisation_id: client.organisationId,
      name: client.name,
      mtls_required: client.mtlsRequired,
      created_at: new Date(now),
    })
    .onConflict((conflict) => conflict.columns(['environment', 'organisation_id', 'name']).doNothing())
    .returning('id')
    .executeTakeFirst();
  return inserted !== undefined;
}

export interface NewSecret {
  readonly environment: Environment;
  readonly id: string;
  readonly clientId: string;
  readonly hash: Buffer;
  readonly hmacKeyVersion: number;
  readonly hint: string;
}

export async function insertSecret(tx: Tx, secret: NewSecret, now: number): Promise<void> {
  await tx
    .insertInto('client_secrets')
    .values({
      environment: secret.environment,
      id: secret.id,
      client_id: secret.clientId,
      hash: secret.hash,
      hmac_key_version: secret.hmacKeyVersion,
      hint: secret.hint,
      created_at: new Date(now),
    })
    .execute();
}

/** Marks the client revoked; undefined when there is none, false when it already was. */
export async function markClientRevoked(
  tx: Tx,
  environment: Environment,
  clientId: string,
  now: number,
): Promise<boolean | undefined> {
  const client = await tx
    .selectFrom('clients')
    .select('revoked_at')
    .where('environment', '=', environment)
    .where('id', '=', clientId)
    .forUpdate()
    .executeTakeFirst();
  if (client === undefined) return undefined;
  if (client.revoked_at !== null) return false;
  await tx
    .updateTable('clients')
    .set((row) => ({ revoked_at: new Date(now), generation: row('generation', '+', 1) }))
    .where('environment', '=', environment)
    .where('id', '=', clientId)
    .execute();
  return true;
}

export async function loadClientFacts(
  tx: ReadTx,
  environment: Environment,
  clientId: string,
): Promise<ClientFacts | undefined> {
  const client = await tx
    .selectFrom('clients')
    .innerJoin('organisations', 'organisations.id', 'clients.organisation_id')
    .selectAll('clients')
    .select('organisations.generation as organisation_generation')
    .where('clients.environment', '=', environment)
    .where('clients.id', '=', clientId)
    .executeTakeFirst();
  if (client === undefined) return undefined;
  const secrets = await tx
    .selectFrom('client_secrets')
    .selectAll()
    .where('environment', '=', environment)
    .where('client_id', '=', clientId)
    .orderBy('created_at', 'desc')
    .execute();
  const { requests_per_second: perSecond, requests_per_minute: perMinute } = client;
  return {
    environment,
    id: client.id,
    name: client.name,
    organisationId: client.organisation_id,
    organisationGeneration: client.organisation_generation,
    generation: client.generation,
    revokedAt: client.revoked_at?.getTime() ?? null,
    mtlsRequired: client.mtls_required,
    accessTokenLifetimeSeconds: client.access_token_lifetime_seconds,
    limits: perSecond === null || perMinute === null ? null : { perSecond, perMinute },
    secrets: secrets.map((secret) => ({
      id: secret.id,
      hash: secret.hash,
      hmacKeyVersion: secret.hmac_key_version,
      usableUntil: secret.usable_until?.getTime() ?? null,
      revokedAt: secret.revoked_at?.getTime() ?? null,
    })),
    certificates: await loadRegisteredCertificates(tx, environment, clientId),
  };
}

/** What the management API and the command line show of a client. */
export interface ClientSummary {
  readonly id: string;
  readonly environment: Environment;
  readonly name: string;
  readonly organisation: { readonly id: string; readonly name: string };
  readonly mtlsRequired: boolean;
  readonly accessTokenLifetimeSeconds: number;
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
}

export async function listClientSummaries(
  tx: ReadTx,
  filter: { readonly environment?: Environment | undefined; readonly clientId?: string | undefined },
): Promise<ClientSummary[]> {
  let query = tx
    .selectFrom('clients')
    .innerJoin('organisations', 'organisations.id', 'clients.organisation_id')
    .selectAll('clients')
    .select('organisations.name as organisation_name')
    .orderBy('clients.environment', 'desc')
    .orderBy('clients.created_at')
    .orderBy('clients.id');
  if (filter.environment !== undefined) query = query.where('clients.environment', '=', filter.environment);
  if (filter.clientId !== undefined) query = query.where('clients.id', '=', filter.clientId);
  return (await query.execute()).map((row) => ({
    id: row.id,
    environment: row.environment,
    name: row.name,
    organisation: { id: row.organisation_id, name: row.organisation_name },
    mtlsRequired: row.mtls_required,
    accessTokenLifetimeSeconds: row.access_token_lifetime_seconds,
    createdAt: row.created_at,
    revokedAt: row.revoked_at,
  }));
}

export interface SecretSummary {
  readonly id: string;
  readonly hint: string;
  readonly createdAt: Date;
  readonly usableUntil: Date | null;
  readonly revokedAt: Date | null;
}

export async function listSecretSummaries(
  tx: ReadTx,
  environment: Environment,
  clientId: string,
): Promise<SecretSummary[]> {
  const rows = await tx
    .selectFrom('client_secrets')
    .selectAll()
    .where('environment', '=', environment)
    .where('client_id', '=', clientId)
    .orderBy('created_at')
    .execute();
  return rows.map((row) => ({
    id: row.id,
    hint: row.hint,
    createdAt: row.created_at,
    usableUntil: row.usable_until,
    revokedAt: row.revoked_at,
  }));
}
