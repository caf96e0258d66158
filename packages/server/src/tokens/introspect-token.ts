// What a client is told of its own tokens (RFC 7662). Of everything else only that it is not active: not why, and not whose.

import { decideRegisteredCertificate } from '../certificates/index.js';
import type { ClientFacts } from '../clients/index.js';
import { isRefusal, type Refusal } from '../refusals/index.js';
import { actForClient, type ClientRequestDependencies } from './act-for-client.js';
import { decideStanding } from './decide-standing.js';
import { openNamedToken } from './named-token.js';
import { noteUses } from './note-uses.js';
import type { ClientRequest } from './prove-client.js';
import type { TokenClaims } from './sealed-token.js';
import type { TokenOpener } from './token-opener.js';

export interface IntrospectTokenDependencies extends ClientRequestDependencies {
  readonly tokens: TokenOpener;
}

export interface Introspection {
  readonly clientId: string;
  /** Null: not active. */
  readonly active: TokenClaims | null;
}

/** A request to the introspection endpoint. */
export function introspectToken(
  request: ClientRequest,
  dependencies: IntrospectTokenDependencies,
): Introspection | Refusal | Promise<Introspection | Refusal> {
  return actForClient(request, dependencies, async (proved, binding) => {
    const { client } = proved;
    const { environment, now } = request;
    const claims = await openNamedToken(client.id, request, dependencies.tokens);
    if (claims !== null && isRefusal(claims)) return claims;
    noteUses(proved, binding, request, dependencies.usage);
    if (claims === null) return { clientId: client.id, active: null };
    // A cache may only say yes.
    const isInForce =
      isActive(claims, client, now) ||
      isActive(claims, await dependencies.clients.confirm(environment, client.id), now);
    return { clientId: client.id, active: isInForce ? claims : null };
  });
}

/** Whether a call with the token would be admitted now, over its certificate and from an allowed address. */
function isActive(claims: TokenClaims, client: ClientFacts | undefined, now: number): boolean {
  if (client === undefined || now >= claims.expiresAt || !decideStanding(claims, client, now).inForce) return false;
  if (claims.binding === null) return !client.mtlsRequired;
  const certificate = client.certificates.get(claims.binding.thumbprint);
  return certificate !== undefined && decideRegisteredCertificate(certificate, now).accepted;
}
