import type { Environment } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import type { Tx } from '../platform/database/database.js';
import { newId } from '../platform/ids.js';
import type { MasterKey } from '../platform/keys/master-key.js';
import type { RandomBytes } from '../platform/random.js';
import { insertGeneration } from './authority-store.js';
import { type AuthorityKind, createAuthority } from './certificate-authority.js';

export interface WantedGeneration {
  readonly environment: Environment;
  readonly kind: AuthorityKind;
  /** Left out of the first one. */
  readonly edition?: string;
  readonly activeFrom: number;
  readonly actor: Actor;
}

export async function makeGeneration(
  tx: Tx,
  { environment, kind, edition, activeFrom, actor }: WantedGeneration,
  now: number,
  { masterKey, random }: { readonly masterKey: MasterKey; readonly random: RandomBytes },
): Promise<void> {
  const authority = await createAuthority({ environment, kind, edition, now, randomBytes: random });
  const id = newId('aut', now, random);
  await insertGeneration(tx, masterKey, { ...authority, environment, kind, id, createdAt: now, activeFrom });
  const details = { id, activeFrom: new Date(activeFrom).toISOString() };
  await appendAuditEntry(
    tx,
    { environment, actor, action: 'certificate_authority.created', subject: kind, details },
    now,
    random,
  );
}
