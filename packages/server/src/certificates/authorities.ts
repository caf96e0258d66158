// The two authorities of each environment, as they are now: they change while the process runs, here or on another node.

import { type Environment, environments } from '@tollward/protocol';
import { coalesce } from '../platform/coalesce.js';
import type { Database } from '../platform/database/database.js';
import { lockForUnit } from '../platform/database/unit-lock.js';
import { activeGeneration, judgeGenerations } from '../platform/keys/decide-generations.js';
import type { MasterKey } from '../platform/keys/master-key.js';
import type { RotatableKey } from '../platform/keys/rotatable-key.js';
import type { RandomBytes } from '../platform/random.js';
import { authorityLock, createAuthorityKey } from './authority-key.js';
import { type AuthorityGeneration, loadGenerations } from './authority-store.js';
import type { BroughtAuthorities } from './brought-authority.js';
import type { AuthorityKind, PartnerAuthority } from './certificate-authority.js';
import { isPublished } from './decide-authority-terms.js';
import { makeGeneration } from './make-generation.js';

export interface EnvironmentAuthorities {
  /** What signs partners' certificate requests at this time; a brought one takes the place of our own. */
  partner(now: number): PartnerAuthority;
  /** What signs the certificates of our listeners at this time. */
  platform(now: number): AuthorityGeneration;
  /** The platform authorities that partners are to trust, the oldest first: those used lately, now and next. */
  published(now: number): readonly AuthorityGeneration[];
}

export interface Authorities {
  of(environment: Environment): EnvironmentAuthorities;
  readonly keys: readonly RotatableKey[];
}

/** Opens the authorities of both environments and makes those that are missing. */
export async function openAuthorities(
  database: Database,
  masterKey: MasterKey,
  now: number,
  random: RandomBytes,
  brought: BroughtAuthorities = {},
): Promise<Authorities> {
  let held = await database.transaction(async (tx) => {
    await lockForUnit(tx, authorityLock);
    const found = await loadGenerations(tx, masterKey);
    for (const environment of environments) {
      for (const kind of ['partner', 'platform'] as const) {
        if (kind === 'partner' && brought[environment] !== undefined) continue;
        if (found.some((one) => one.environment === environment && one.kind === kind)) continue;
        const wanted = { environment, kind, activeFrom: now, actor: 'tollward' } as const;
        await makeGeneration(tx, wanted, now, { masterKey, random });
      }
    }
    return loadGenerations(tx, masterKey, found);
  });
  const reload = coalesce(async () => {
    held = await database.readUrgently((tx) => loadGenerations(tx, masterKey, held));
  });

  const heldOf = (environment: Environment, kind: AuthorityKind): readonly AuthorityGeneration[] =>
    held.filter((one) => one.environment === environment && one.kind === kind);
  const activeOf = (environment: Environment, kind: AuthorityKind, at: number): AuthorityGeneration => {
    const active = activeGeneration(heldOf(environment, kind), at);
    if (active === undefined) throw new Error(`there is no ${kind} authority for ${environment}`);
    return active;
  };
  const dependencies = { database, masterKey, random, brought, held: heldOf, reload };
  return {
    of: (environment) => ({
      partner: (at) => brought[environment] ?? activeOf(environment, 'partner', at),
      platform: (at) => activeOf(environment, 'platform', at),
      published: (at) =>
        judgeGenerations(heldOf(environment, 'platform'), at)
          .filter((judged) => isPublished(judged, at))
          .map(({ generation }) => generation),
    }),
    keys: [createAuthorityKey('partner', dependencies), createAuthorityKey('platform', dependencies)],
  };
}
