import type { ClientFacts, ClientFactsSource } from '../../clients/index.js';
import type { Refusal } from '../../refusals/index.js';
import type { TokenClaims } from '../../tokens/index.js';
import { decideStanding } from '../../tokens/index.js';
import type { UsageRecorder } from '../../usage/index.js';
import type { ProtectedCall } from '../protected-call.js';

export interface StandingDependencies {
  readonly clients: ClientFactsSource;
  readonly usage: UsageRecorder;
}

/** Whether everything the token stands on is in force. A promise only when the database has to be asked. */
export function checkStanding(
  call: ProtectedCall,
  claims: TokenClaims,
  { clients, usage }: StandingDependencies,
): ClientFacts | Refusal | Promise<ClientFacts | Refusal> {
  const found = clients.get(call.environment, claims.clientId);
  const cached = found instanceof Promise ? undefined : found;
  if (cached !== undefined && decideStanding(claims, cached, call.now).inForce) return cached;
  return confirmStanding(call, claims, { clients, usage });
}

/** A cache may only say yes, so a no is read again before it becomes a refusal. */
export async function confirmStanding(
  { environment, address, now }: ProtectedCall,
  claims: TokenClaims,
  { clients, usage }: StandingDependencies,
): Promise<ClientFacts | Refusal> {
  const { clientId, binding } = claims;
  const client = await clients.confirm(environment, clientId);
  const verdict = decideStanding(claims, client, now);
  if (verdict.inForce) return verdict.client;
  const { code, problem, seen, parameters, credentialId } = verdict;
  if (credentialId !== undefined) {
    const certificateId = binding?.certificateId ?? null;
    usage.refused({ environment, clientId, credentialId, certificateId, address }, now);
  }
  return {
    refusal: code,
    step: 'standing',
    expected: 'organisation, client, secret and certificate of the token in force',
    seen,
    parameters: { ...parameters, problem },
    clientId,
  };
}
