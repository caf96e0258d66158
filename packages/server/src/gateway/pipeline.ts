// Every bearer-protected route runs these steps in this order. Each returns its own fact or a refusal; only policy data
// differs per route. The order is written here as plain code and nowhere else.

import { type ClientFacts, checkAddress, noteRefusedUse, takeClientRate } from '../clients/index.js';
import type { RateLimiter, RateLimits } from '../platform/rate-limiter.js';
import { isRefusal, type Refusal } from '../refusals/index.js';
import type { TokenClaims, TokenOpener } from '../tokens/index.js';
import type { UsageRecorder } from '../usage/index.js';
import type { ProtectedCall } from './protected-call.js';
import { checkBinding } from './steps/binding.js';
import { checkStanding, confirmStanding, type StandingDependencies } from './steps/standing.js';
import { openBearerToken } from './steps/token.js';

export interface AdmittedCall {
  readonly claims: TokenClaims;
  readonly client: ClientFacts;
}

export interface PipelineDependencies extends StandingDependencies {
  readonly tokens: TokenOpener;
  readonly clientRates: RateLimiter;
  readonly defaultClientLimits: RateLimits;
}

export async function runPipeline(
  call: ProtectedCall,
  dependencies: PipelineDependencies,
): Promise<AdmittedCall | Refusal> {
  const { trace } = call;
  trace?.enter('token');
  const opened = openBearerToken(call, dependencies.tokens);
  const claims = opened instanceof Promise ? await opened : opened;
  if (isRefusal(claims)) return claims;

  trace?.enter('standing');
  const standing = checkStanding(call, claims, dependencies);
  let client = standing instanceof Promise ? await standing : standing;
  if (isRefusal(client)) return client;

  trace?.enter('binding');
  let refused = checkConnection(call, claims, client);
  if (refused !== undefined) {
    // Another node may have changed the client a moment ago. The same facts are no news.
    trace?.enter('standing');
    const confirmed = await confirmStanding(call, claims, dependencies);
    if (isRefusal(confirmed)) return confirmed;
    trace?.enter('binding');
    if (confirmed !== client) refused = checkConnection(call, claims, confirmed);
    client = confirmed;
  }
  if (refused === undefined) {
    trace?.enter('rate');
    refused = takeClientRate(client, dependencies.clientRates, dependencies.defaultClientLimits, call.now);
  }
  if (refused !== undefined) {
    const { peer, address, now } = call;
    noteRefusedUse({ client, secretId: null, peer, address }, now, dependencies.usage);
    return refused;
  }

  noteUse(call, claims, dependencies.usage);
  trace?.enter('answer');
  return { claims, client };
}

/** Whether the token may come over this connection: its certificate, its address. */
function checkConnection(call: ProtectedCall, claims: TokenClaims, client: ClientFacts): Refusal | undefined {
  return checkBinding(call, claims, client) ?? checkAddress(client, call.address, 'binding');
}

/** The certificate was used. Its secret was not: that happens when it gets a token. */
function noteUse(
  { environment, address, now }: ProtectedCall,
  { clientId, binding }: TokenClaims,
  usage: UsageRecorder,
): void {
  if (binding === null) return;
  const { certificateId } = binding;
  usage.used({ environment, clientId, credentialId: certificateId, certificateId, address }, now);
}
