import type { Environment } from '@tollward/protocol';
import type { ClientFacts, ClientFactsSource } from '../../clients/index.js';
import type { Refusal } from '../../refusals/index.js';
import type { TokenClaims } from '../../tokens/index.js';
import { decideStanding } from '../../tokens/index.js';

/** Whether everything the token stands on is in force. A promise only when the database has to be asked. */
export function checkStanding(
  environment: Environment,
  claims: TokenClaims,
  clients: ClientFactsSource,
): ClientFacts | Refusal | Promise<ClientFacts | Refusal> {
  const found = clients.get(environment, claims.clientId);
  const cached = found instanceof Promise ? undefined : found;
  if (cached !== undefined && decideStanding(claims, cached).inForce) return cached;
  return confirm(environment, claims, clients);
}

/** A cache may only say yes, so a no is read again before it becomes a refusal. */
async function confirm(
  environment: Environment,
  claims: TokenClaims,
  clients: ClientFactsSource,
): Promise<ClientFacts | Refusal> {
  const client = await clients.confirm(environment, claims.clientId);
  const verdict = decideStanding(claims, client);
  if (verdict.inForce) return verdict.client;
  const { code, problem, seen, parameters } = verdict;
  return {
    refusal: code,
    step: 'standing',
    expected: 'organisation, client, secret and certificate of the token in force',
    seen,
    parameters: { ...parameters, problem },
    clientId: claims.clientId,
  };
}
