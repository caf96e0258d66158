import { X509Certificate } from 'node:crypto';
import type { Environment } from '@tollward/protocol';
import type { ReadTx, Tx } from '../platform/database/database.js';
import type { Row } from '../platform/database/tables.js';
import type { Generation } from '../platform/keys/decide-generations.js';
import type { MasterKey } from '../platform/keys/master-key.js';
import type { Authority, AuthorityKind } from './certificate-authority.js';

/** One of the authorities of a kind that an environment has had. */
export interface AuthorityGeneration extends Authority, Generation {
  readonly environment: Environment;
  readonly kind: AuthorityKind;
  /** When its issuing certificate is over. */
  readonly endsAt: number;
}

/** @param opened what was opened before: neither certificates nor keys of a generation ever change */
export async function loadGenerations(
  tx: ReadTx,
  masterKey: MasterKey,
  opened: readonly AuthorityGeneration[] = [],
): Promise<readonly AuthorityGeneration[]> {
  const rows = await tx.selectFrom('certificate_authorities').selectAll().orderBy('active_from').execute();
  return rows.map((row) => {
    const generation = opened.find(({ id }) => id === row.id) ?? openGeneration(row, masterKey);
    return { ...generation, activeFrom: row.active_from.getTime() };
  });
}

function openGeneration(row: Row<'certificate_authorities'>, masterKey: MasterKey): AuthorityGeneration {
  const { environment, kind, id } = row;
  return {
    environment,
    kind,
    id,
    createdAt: row.created_at.getTime(),
    activeFrom: row.active_from.getTime(),
    endsAt: Date.parse(new X509Certificate(row.issuing_certificate).validTo),
    rootCertificatePem: row.root_certificate,
    rootKeyPkcs8: masterKey.open(row.root_key_sealed, placeOf(environment, kind, 'root')),
    issuingCertificatePem: row.issuing_certificate,
    issuingKeyPkcs8: masterKey.open(row.issuing_key_sealed, placeOf(environment, kind, 'issuing')),
  };
}

export async function insertGeneration(
  tx: Tx,
  masterKey: MasterKey,
  generation: Omit<AuthorityGeneration, 'endsAt'>,
): Promise<void> {
  const { environment, kind, id } = generation;
  await tx
    .insertInto('certificate_authorities')
    .values({
      environment,
      kind,
      id,
      root_certificate: generation.rootCertificatePem,
      root_key_sealed: masterKey.seal(generation.rootKeyPkcs8, placeOf(environment, kind, 'root')),
      issuing_certificate: generation.issuingCertificatePem,
      issuing_key_sealed: masterKey.seal(generation.issuingKeyPkcs8, placeOf(environment, kind, 'issuing')),
      created_at: new Date(generation.createdAt),
      active_from: new Date(generation.activeFrom),
    })
    .execute();
}

export async function moveStart(tx: Tx, id: string, activeFrom: number): Promise<void> {
  await tx
    .updateTable('certificate_authorities')
    .set({ active_from: new Date(activeFrom) })
    .where('id', '=', id)
    .execute();
}

export async function deleteGenerations(tx: Tx, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await tx.deleteFrom('certificate_authorities').where('id', 'in', ids).execute();
}

/** @returns how many of its private keys another master key had sealed */
export async function resealGeneration(tx: Tx, masterKey: MasterKey, id: string): Promise<number> {
  const row = await tx
    .selectFrom('certificate_authorities')
    .select(['environment', 'kind', 'root_key_sealed', 'issuing_key_sealed'])
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) return 0;
  const root = masterKey.reseal(row.root_key_sealed, placeOf(row.environment, row.kind, 'root'));
  const issuing = masterKey.reseal(row.issuing_key_sealed, placeOf(row.environment, row.kind, 'issuing'));
  const changed = { ...(root && { root_key_sealed: root }), ...(issuing && { issuing_key_sealed: issuing }) };
  const count = Object.keys(changed).length;
  if (count > 0) await tx.updateTable('certificate_authorities').set(changed).where('id', '=', id).execute();
  return count;
}

/** The place has no id: the version before these generations has to open what this one sealed. */
function placeOf(environment: Environment, kind: AuthorityKind, key: 'root' | 'issuing') {
  return { environment, table: 'certificate_authorities', row: `${kind} ${key}` };
}
