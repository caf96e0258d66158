// The way that requests to the token, revocation and introspection endpoints share: who is it, over which certificate, from
// where, how often. Then the endpoint acts.

import { noteRefusedUse, type ProvedClient, takeClientRate } from '../clients/index.js';
import type { RateLimiter, RateLimits } from '../platform/rate-limiter.js';
import { isRefusal, type Refusal } from '../refusals/index.js';
import { judgeClient } from './judge-client.js';
import { type ClientRequest, type ProveClientDependencies, proveClient, recallClient } from './prove-client.js';
import type { CertificateBinding } from './sealed-token.js';

export interface ClientRequestDependencies extends ProveClientDependencies {
  readonly clientRates: RateLimiter;
  readonly defaultClientLimits: RateLimits;
}

/** What an endpoint does for a client that is proved, whose certificate is judged and whose limits are kept. */
type Act<Dependencies, Outcome> = (
  proved: ProvedClient,
  binding: CertificateBinding | null,
  request: ClientRequest,
  dependencies: Dependencies,
) => Outcome | Refusal | Promise<Outcome | Refusal>;

/** A value where all it takes is at hand, which is the case for all but the first request of a connection. */
export function actForClient<Dependencies extends ClientRequestDependencies, Outcome extends object>(
  request: ClientRequest,
  dependencies: Dependencies,
  act: Act<Dependencies, Outcome>,
): Outcome | Refusal | Promise<Outcome | Refusal> {
  request.trace?.enter('client');
  const recalled = recallClient(request, dependencies);
  if (recalled !== undefined) return judgeAndAct(recalled, request, dependencies, act);
  return proveClient(request, dependencies).then((proved) =>
    isRefusal(proved) ? proved : judgeAndAct(proved, request, dependencies, act),
  );
}

function judgeAndAct<Dependencies extends ClientRequestDependencies, Outcome extends object>(
  proved: ProvedClient,
  request: ClientRequest,
  dependencies: Dependencies,
  act: Act<Dependencies, Outcome>,
): Outcome | Refusal | Promise<Outcome | Refusal> {
  const binding = judgeClient(proved.client, request);
  if (binding !== null && isRefusal(binding)) return judgeAgain(binding, proved, request, dependencies, act);
  return actWithinLimits(proved, binding, request, dependencies, act);
}

/**
 * A cache may only say yes: another node may have registered the certificate a moment ago. Other facts than before are
 * judged from the secret on, once; the same facts are no news.
 */
async function judgeAgain<Dependencies extends ClientRequestDependencies, Outcome extends object>(
  refusal: Refusal,
  proved: ProvedClient,
  request: ClientRequest,
  dependencies: Dependencies,
  act: Act<Dependencies, Outcome>,
): Promise<Outcome | Refusal> {
  const { client } = proved;
  if ((await dependencies.clients.confirm(request.environment, client.id)) === client)
    return noteIfRefused(refusal, proved, request, dependencies);
  request.trace?.enter('client');
  const again = recallClient(request, dependencies) ?? (await proveClient(request, dependencies));
  if (isRefusal(again)) return again;
  const binding = judgeClient(again.client, request);
  if (binding !== null && isRefusal(binding)) return noteIfRefused(binding, again, request, dependencies);
  return actWithinLimits(again, binding, request, dependencies, act);
}

function actWithinLimits<Dependencies extends ClientRequestDependencies, Outcome extends object>(
  proved: ProvedClient,
  binding: CertificateBinding | null,
  request: ClientRequest,
  dependencies: Dependencies,
  act: Act<Dependencies, Outcome>,
): Outcome | Refusal | Promise<Outcome | Refusal> {
  const { clientRates, defaultClientLimits } = dependencies;
  request.trace?.enter('rate');
  const outcome =
    takeClientRate(proved.client, clientRates, defaultClientLimits, request.now) ??
    act(proved, binding, request, dependencies);
  return outcome instanceof Promise
    ? outcome.then((result) => noteIfRefused(result, proved, request, dependencies))
    : noteIfRefused(outcome, proved, request, dependencies);
}

function noteIfRefused<Outcome extends object>(
  outcome: Outcome | Refusal,
  { client, secretId }: ProvedClient,
  { peer, address, now }: ClientRequest,
  { usage }: ClientRequestDependencies,
): Outcome | Refusal {
  if (isRefusal(outcome)) noteRefusedUse({ client, secretId, peer, address }, now, usage);
  return outcome;
}
