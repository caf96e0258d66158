// Opens every sealed value of a database. Each is sealed for its place (platform/keys/master-key.ts), which is spelled here as
// the rooms that seal them do.

import type { Tx } from '../platform/database/database.js';
import { countSealedIn } from '../platform/database/sealed-values.js';
import type { MasterKey, SealedPlace } from '../platform/keys/master-key.js';

interface SealedValue extends SealedPlace {
  readonly sealed: Buffer;
}

/**
 * How many there are.
 *
 * @throws MasterKeyError when one of them does not open
 */
export async function openSealedValues(tx: Tx, masterKey: MasterKey): Promise<number> {
  const values = [
    ...(await readOfAuthorities(tx)),
    ...(await readOfNamedKeys(tx)),
    ...(await readOfHmacKeys(tx)),
    ...(await readOfAuditKeys(tx)),
  ];
  for (const { sealed, ...place } of values) masterKey.open(sealed, place);
  const all = [...(await countSealedIn(tx)).values()].reduce((sum, count) => sum + count, 0);
  if (values.length !== all) throw new Error(`of ${all} sealed values ${values.length} are known to openSealedValues`);
  return all;
}

async function readOfAuthorities(tx: Tx): Promise<readonly SealedValue[]> {
  const rows = await tx
    .selectFrom('certificate_authorities')
    .select(['environment', 'kind', 'root_key_sealed', 'issuing_key_sealed'])
    .execute();
  return rows.flatMap(({ environment, kind, root_key_sealed, issuing_key_sealed }) => {
    const place = { environment, table: 'certificate_authorities' };
    return [
      { ...place, row: `${kind} root`, sealed: root_key_sealed },
      { ...place, row: `${kind} issuing`, sealed: issuing_key_sealed },
    ];
  });
}

async function readOfNamedKeys(tx: Tx): Promise<readonly SealedValue[]> {
  const columns = ['environment', 'id as row', 'key_sealed as sealed'] as const;
  const ticketKeys = await tx.selectFrom('ticket_keys').select(columns).execute();
  const tokenKeys = await tx.selectFrom('token_keys').select(columns).execute();
  const ofSigning = ['environment', 'kid as row', 'key_sealed as sealed'] as const;
  const signingKeys = await tx.selectFrom('signing_keys').select(ofSigning).execute();
  return [
    ...ticketKeys.map((key) => ({ ...key, table: 'ticket_keys' })),
    ...tokenKeys.map((key) => ({ ...key, table: 'token_keys' })),
    ...signingKeys.map((key) => ({ ...key, table: 'signing_keys' })),
  ];
}

async function readOfHmacKeys(tx: Tx): Promise<readonly SealedValue[]> {
  const rows = await tx.selectFrom('hmac_keys').select(['environment', 'version', 'key_sealed as sealed']).execute();
  return rows.map(({ version, ...key }) => ({ ...key, table: 'hmac_keys', row: String(version) }));
}

async function readOfAuditKeys(tx: Tx): Promise<readonly SealedValue[]> {
  const rows = await tx.selectFrom('audit_keys').select(['id', 'key_sealed as sealed']).execute();
  return rows.flatMap(({ id, sealed }) =>
    sealed === null ? [] : [{ environment: 'both', table: 'audit_keys', row: id, sealed }],
  );
}
