// A worker sends the same Authorization header with every token request of its connection. Reading it, and the HMAC of the
// secret, cost more than everything else that is checked, so what the header proved is remembered with the connection, and
// ends with it. Only the fact is remembered: which secret of which client it was. Whether that client and that secret are
// in force is judged again each time.

import type { Environment } from '@tollward/protocol';
import type { HmacKeyring } from '../platform/keys/hmac-keyring.js';
import type { ClientFacts, ClientFactsSource } from './client-facts.js';
import { decideMatchedSecret } from './decide-client-authentication.js';

export interface ProvedClient {
  readonly client: ClientFacts;
  readonly secretId: string;
}

/** The place for it: one per connection, empty at first. */
export interface ConnectionProof {
  proved: { readonly authorization: string; readonly clientId: string; readonly secretId: string } | undefined;
}

/**
 * The client an earlier request of this connection proved by this very header, when all it takes to say yes is at hand.
 * The comparison may stop at the first difference: it tells nothing but what this connection itself has sent.
 */
export function recallProof(
  memory: ConnectionProof,
  environment: Environment,
  authorization: string,
  now: number,
  clients: ClientFactsSource,
  hmacKeys: Pick<HmacKeyring, 'currentVersion'>,
): ProvedClient | undefined {
  const { proved } = memory;
  if (proved === undefined || proved.authorization !== authorization) return undefined;
  const client = clients.get(environment, proved.clientId);
  if (client instanceof Promise) {
    // Not waited for: whoever authenticates next asks again, and hears of a fault then.
    client.catch(() => undefined);
    return undefined;
  }
  if (client === undefined) return undefined;
  const secret = client.secrets.find(({ id }) => id === proved.secretId);
  if (secret === undefined || !decideMatchedSecret(secret, now).accepted) return undefined;
  // Proved anew, because only with its text at hand can it be stored under the current key.
  if (secret.hmacKeyVersion < hmacKeys.currentVersion(environment, now)) return undefined;
  return { client, secretId: proved.secretId };
}

export function rememberProof(
  memory: ConnectionProof,
  authorization: string,
  { client, secretId }: ProvedClient,
): void {
  memory.proved = { authorization, clientId: client.id, secretId };
}
