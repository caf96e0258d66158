// The token request after HTTP: who is it, over which certificate, how often, and which grant.

import type { ClientCredentialsTokenResponse, Environment } from '@tollward/protocol';
import { decideRegisteredCertificate, describePeer, type Peer } from '../certificates/index.js';
import {
  authenticateClient,
  type ClientFacts,
  type ClientFactsSource,
  type ConnectionProof,
  checkAddress,
  noteRefusedUse,
  type ProvedClient,
  recallProof,
  rememberProof,
  takeClientRate,
} from '../clients/index.js';
import type { HmacKeyring } from '../platform/keys/hmac-keyring.js';
import type { RandomBytes } from '../platform/random.js';
import type { RateLimiter, RateLimits } from '../platform/rate-limiter.js';
import { isRefusal, type Refusal } from '../refusals/index.js';
import type { UsageRecorder } from '../usage/index.js';
import type { Grant, Granted } from './grants/grant.js';
import { grants } from './grants/index.js';
import { type CertificateBinding, sealToken, type TokenClaims } from './sealed-token.js';
import type { TokenKeyring } from './token-keyring.js';

export interface TokenRequest {
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
}

export interface IssuedToken {
  readonly clientId: string;
  readonly grantType: string;
  readonly body: ClientCredentialsTokenResponse;
}

export interface IssueTokenDependencies {
  readonly clients: ClientFactsSource;
  readonly hmacKeys: HmacKeyring;
  readonly tokenKeys: TokenKeyring;
  readonly clientRates: RateLimiter;
  readonly defaultClientLimits: RateLimits;
  readonly usage: UsageRecorder;
  readonly random: RandomBytes;
  /** 32 hex digits. */
  readonly newTokenId: () => string;
}

/** A value where all it takes is at hand, which is the case for all but the first request of a connection. */
export function issueToken(
  request: TokenRequest,
  dependencies: IssueTokenDependencies,
): IssuedToken | Refusal | Promise<IssuedToken | Refusal> {
  const recalled = recallClient(request, dependencies);
  if (recalled !== undefined) return issueTo(recalled, request, dependencies);
  return proveClient(request, dependencies).then((proved) =>
    isRefusal(proved) ? proved : issueTo(proved, request, dependencies),
  );
}

function issueTo(
  proved: ProvedClient,
  request: TokenRequest,
  dependencies: IssueTokenDependencies,
): IssuedToken | Refusal | Promise<IssuedToken | Refusal> {
  const outcome = judgeAndIssue(proved, request, dependencies);
  return outcome instanceof Promise
    ? outcome.then((result) => noteIfRefused(result, proved, request, dependencies))
    : noteIfRefused(outcome, proved, request, dependencies);
}

function noteIfRefused(
  outcome: IssuedToken | Refusal,
  proved: ProvedClient,
  request: TokenRequest,
  { usage }: IssueTokenDependencies,
): IssuedToken | Refusal {
  if (isRefusal(outcome)) noteRefusedUse({ ...proved, ...placeOf(request) }, request.now, usage);
  return outcome;
}

function judgeAndIssue(
  { client, secretId }: ProvedClient,
  request: TokenRequest,
  dependencies: IssueTokenDependencies,
): IssuedToken | Refusal | Promise<IssuedToken | Refusal> {
  const { parameters, now } = request;
  const unfit = checkProvedClient(request, client);
  if (unfit !== undefined) return unfit;

  const binding = decideBinding(request, client);
  if (binding !== null && isRefusal(binding)) return { ...binding, clientId: client.id };

  const elsewhere = checkAddress(client, request.address, 'peer');
  if (elsewhere !== undefined) return elsewhere;

  const rate = takeClientRate(client, dependencies.clientRates, dependencies.defaultClientLimits, now);
  if (rate !== undefined) return rate;

  const grantType = parameters.get('grant_type');
  const grant = grants.get(grantType ?? '');
  if (grant === undefined) return { ...refuseGrantType(grantType), clientId: client.id };
  const tokenId = dependencies.newTokenId();
  const granted = grant.handle({ client, secretId, binding, parameters, tokenId, now });
  return granted instanceof Promise
    ? granted.then((result) => seal(result, grant, client, request, dependencies))
    : seal(granted, grant, client, request, dependencies);
}

/** The token stands on both, so both were used. */
function noteUses(
  { clientId, secretId, binding, expiresAt }: TokenClaims,
  request: TokenRequest,
  usage: UsageRecorder,
) {
  const { environment, address, now } = request;
  const certificateId = binding?.certificateId ?? null;
  usage.used({ environment, clientId, credentialId: secretId, certificateId, address }, now, expiresAt);
  if (certificateId !== null) {
    usage.used({ environment, clientId, credentialId: certificateId, certificateId, address }, now);
  }
}

function seal(
  granted: Granted | Refusal,
  grant: Grant,
  client: ClientFacts,
  request: TokenRequest,
  { tokenKeys, random, usage }: IssueTokenDependencies,
): IssuedToken | Refusal {
  if (isRefusal(granted)) return { ...granted, clientId: client.id };
  const { environment, now } = request;
  noteUses(granted.claims, request, usage);
  const token = sealToken(environment, granted.claims, tokenKeys.current(environment, now), random);
  return { clientId: client.id, grantType: grant.grantType, body: granted.respond(token) };
}

function recallClient(
  { environment, authorization, parameters, now, proof }: TokenRequest,
  { clients }: IssueTokenDependencies,
): ProvedClient | undefined {
  if (authorization === undefined || findBodyCredential(parameters) !== undefined) return undefined;
  return recallProof(proof, environment, authorization, now, clients);
}

async function proveClient(
  request: TokenRequest,
  dependencies: IssueTokenDependencies,
): Promise<ProvedClient | Refusal> {
  const { environment, authorization, parameters, now, proof } = request;
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
  noteRefusedUse({ client, secretId, ...placeOf(request) }, now, dependencies.usage);
  return { ...refusal, clientId: client.id };
}

/** Where the request came from. */
function placeOf({ peer, address }: TokenRequest) {
  return { peer, address };
}

function findBodyCredential(parameters: ReadonlyMap<string, string>): string | undefined {
  if (parameters.has('client_secret')) return 'client_secret';
  return parameters.has('client_assertion') ? 'client_assertion' : undefined;
}

/** What can still be wrong once the secret is proved, and may therefore be said openly. */
function checkProvedClient({ parameters }: TokenRequest, client: ClientFacts): Refusal | undefined {
  if (client.revokedAt !== null) {
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
  const expected = `a certificate registered for client ${client.id} and in force (${client.certificates.size} registered)`;
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
    return { refusal: code, step: 'peer', expected, seen, parameters };
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
