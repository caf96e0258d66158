import type { Environment } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import type { Database, Tx } from '../platform/database/database.js';
import type { HmacKeyring } from '../platform/keys/hmac-keyring.js';
import type { RandomBytes } from '../platform/random.js';
import { lockClient } from './client-store.js';
import { type CreatedSecret, createSecret } from './create-secret.js';
import { decideRotation } from './decide-secret-rotation.js';
import { endsOf, listSecrets, type StoredSecret, storeSecretEnded, storeUsableUntil } from './secret-store.js';

export interface RotateSecret {
  readonly clientId: string;
  readonly overlapSeconds: number;
  readonly force: boolean;
  readonly actor: Actor;
}

export type RotateSecretResult =
  | {
      readonly ok: true;
      readonly secret: CreatedSecret;
      /** The end every earlier live secret got. At `now` or before: it gets no more tokens. */
      readonly ends: readonly { readonly secret: StoredSecret; readonly usableUntil: Date }[];
    }
  | { readonly ok: false; readonly problem: 'unknown' | 'revoked' }
  | { readonly ok: false; readonly problem: 'open'; readonly openUntil: Date | null };

export interface RotateSecretDependencies {
  readonly database: Database;
  readonly hmacKeys: HmacKeyring;
  readonly random: RandomBytes;
  readonly standingChanged: (environment: Environment, clientId: string) => void;
}

/** Makes a new secret; the one in force until now gets tokens for as long as the overlap lasts. Tokens are not touched. */
export async function rotateSecret(
  { clientId, overlapSeconds, force, actor }: RotateSecret,
  now: number,
  { database, hmacKeys, random, standingChanged }: RotateSecretDependencies,
): Promise<RotateSecretResult> {
  const result = await database.transaction(async (tx) => {
    const client = await lockClient(tx, clientId);
    if (client === undefined) return { ok: false, problem: 'unknown' } as const;
    if (client.revokedAt !== null) return { ok: false, problem: 'revoked' } as const;
    const { environment } = client;
    const secrets = await listSecrets(tx, environment, clientId);
    const candidates = secrets.map((secret) => ({
      id: secret.id,
      createdAt: secret.createdAt.getTime(),
      ...endsOf(secret),
    }));
    const decision = decideRotation(candidates, overlapSeconds * 1_000, force, now);
    if (!decision.ok) {
      const { openUntil } = decision;
      return { ok: false, problem: 'open', openUntil: openUntil === null ? null : new Date(openUntil) } as const;
    }
    await keepEnded(tx, secrets, now);
    const ends: { secret: StoredSecret; usableUntil: Date }[] = [];
    for (const { secretId, usableUntil } of decision.ends) {
      const secret = secrets.find(({ id }) => id === secretId);
      if (secret === undefined) continue;
      const end = new Date(usableUntil);
      await (usableUntil <= now ? storeSecretEnded(tx, secret, end) : storeUsableUntil(tx, secret, end));
      ends.push({ secret, usableUntil: end });
      const details = { clientId, usableUntil: end.toISOString() };
      const fact = { environment, actor, action: 'secret.replaced', subject: secretId, details };
      await appendAuditEntry(tx, fact, now, random);
    }
    const secret = await createSecret(tx, { environment, clientId, actor }, now, { hmacKeys, random });
    return { ok: true, secret, ends, environment } as const;
  });
  if (result.ok) standingChanged(result.environment, clientId);
  return result;
}

/** What an overlap ended stays ended, also when a clock is set back: otherwise more than two could be live again. */
async function keepEnded(tx: Tx, secrets: readonly StoredSecret[], now: number): Promise<void> {
  for (const secret of secrets) {
    const { usableUntil, endedAt } = secret;
    if (endedAt === null && usableUntil !== null && usableUntil.getTime() <= now) {
      await storeSecretEnded(tx, secret, usableUntil);
    }
  }
}
