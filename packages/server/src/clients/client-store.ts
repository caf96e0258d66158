import type { Environment } from '@tollward/protocol';
import type { ReadTx, Tx } from '../platform/database/database.js';
import type { Row } from '../platform/database/tables.js';
import type { RateLimits } from '../platform/rate-limiter.js';

/** What an operator may set of a client. */
export interface ClientPolicy {
  readonly mtlsRequired: boolean;
  /** Client-credentials tokens may reach profile resources. */
  readonly embeddedModel: boolean;
  /** Strong customer authentication is not asked for: in sandbox only. */
  readonly scaOff: boolean;
  /** Canonical addresses and CIDR blocks its requests may come from; empty: from anywhere. */
  readonly allowedAddresses: readonly string[];
  /** Null: the limits of the installation. */
  readonly limits: RateLimits | null;
  readonly accessTokenLifetimeSeconds: number;
}

/** What is left out, or undefined, stays as it is. */
export type PolicyChanges = { readonly [Name in keyof ClientPolicy]?: ClientPolicy[Name] | undefined };

export interface NewClient {
  readonly environment: Environment;
  readonly id: string;
  readonly organisationId: string;
  readonly name: string;
  readonly policy: ClientPolicy;
}

function policyColumns(policy: ClientPolicy) {
  return {
    mtls_required: policy.mtlsRequired,
    embedded_model: policy.embeddedModel,
    sca_off: policy.scaOff,
    allowed_addresses: [...policy.allowedAddresses],
    requests_per_second: policy.limits?.perSecond ?? null,
    requests_per_minute: policy.limits?.perMinute ?? null,
    access_token_lifetime_seconds: policy.accessTokenLifetimeSeconds,
  };
}

function policyOf(row: Row<'clients'>): ClientPolicy {
  return {
    mtlsRequired: row.mtls_required,
    embeddedModel: row.embedded_model,
    scaOff: row.sca_off,
    allowedAddresses: row.allowed_addresses,
    limits: limitsOf(row),
    accessTokenLifetimeSeconds: row.access_token_lifetime_seconds,
  };
}

/** The limits of a row, which holds both or none. */
export function limitsOf(row: {
  requests_per_second: number | null;
  requests_per_minute: number | null;
}): RateLimits | null {
  const { requests_per_second: perSecond, requests_per_minute: perMinute } = row;
  return perSecond === null || perMinute === null ? null : { perSecond, perMinute };
}

export async function insertClient(tx: Tx, client: NewClient, now: number): Promise<boolean> {
  const inserted = await tx
    .insertInto('clients')
    .values({
      environment: client.environment,
      id: client.id,
      organisation_id: client.organisationId,
      name: client.name,
      ...policyColumns(client.policy),
      created_at: new Date(now),
    })
    .onConflict((conflict) => conflict.columns(['environment', 'organisation_id', 'name']).doNothing())
    .returning('id')
    .executeTakeFirst();
  return inserted !== undefined;
}

export interface LockedClient extends ClientPolicy {
  readonly environment: Environment;
  readonly id: string;
  readonly organisationId: string;
  readonly name: string;
  readonly revokedAt: Date | null;
}

/** Reads a client and keeps others from changing it or its credentials until the unit of work ends. */
export async function lockClient(tx: Tx, clientId: string): Promise<LockedClient | undefined> {
  const row = await tx.selectFrom('clients').selectAll().where('id', '=', clientId).forUpdate().executeTakeFirst();
  return (
    row && {
      environment: row.environment,
      id: row.id,
      organisationId: row.organisation_id,
      name: row.name,
      ...policyOf(row),
      revokedAt: row.revoked_at,
    }
  );
}

/** Whether another client of the organisation has this name in the environment. The caller holds the lock on the organisation. */
export async function isNameTaken(tx: Tx, client: LockedClient, name: string): Promise<boolean> {
  const other = await tx
    .selectFrom('clients')
    .select('id')
    .where('environment', '=', client.environment)
    .where('organisation_id', '=', client.organisationId)
    .where('name', '=', name)
    .where('id', '!=', client.id)
    .executeTakeFirst();
  return other !== undefined;
}

export async function storeClientPolicy(
  tx: Tx,
  { environment, id }: LockedClient,
  name: string,
  policy: ClientPolicy,
): Promise<void> {
  await tx
    .updateTable('clients')
    .set({ name, ...policyColumns(policy) })
    .where('environment', '=', environment)
    .where('id', '=', id)
    .execute();
}

/** Revokes it for good; the raised generation ends its tokens. */
export async function storeClientRevoked(tx: Tx, { environment, id }: LockedClient, revokedAt: Date): Promise<void> {
  await tx
    .updateTable('clients')
    .set((row) => ({ revoked_at: revokedAt, generation: row('generation', '+', 1) }))
    .where('environment', '=', environment)
    .where('id', '=', id)
    .execute();
}

/** Ends every token it has. */
export async function raiseClientGeneration(tx: Tx, { environment, id }: LockedClient): Promise<void> {
  await tx
    .updateTable('clients')
    .set((row) => ({ generation: row('generation', '+', 1) }))
    .where('environment', '=', environment)
    .where('id', '=', id)
    .execute();
}

/** What the management API and the command line show of a client. */
export interface ClientSummary extends ClientPolicy {
  readonly id: string;
  readonly environment: Environment;
  readonly name: string;
  readonly organisation: { readonly id: string; readonly name: string };
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
    ...policyOf(row),
    createdAt: row.created_at,
    revokedAt: row.revoked_at,
  }));
}
