import type { Environment } from '@tollward/protocol';
import { type CertificateSummary, listCertificateSummaries } from '../certificates/index.js';
import type { Database } from '../platform/database/database.js';
import { type ClientSummary, listClientSummaries, listSecretSummaries, type SecretSummary } from './client-store.js';

export interface ClientDetails extends ClientSummary {
  readonly secrets: readonly SecretSummary[];
  readonly certificates: readonly CertificateSummary[];
}

export async function listClients(
  database: Database,
  environment: Environment | undefined,
): Promise<readonly ClientSummary[]> {
  return database.read((tx) => listClientSummaries(tx, { environment }));
}

/** One client with its secrets (never their values) and certificates. Undefined when there is none of that id. */
export async function showClient(database: Database, clientId: string): Promise<ClientDetails | undefined> {
  return database.read(async (tx) => {
    const [client] = await listClientSummaries(tx, { clientId });
    if (client === undefined) return undefined;
    const secrets = await listSecretSummaries(tx, client.environment, clientId);
    const certificates = await listCertificateSummaries(tx, client.environment, clientId);
    return { ...client, secrets, certificates };
  });
}
