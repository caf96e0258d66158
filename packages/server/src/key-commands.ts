// What operators ask of the keys, over all kinds.

import { appendAuditEntry } from './audit/index.js';
import type { Database } from './platform/database/database.js';
import { KeyConflictError } from './platform/keys/key-conflict-error.js';
import type { MasterKey } from './platform/keys/master-key.js';
import { listMasterKeyUses } from './platform/keys/master-key-use.js';
import { type KeyDescription, keyKinds, type RotatableKey } from './platform/keys/rotatable-key.js';
import type { RandomBytes } from './platform/random.js';
import type { KeyCommands } from './surfaces/management/routes/keys.js';
import type { TokenKeyRotation } from './tokens/index.js';

export interface KeyCommandsDependencies {
  readonly database: Database;
  readonly masterKey: MasterKey;
  readonly keys: readonly RotatableKey[];
  readonly tokenKeys: Pick<TokenKeyRotation, 'revoke'>;
  readonly random: RandomBytes;
}

export function createKeyCommands(dependencies: KeyCommandsDependencies): KeyCommands {
  const { database, masterKey, keys, tokenKeys, random } = dependencies;
  return {
    list: async (now) => ({
      keys: await listKeys(keys, now),
      masterKeys: await listMasterKeyUses(database, masterKey),
    }),
    rotate: async (kind, request, now) => {
      const key = keys.find((each) => each.kind === kind);
      if (key === undefined) return { ok: false, problem: 'unknown-kind' };
      try {
        return { ok: true, keys: await key.rotate(request, now) };
      } catch (error) {
        if (error instanceof KeyConflictError) return { ok: false, problem: 'conflict', detail: error.message };
        throw error;
      }
    },
    revokeTokenKey: (id, now) => tokenKeys.revoke(id, now),
    reseal: async (now) => {
      let resealed = 0;
      for (const key of keys) resealed += await key.reseal(masterKey);
      if (resealed > 0) {
        const details = { values: resealed };
        const fact = { environment: null, actor: 'operator', action: 'master_key.resealed', details } as const;
        await database.transaction((tx) => appendAuditEntry(tx, { ...fact, subject: masterKey.id }, now, random));
      }
      return { resealed, masterKeys: await listMasterKeyUses(database, masterKey) };
    },
  };
}

/** Kind after kind, in the order in which they are written down. */
export async function listKeys(keys: readonly RotatableKey[], now: number): Promise<readonly KeyDescription[]> {
  const listed: KeyDescription[] = [];
  for (const kind of keyKinds) {
    for (const key of keys.filter((each) => each.kind === kind)) listed.push(...(await key.list(now)));
  }
  return listed;
}
