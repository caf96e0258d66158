// Clients and certificates as rows, for tests about the table: how many there are and when they end is free to choose.

import { createHash } from 'node:crypto';
import type { Environment } from '@tollward/protocol';
import type { Database } from '../platform/database/database.js';
import { someTime } from './facts.js';

const dayMs = 86_400_000;

/** The time so many days after `someTime`. */
export function daysFrom(days: number): Date {
  return new Date(someTime + days * dayMs);
}

export interface ClientRow {
  readonly id: string;
  readonly environment?: Environment;
  readonly revoked?: true;
}

export async function insertClientRows(database: Database, rows: readonly ClientRow[]): Promise<void> {
  await database.transaction(async (tx) => {
    for (const { id, environment = 'sandbox', revoked } of rows) {
      const organisation = { id: `org_${id}`, name: `Organisation of ${id}`, created_at: daysFrom(0) };
      await tx.insertInto('organisations').values(organisation).execute();
      const client = { environment, id, organisation_id: organisation.id, name: `name of ${id}` };
      const revokedAt = revoked ? daysFrom(0) : null;
      await tx
        .insertInto('clients')
        .values({ ...client, created_at: daysFrom(0), revoked_at: revokedAt })
        .execute();
    }
  });
}

export interface CertificateRow {
  readonly id: string;
  readonly endsInDays: number;
  readonly clientId: string;
  readonly environment?: Environment;
  readonly revoked?: true;
  readonly startsInDays?: number;
}

export async function insertCertificateRows(database: Database, rows: readonly CertificateRow[]): Promise<void> {
  const values = rows.map(({ id, endsInDays, clientId, environment = 'sandbox', revoked, startsInDays = -365 }) => ({
    environment,
    id,
    client_id: clientId,
    name: `name of ${id}`,
    sha256: createHash('sha256').update(`${environment} ${id}`).digest(),
    serial_number: '01',
    subject: '',
    issuer: '',
    key_type: 'ec-p256',
    not_before: daysFrom(startsInDays),
    not_after: daysFrom(endsInDays),
    pem: '',
    created_at: daysFrom(-365),
    uses_counted_since: daysFrom(-365),
    revoked_at: revoked ? daysFrom(0) : null,
    paused_until: null,
    expiry_notice_days: null,
  }));
  await database.transaction((tx) => tx.insertInto('certificates').values(values).execute());
}
