// A worker sends the same Authorization header with every token request. Reading it, and the HMAC of the secret, cost more
// than the rest of the request's checks, so what a header proved is remembered, under the header's SHA-256: the secret
// itself is kept nowhere. Only the fact is remembered, which secret of which client it was. Whether that client and that
// secret are in force is judged again each time.

import { hash } from 'node:crypto';
import type { Environment } from '@tollward/protocol';
import { LRUCache } from 'lru-cache';
import type { ClientFactsSource } from './authenticate-client.js';
import type { ClientFacts } from './client-facts.js';
import { decideMatchedSecret } from './decide-client-authentication.js';

export interface ProvedClient {
  readonly client: ClientFacts;
  readonly secretId: string;
}

export interface RememberedProofs {
  /** The client an earlier request proved by this very header, when everything it takes to say yes is at hand. */
  recall(
    environment: Environment,
    authorization: string,
    now: number,
    clients: ClientFactsSource,
  ): ProvedClient | undefined;
  remember(environment: Environment, authorization: string, proved: ProvedClient): void;
}

interface Proof {
  readonly clientId: string;
  readonly secretId: string;
}

export function createRememberedProofs(maximumHeaders = 10_000): RememberedProofs {
  const proofs = {
    sandbox: new LRUCache<string, Proof>({ max: maximumHeaders }),
    production: new LRUCache<string, Proof>({ max: maximumHeaders }),
  };
  return {
    recall: (environment, authorization, now, clients) => {
      const proof = proofs[environment].get(digest(authorization));
      if (proof === undefined) return undefined;
      const client = clients.get(environment, proof.clientId);
      if (client === undefined || client instanceof Promise) return undefined;
      const secret = client.secrets.find(({ id }) => id === proof.secretId);
      if (secret === undefined || !decideMatchedSecret(secret, now).accepted) return undefined;
      return { client, secretId: proof.secretId };
    },
    remember: (environment, authorization, { client, secretId }) => {
      proofs[environment].set(digest(authorization), { clientId: client.id, secretId });
    },
  };
}

function digest(authorization: string): string {
  return hash('sha256', authorization, 'base64');
}
