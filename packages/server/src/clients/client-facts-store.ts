import type { Environment } from '@tollward/protocol';
import { loadRegisteredCertificates } from '../certificates/index.js';
import type { ReadTx } from '../platform/database/database.js';
import { parseAddressRange } from '../platform/listeners/address.js';
import type { ClientFacts } from './client-facts.js';
import { limitsOf } from './client-store.js';
import { loadRevokedTokens } from './revoked-token-store.js';
import { loadSecretFacts } from './secret-store.js';

/** Reads everything a request needs to know of a client. Undefined when there is none of that id. */
export async function loadClientFacts(
  tx: ReadTx,
  environment: Environment,
  clientId: string,
  now: number,
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
  return {
    environment,
    id: client.id,
    name: client.name,
    organisationId: client.organisation_id,
    organisationGeneration: client.organisation_generation,
    generation: client.generation,
    revokedAt: client.revoked_at?.getTime() ?? null,
    mtlsRequired: client.mtls_required,
    embeddedModel: client.embedded_model,
    scaOff: client.sca_off,
    accessTokenLifetimeSeconds: client.access_token_lifetime_seconds,
    limits: limitsOf(client),
    allowedAddresses: client.allowed_addresses.map(readRange),
    secrets: await loadSecretFacts(tx, environment, clientId, now),
    certificates: await loadRegisteredCertificates(tx, environment, clientId),
    revokedTokens: await loadRevokedTokens(tx, environment, clientId),
  };
}

/** A list that can not be read must not turn into no list. */
function readRange(text: string) {
  const range = parseAddressRange(text);
  if (range === undefined) throw new Error(`the allowed address ${text} can not be read`);
  return range;
}
