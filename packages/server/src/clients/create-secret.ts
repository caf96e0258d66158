import { type Environment, formatSecret, secretEntropyBytes } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import type { Tx } from '../platform/database/database.js';
import { newId } from '../platform/ids.js';
import type { HmacKeyring } from '../platform/keys/hmac-keyring.js';
import type { RandomBytes } from '../platform/random.js';
import { SecretValue } from '../platform/secret-value.js';
import { insertSecret } from './secret-store.js';

export interface CreatedSecret {
  readonly id: string;
  /** The only time it can be seen. */
  readonly value: SecretValue;
}

/** Makes a secret for a client: 256 random bits, of which only a keyed hash is stored. */
export async function createSecret(
  tx: Tx,
  { environment, clientId, actor }: { environment: Environment; clientId: string; actor: Actor },
  now: number,
  { hmacKeys, random }: { hmacKeys: HmacKeyring; random: RandomBytes },
): Promise<CreatedSecret> {
  const secret = formatSecret(environment, 'cs', random(secretEntropyBytes));
  const hmacKeyVersion = hmacKeys.currentVersion(environment, now);
  const hash = hmacKeys.hash(environment, hmacKeyVersion, secret);
  const id = newId('sec', now, random);
  await insertSecret(tx, { environment, id, clientId, hash, hmacKeyVersion, hint: secret.slice(-4) }, now);
  await appendAuditEntry(
    tx,
    { environment, actor, action: 'secret.created', subject: id, details: { clientId } },
    now,
    random,
  );
  return { id, value: new SecretValue(secret) };
}
