import { isLive, type SecretState } from './decide-secret-rotation.js';

/** What a client is left with when one of its secrets ended: nothing, or only secrets that nobody has tried yet. */
export type LeftSecrets =
  | { readonly enough: true }
  | { readonly enough: false; readonly untriedSecretId: string | undefined };

/** @param secrets all of the client, the oldest first */
export function decideLeftSecrets(
  secrets: readonly { readonly id: string; readonly state: SecretState; readonly lastUsedAt: Date | null }[],
): LeftSecrets {
  const live = secrets.filter(({ state }) => isLive(state));
  if (live.some(({ lastUsedAt }) => lastUsedAt !== null)) return { enough: true };
  return { enough: false, untriedSecretId: live.at(-1)?.id };
}
