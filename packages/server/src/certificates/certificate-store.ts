import type { Environment } from '@tollward/protocol';
import type { ReadTx, Tx } from '../platform/database/database.js';
import type { Row } from '../platform/database/tables.js';
import type { CertificateFacts } from './certificate-facts.js';
import type { RegisteredCertificate } from './decide-peer.js';

/** Signed by our partner authority for a request, or made elsewhere and registered as it is. */
export type CertificateOrigin = 'issued' | 'uploaded';

export interface NewCertificate {
  readonly environment: Environment;
  readonly id: string;
  readonly clientId: string;
  readonly name: string;
  readonly origin: CertificateOrigin;
  readonly facts: CertificateFacts;
  readonly pem: string;
}

/** False when another client has this very certificate in force: two may have tried at the same time. */
export async function insertCertificate(tx: Tx, certificate: NewCertificate, now: number): Promise<boolean> {
  const { facts } = certificate;
  const inserted = await tx
    .insertInto('certificates')
    .values({
      environment: certificate.environment,
      id: certificate.id,
      client_id: certificate.clientId,
      name: certificate.name,
      origin: certificate.origin,
      sha256: facts.sha256,
      serial_number: facts.serialNumber,
      subject: facts.subject,
      issuer: facts.issuer,
      key_type: facts.keyType,
      not_before: new Date(facts.notBefore),
      not_after: new Date(facts.notAfter),
      pem: certificate.pem,
      created_at: new Date(now),
      uses_counted_since: new Date(now),
    })
    .onConflict((conflict) => conflict.columns(['environment', 'sha256']).where('revoked_at', 'is', null).doNothing())
    .returning('id')
    .executeTakeFirst();
  return inserted !== undefined;
}

/** Every certificate the client ever registered, revoked and expired ones included, by thumbprint. */
export async function loadRegisteredCertificates(
  tx: ReadTx,
  environment: Environment,
  clientId: string,
): Promise<ReadonlyMap<string, RegisteredCertificate>> {
  const rows = await tx
    .selectFrom('certificates')
    .select(['id', 'name', 'sha256', 'not_before', 'not_after', 'revoked_at', 'paused_until'])
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
          pausedUntil: row.paused_until?.getTime() ?? null,
        },
      ];
    }),
  );
}

/** What the management API and the command line show of a certificate. */
export interface CertificateSummary {
  readonly id: string;
  readonly environment: Environment;
  readonly clientId: string;
  readonly name: string;
  readonly origin: CertificateOrigin;
  /** Hex. */
  readonly sha256: string;
  readonly subject: string;
  readonly issuer: string;
  readonly serialNumber: string;
  readonly keyType: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly createdAt: Date;
  readonly usesCountedSince: Date;
  readonly pausedUntil: Date | null;
  readonly revokedAt: Date | null;
}

export interface CertificateFilter {
  readonly environment?: Environment | undefined;
  readonly clientId?: string | undefined;
}

/** The oldest first. */
export async function listCertificateSummaries(tx: ReadTx, filter: CertificateFilter): Promise<CertificateSummary[]> {
  let query = tx.selectFrom('certificates').selectAll().orderBy('created_at').orderBy('id');
  if (filter.environment !== undefined) query = query.where('environment', '=', filter.environment);
  if (filter.clientId !== undefined) query = query.where('client_id', '=', filter.clientId);
  return (await query.execute()).map(toSummary);
}

/** A certificate with its encoding. */
export async function findCertificate(
  tx: ReadTx,
  certificateId: string,
): Promise<(CertificateSummary & { readonly pem: string }) | undefined> {
  const row = await tx.selectFrom('certificates').selectAll().where('id', '=', certificateId).executeTakeFirst();
  return row && { ...toSummary(row), pem: row.pem };
}

/** Everybody who has or had this certificate registered, by its SHA-256; at most one of them in force, which comes first. */
export async function listByDigest(
  tx: ReadTx,
  environment: Environment,
  sha256: Buffer,
): Promise<CertificateSummary[]> {
  const rows = await tx
    .selectFrom('certificates')
    .selectAll()
    .where('environment', '=', environment)
    .where('sha256', '=', sha256)
    .orderBy('revoked_at', (order) => order.desc().nullsFirst())
    .execute();
  return rows.map(toSummary);
}

/** Whether any client has this certificate, and not revoked. */
export async function isRegistered(tx: ReadTx, environment: Environment, sha256: Buffer): Promise<boolean> {
  const [first] = await listByDigest(tx, environment, sha256);
  return first !== undefined && first.revokedAt === null;
}

/** Reads a certificate and keeps others from changing it until the unit of work ends. */
export async function lockCertificate(tx: Tx, certificateId: string): Promise<CertificateSummary | undefined> {
  const row = await tx
    .selectFrom('certificates')
    .selectAll()
    .where('id', '=', certificateId)
    .forUpdate()
    .executeTakeFirst();
  return row && toSummary(row);
}

export async function storeCertificateRevoked(
  tx: Tx,
  { environment, id }: CertificateSummary,
  revokedAt: Date,
): Promise<void> {
  await tx
    .updateTable('certificates')
    .set({ revoked_at: revokedAt })
    .where('environment', '=', environment)
    .where('id', '=', id)
    .execute();
}

export async function storeCertificatePause(
  tx: Tx,
  { environment, id }: CertificateSummary,
  until: Date | null,
): Promise<void> {
  await tx
    .updateTable('certificates')
    .set({ paused_until: until })
    .where('environment', '=', environment)
    .where('id', '=', id)
    .execute();
}

/** For queries that join other tables. The encoding is long and left out. */
export const summaryColumns = [
  'certificates.id',
  'certificates.environment',
  'certificates.client_id',
  'certificates.name',
  'certificates.origin',
  'certificates.sha256',
  'certificates.subject',
  'certificates.issuer',
  'certificates.serial_number',
  'certificates.key_type',
  'certificates.not_before',
  'certificates.not_after',
  'certificates.created_at',
  'certificates.uses_counted_since',
  'certificates.paused_until',
  'certificates.revoked_at',
] as const;

export function toSummary(row: Omit<Row<'certificates'>, 'pem' | 'expiry_notice_days'>): CertificateSummary {
  return {
    id: row.id,
    environment: row.environment,
    clientId: row.client_id,
    name: row.name,
    origin: row.origin,
    sha256: row.sha256.toString('hex'),
    subject: row.subject,
    issuer: row.issuer,
    serialNumber: row.serial_number,
    keyType: row.key_type,
    notBefore: row.not_before,
    notAfter: row.not_after,
    createdAt: row.created_at,
    usesCountedSince: row.uses_counted_since,
    pausedUntil: row.paused_until,
    revokedAt: row.revoked_at,
  };
}
