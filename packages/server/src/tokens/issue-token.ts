// The token request after HTTP: who is it, over which certificate, how often, and which grant.

import type { ClientCredentialsTokenResponse, Environment } from '@tollward/protocol';
import { decideRegisteredCertificate, describePeer, type Peer } from '../certificates/index.js';
import {
  authenticateClient,
  type ClientFacts,
  type ClientFactsSource,
  type ProvedClient,
  type RememberedProofs,
  takeClientRate,
} from '../clients/index.js';
import type { HmacKeyring } from '../platform/keys/hmac-keyring.js';
import type { RandomBytes } from '../platform/random.js';
import type { RateLimiter, RateLimits } from '../platform/rate-limiter.js';
import { isRefusal, type Refusal } from '../refusals/index.js';
import { grants } from './grants/index.js';
import { type CertificateBinding, sealToken } from './sealed-token.js';
import type { TokenKeyring } from './token-keyring.js';

export interface TokenRequest {
  readonly environment: Environment;
  /** `not-asked` on a listener that asks for no certificate. */
  readonly peer: Peer | 'not-asked';
  /** Where this client finds the mutual TLS listener. */
  readonly mtlsUrl: string;
  readonly authorization: string | undefined;
  readonly parameters: ReadonlyMap<string, string>;
  readonly now: number;
}

export interface IssuedToken {
  readonly clientId: string;
  readonly grantType: string;
  readonly body: ClientCredentialsTokenResponse;
}

export interface IssueTokenDependencies {
  readonly clients: ClientFactsSource;
  readonly proofs: RememberedProofs;
  readonly hmacKeys: HmacKeyring;
  readonly tokenKeys: TokenKeyring;
  readonly clientRates: RateLimiter;
  readonly defaultClientLimits: RateLimits;
  readonly random: RandomBytes;
}

export async function issueToken(
  request: TokenRequest,
  dependencies: IssueTokenDependencies,
): Promise<IssuedToken | Refusal> {
  const { environment, parameters, now } = request;
  const proved = recallClient(request, dependencies) ?? (await proveClient(request, dependencies));
  if (isRefusal(proved)) return proved;
  const unfit = checkProvedClient(request, proved.client);
  if (unfit !== undefined) return unfit;
  const { client, secretId } = proved;

  const binding = decideBinding(request, client);
  if (binding !== null && isRefusal(binding)) return { ...binding, clientId: client.id };

  const rate = takeClientRate(client, dependencies.clientRates, dependencies.defaultClientLimits, now);
  if (rate !== undefined) return rate;

  const grantType = parameters.get('grant_type');
  const grant = grants.get(grantType ?? '');
  if (grant === undefined) return { ...refuseGrantType(grantType), clientId: client.id };
  const tokenId = dependencies.random(16).toString('hex');
  const handled = grant.handle({ client, secretId, binding, parameters, tokenId, now });
  const granted = handled instanceof Promise ? await handled : handled;
  if (isRefusal(granted)) return { ...granted, clientId: client.id };
  const token = sealToken(
    environment,
    granted.claims,
    dependencies.tokenKeys.current(environment, now),
    dependencies.random,
  );
  return { clientId: client.id, grantType: grant.grantType, body: granted.respond(token) };
}

function recallClient(
  { environment, authorization, parameters, now }: TokenRequest,
  { proofs, clients }: IssueTokenDependencies,
): ProvedClient | undefined {
  if (authorization === undefined || findBodyCredential(parameters) !== undefined) return undefined;
  return proofs.recall(environment, authorization, now, clients);
}

async function proveClient(
  { environment, authorization, parameters, now }: TokenRequest,
  dependencies: IssueTokenDependencies,
): Promise<ProvedClient | Refusal> {
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
    if (authorization !== undefined) dependencies.proofs.remember(environment, authorization, authentication);
    return authentication;
  }
  const inBody = bodyCredential === undefined ? '' : `, and ${bodyCredential} in the body`;
  return {
    refusal: 'client_authentication_failed',
    step: 'client',
    expected: `a client of ${environment} with one of its live secrets, by HTTP Basic`,
    seen: authentication.seen + inBody,
    ...(authentication.clientNamed === undefined ? {} : { clientNamed: authentication.clientNamed }),
  };
}

function findBodyCredential(parameters: ReadonlyMap<string, string>): string | undefined {
  if (parameters.has('client_secret')) return 'client_secret';
  return parameters.has('client_assertion') ? 'client_assertion' : undefined;
}

/** What can still be wrong once the secret is proved, and may therefore be said openly. */
function checkProvedClient({ parameters, now }: TokenRequest, client: ClientFacts): Refusal | undefined {
  if (client.revokedAt !== null && client.revokedAt <= now) {
    const seen = `client ${client.id}, revoked at ${new Date(client.revokedAt).toISOString()}`;
    return {
      refusal: 'client_revoked',
      step: 'client',
      expected: 'a client that is in force',
      seen,
      clientId: client.id,
    };
  }
  const bodyClientId = parameters.get('client_id');
  if (bodyClientId === undefined || bodyClientId === client.id) return undefined;
  return {
    refusal: 'client_id_mismatch',
    step: 'client',
    expected: `client_id ${client.id}, as in the Authorization header, or none`,
    seen: 'another client_id in the body',
    clientId: client.id,
  };
}

/** The matrix of client switch, listener and certificate: which certificate the token gets bound to, if any. */
function decideBinding({ peer, mtlsUrl, now }: TokenRequest, client: ClientFacts): CertificateBinding | null | Refusal {
  const expected = `one of the ${client.certificates.size} certificates registered for client ${client.id}, in force`;
  if (peer === 'not-asked') {
    if (!client.mtlsRequired) return null;
    const seen = 'a request on the listener without client certificates';
    return {
      refusal: 'mtls_required',
      step: 'peer',
      expected: `a request at ${mtlsUrl} with ${expected}`,
      seen,
      parameters: { mtlsUrl },
    };
  }
  if (peer === null) {
    if (!client.mtlsRequired) return null;
    return {
      refusal: 'certificate_missing',
      step: 'peer',
      expected,
      seen: 'a TLS connection without a client certificate',
    };
  }
  const registered = client.certificates.get(peer.thumbprint);
  if (registered === undefined) {
    return { refusal: 'certificate_not_registered', step: 'peer', expected, seen: describePeer(peer) };
  }
  const verdict = decideRegisteredCertificate(registered, now);
  if (!verdict.accepted) {
    const { code, seen, parameters } = verdict;
    return { refusal: code, step: 'peer', expected, seen, ...(parameters === undefined ? {} : { parameters }) };
  }
  return { certificateId: registered.id, thumbprint: registered.thumbprint };
}

function refuseGrantType(grantType: string | undefined): Refusal {
  const supported = [...grants.keys()].join(', ');
  const expected = `grant_type, one of: ${supported}`;
  if (grantType === undefined) {
    return { refusal: 'grant_type_missing', step: 'grant', expected, seen: 'no grant_type in the form body' };
  }
  const seen = /^[\w:.-]{1,100}$/.test(grantType)
    ? `grant_type ${grantType}`
    : `a grant_type of ${grantType.length} characters`;
  return { refusal: 'grant_type_unsupported', step: 'grant', expected, seen, parameters: { supported } };
}
