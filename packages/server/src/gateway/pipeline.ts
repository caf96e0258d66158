// Every bearer-protected route runs these steps in this order. Each returns its own fact or a refusal; only policy data
// differs per route. The order is written here as plain code and nowhere else.

import type { Environment } from '@tollward/protocol';
import type { Peer } from '../certificates/index.js';
import { type ClientFacts, type ClientFactsSource, takeClientRate } from '../clients/index.js';
import type { RateLimiter, RateLimits } from '../platform/rate-limiter.js';
import { isRefusal, type Refusal } from '../refusals/index.js';
import type { TokenClaims, TokenOpener } from '../tokens/index.js';
import { checkBinding } from './steps/binding.js';
import { checkStanding } from './steps/standing.js';
import { openBearerToken } from './steps/token.js';

export interface ProtectedCall {
  readonly environment: Environment;
  readonly peer: Peer | 'not-asked';
  readonly mtlsUrl: string;
  readonly authorization: string | undefined;
  readonly now: number;
}

export interface AdmittedCall {
  readonly claims: TokenClaims;
  readonly client: ClientFacts;
}

export interface PipelineDependencies {
  readonly tokens: TokenOpener;
  readonly clients: ClientFactsSource;
  readonly clientRates: RateLimiter;
  readonly defaultClientLimits: RateLimits;
}

export async function runPipeline(
  call: ProtectedCall,
  dependencies: PipelineDependencies,
): Promise<AdmittedCall | Refusal> {
  const { environment, now } = call;
  const opened = openBearerToken(call, dependencies.tokens);
  const claims = opened instanceof Promise ? await opened : opened;
  if (isRefusal(claims)) return claims;

  const standing = checkStanding(environment, claims, dependencies.clients);
  const client = standing instanceof Promise ? await standing : standing;
  if (isRefusal(client)) return client;

  const unbound = checkBinding(call, claims, client);
  if (unbound !== undefined) return unbound;

  const limited = takeClientRate(client, dependencies.clientRates, dependencies.defaultClientLimits, now);
  if (limited !== undefined) return limited;

  return { claims, client };
}
