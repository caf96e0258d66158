import { type Environment, environments } from '@tollward/protocol';
import type { Actor } from '../audit/index.js';
import { appendAuditEntry } from '../audit/index.js';
import type { Database } from '../platform/database/database.js';
import type { MasterKey } from '../platform/keys/master-key.js';
import type { RandomBytes } from '../platform/random.js';
import { type Authority, type AuthorityKind, createAuthority, type PartnerAuthority } from './certificate-authority.js';

export interface EnvironmentAuthorities {
  readonly partner: PartnerAuthority;
  readonly platform: Authority;
}

export type Authorities = Readonly<Record<Environment, EnvironmentAuthorities>>;

const actor: Actor = 'tollward';

/** Opens the two authorities of each environment and makes those that are missing. A brought one takes the place of our own. */
export async function openAuthorities(
  database: Database,
  masterKey: MasterKey,
  now: number,
  random: RandomBytes,
  brought: Readonly<Partial<Record<Environment, PartnerAuthority>>> = {},
): Promise<Authorities> {
  const open = async (environment: Environment, kind: AuthorityKind): Promise<Authority> =>
    (await loadAuthority(database, masterKey, environment, kind)) ?? storeAuthority(environment, kind);

  const storeAuthority = async (environment: Environment, kind: AuthorityKind): Promise<Authority> => {
    const authority = await createAuthority({ environment, kind, now });
    await database.transaction(async (tx) => {
      await tx
        .insertInto('certificate_authorities')
        .values({
          environment,
          kind,
          root_certificate: authority.rootCertificatePem,
          root_key_sealed: masterKey.seal(authority.rootKeyPkcs8, placeOf(environment, kind, 'root')),
          issuing_certificate: authority.issuingCertificatePem,
          issuing_key_sealed: masterKey.seal(authority.issuingKeyPkcs8, placeOf(environment, kind, 'issuing')),
          created_at: new Date(now),
        })
        .execute();
      const fact = { environment, actor, action: 'certificate_authority.created', subject: kind, details: {} };
      await appendAuditEntry(tx, fact, now, random);
    });
    return authority;
  };

  const opened: Record<string, EnvironmentAuthorities> = {};
  for (const environment of environments) {
    opened[environment] = {
      partner: brought[environment] ?? (await open(environment, 'partner')),
      platform: await open(environment, 'platform'),
    };
  }
  return opened as Authorities;
}

async function loadAuthority(
  database: Database,
  masterKey: MasterKey,
  environment: Environment,
  kind: AuthorityKind,
): Promise<Authority | undefined> {
  const row = await database.read((tx) =>
    tx
      .selectFrom('certificate_authorities')
      .selectAll()
      .where('environment', '=', environment)
      .where('kind', '=', kind)
      .executeTakeFirst(),
  );
  if (row === undefined) return undefined;
  return {
    rootCertificatePem: row.root_certificate,
    rootKeyPkcs8: masterKey.open(row.root_key_sealed, placeOf(environment, kind, 'root')),
    issuingCertificatePem: row.issuing_certificate,
    issuingKeyPkcs8: masterKey.open(row.issuing_key_sealed, placeOf(environment, kind, 'issuing')),
  };
}

function placeOf(environment: Environment, kind: AuthorityKind, key: 'root' | 'issuing') {
  return { environment, table: 'certificate_authorities', row: `${kind} ${key}` };
}
