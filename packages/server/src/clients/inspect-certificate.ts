import { environments } from '@tollward/protocol';
import {
  type CertificateInspection,
  explainCertificate,
  listByDigest,
  type RegisteredRow,
} from '../certificates/index.js';
import type { Database } from '../platform/database/database.js';
import { listClientSummaries } from './client-store.js';

/** Explains a pasted certificate or request, with what is known here: which clients have it, and whether it can be used. */
export function inspectCertificate(
  input: string | Uint8Array,
  { clientId }: { readonly clientId?: string | undefined },
  now: number,
  database: Database,
): Promise<CertificateInspection> {
  const lookUp = (sha256: Buffer): Promise<readonly RegisteredRow[]> =>
    database.read(async (tx) => {
      const rows: RegisteredRow[] = [];
      for (const environment of environments) {
        for (const row of await listByDigest(tx, environment, sha256)) {
          const [client] = await listClientSummaries(tx, { environment, clientId: row.clientId });
          rows.push({ ...row, clientRevokedAt: client?.revokedAt ?? null });
        }
      }
      return rows;
    });
  return explainCertificate(input, { lookUp, clientId, now });
}
