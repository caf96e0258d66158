// Who sends a request to the token, revocation or introspection endpoint (RFC 6749 section 2.3, which RFC 7009 section 2.1
// and RFC 7662 section 2.1 refer to): HTTP Basic alone, and what the connection proved by the same header before.

import type { Environment } from '@tollward/protocol';
import type { Peer } from '../certificates/index.js';
import {
  type AuthenticateClientDependencies,
  authenticateClient,
  type ClientFactsSource,
  type ConnectionProof,
  noteRefusedUse,
  type ProvedClient,
  recallProof,
  rememberProof,
} from '../clients/index.js';
import type { HmacKeyring } from '../platform/keys/hmac-keyring.js';
import type { RequestTrace } from '../platform/observability/tracing.js';
import type { Refusal } from '../refusals/index.js';
import type { UsageRecorder } from '../usage/index.js';

export interface ClientRequest {
  readonly environment: Environment;
  /** `not-asked` on a listener that asks for no certificate. */
  readonly peer: Peer | 'not-asked';
  /** The other end of the connection, for the allow-list of the client and for its last uses. */
  readonly address: string;
  /** Where this client finds the mutual TLS listener. */
  readonly mtlsUrl: string;
  readonly authorization: string | undefined;
  readonly parameters: ReadonlyMap<string, string>;
  readonly now: number;
  /** What the connection proved before. */
  readonly proof: ConnectionProof;
  /** Where somebody collects spans. */
  readonly trace?: RequestTrace | undefined;
}

export interface ProveClientDependencies {
  readonly clients: ClientFactsSource;
  readonly hmacKeys: HmacKeyring;
  readonly onOldHash?: AuthenticateClientDependencies['onOldHash'];
  readonly usage: UsageRecorder;
}

/** The client, when the connection proved it before and all it takes to say yes is at hand. */
export function recallClient(
  { environment, authorization, parameters, now, proof }: ClientRequest,
  { clients, hmacKeys }: ProveClientDependencies,
): ProvedClient | undefined {
  if (authorization === undefined || findBodyCredential(parameters) !== undefined) return undefined;
  return recallProof(proof, environment, authorization, now, clients, hmacKeys);
}

export async function proveClient(
  request: ClientRequest,
  dependencies: ProveClientDependencies,
): Promise<ProvedClient | Refusal> {
  const { environment, authorization, parameters, peer, address, now, proof } = request;
  const bodyCredential = findBodyCredential(parameters);
  if (authorization !== undefined && bodyCredential !== undefined) {
    return {
      refusal: 'client_authentication_repeated',
      step: 'client',
      expected: 'HTTP Basic alone (RFC 6749 section 2.3: one method per request)',
      seen: `an Authorization header and ${bodyCredential} in the body`,
    };
  }
  const authentication = await authenticateClient(environment, authorization, now, dependencies);
  if (authentication.authenticated) {
    if (authorization !== undefined) rememberProof(proof, authorization, authentication);
    return authentication;
  }
  const inBody = bodyCredential === undefined ? '' : `, and ${bodyCredential} in the body`;
  const { code, seen, parameters: filled } = authentication;
  const refusal = {
    refusal: code,
    step: 'client',
    expected: `a client of ${environment} with one of its live secrets, by HTTP Basic`,
    seen: seen + inBody,
    ...(filled && { parameters: filled }),
  } as const;
  if (!('secretId' in authentication)) {
    const { clientNamed } = authentication;
    return clientNamed === undefined ? refusal : { ...refusal, clientNamed };
  }
  const { client, secretId } = authentication;
  noteRefusedUse({ client, secretId, peer, address }, now, dependencies.usage);
  return { ...refusal, clientId: client.id };
}

function findBodyCredential(parameters: ReadonlyMap<string, string>): string | undefined {
  if (parameters.has('client_secret')) return 'client_secret';
  return parameters.has('client_assertion') ? 'client_assertion' : undefined;
}
