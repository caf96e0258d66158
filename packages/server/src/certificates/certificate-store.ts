import type { Environment } from '@tollward/protocol';
import type { ReadTx, Tx } from '../platform/database/database.js';
import type { CertificateFacts } from './certificate-facts.js';
import type { RegisteredCertificate } from './decide-peer.js';

export interface NewCertificate {
  readonly environment: Environment;
  readonly id: string;
  readonly clientId: string;
  readonly name: string;
  readonly facts: CertificateFacts;
  readonly pem: string;
}

export async function insertCertificate(tx: Tx, certificate: NewCertificate, now: number): Promise<void> {
  const { facts } = certificate;
  await tx
    .insertInto('certificates')
    .values({
      environment: certificate.environment,
      id: certificate.id,
      client_id: certificate.clientId,
      name: certificate.name,
      sha256: facts.sha256,
      serial_number: facts.serialNumber,
      subject: facts.subject,
      issuer: facts.issuer,
      key_type: facts.keyType,
      not_before: new Date(facts.notBefore),
      not_after: new Date(facts.notAfter),
      pem: certificate.pem,
      created_at: new Date(now),
    })
    .execute();
}

/** Every certificate the client ever registered, revoked and expired ones included, by thumbprint. */
export async function loadRegisteredCertificates(
  tx: ReadTx,
  environment: Environment,
  clientId: string,
): Promise<ReadonlyMap<string, RegisteredCertificate>> {
  const rows = await tx
    .selectFrom('certificates')
    .select(['id', 'name', 'sha256', 'not_before', 'not_after', 'revoked_at'])
    .where('environment', '=', environment)
    .where('client_id', '=', clientId)
    .execute();
  return new Map(
    rows.map((row) => {
      const thumbprint = row.sha256.toString('base64url');
      return [
        thumbprint,
        {
          id: row.id,
          name: row.name,
          thumbprint,
          notBefore: row.not_before.getTime(),
          notAfter: row.not_after.getTime(),
          revokedAt: row.revoked_at?.getTime() ?? null,
        },
      ];
    }),
  );
}

/** What the management API and the command line show of a certificate. */
export interface CertificateSummary {
  readonly id: string;
  readonly name: string;
  readonly sha256: string;
  readonly subject: string;
  readonly issuer: string;
  readonly serialNumber: string;
  readonly keyType: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly revokedAt: Date | null;
}

export async function listCertificateSummaries(
  tx: ReadTx,
  environment: Environment,
  clientId: string,
): Promise<CertificateSummary[]> {
  const rows = await tx
    .selectFrom('certificates')
    .selectAll()
    .where('environment', '=', environment)
    .where('client_id', '=', clientId)
    .orderBy('created_at')
    .execute();
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    sha256: row.sha256.toString('hex'),
    subject: row.subject,
    issuer: row.issuer,
    serialNumber: row.serial_number,
    keyType: row.key_type,
    notBefore: row.not_before,
    notAfter: row.not_after,
    revokedAt: row.revoked_at,
  }));
}

export interface RevokedCertificate {
  readonly environment: Environment;
  readonly clientId: string;
  readonly alreadyRevoked: boolean;
}

/** Marks a certificate revoked; undefined when there is none of that id. */
export async function markCertificateRevoked(
  tx: Tx,
  certificateId: string,
  now: number,
): Promise<RevokedCertificate | undefined> {
  const row = await tx
    .selectFrom('certificates')
    .select(['environment', 'client_id', 'revoked_at'])
    .where('id', '=', certificateId)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const revoked = { environment: row.environment, clientId: row.client_id, alreadyRevoked: row.revoked_at !== null };
  if (!revoked.alreadyRevoked) {
    await tx
      .updateTable('certificates')
      .set({ revoked_at: new Date(now) })
      .where('environment', '=', row.environment)
      .where('id', '=', certificateId)
      .execute();
  }
  return revoked;
}
