// The token request of a proved client (RFC 6749 section 3.2): which grant, and the token it gives.

import type { ClientCredentialsTokenResponse } from '@tollward/protocol';
import type { ProvedClient } from '../clients/index.js';
import type { RandomBytes } from '../platform/random.js';
import { isRefusal, type Refusal } from '../refusals/index.js';
import { actForClient, type ClientRequestDependencies } from './act-for-client.js';
import type { Grant, Granted } from './grants/grant.js';
import { grants, grantTypes } from './grants/index.js';
import { noteUses } from './note-uses.js';
import type { ClientRequest } from './prove-client.js';
import { type CertificateBinding, sealToken } from './sealed-token.js';
import type { TokenKeyring } from './token-keyring.js';

export interface IssuedToken {
  readonly clientId: string;
  readonly grantType: string;
  readonly body: ClientCredentialsTokenResponse;
}

export interface IssueTokenDependencies extends ClientRequestDependencies {
  readonly tokenKeys: TokenKeyring;
  readonly random: RandomBytes;
  /** 32 hex digits. */
  readonly newTokenId: () => string;
}

/** A value where all it takes is at hand, which is the case for all but the first request of a connection. */
export function issueToken(
  request: ClientRequest,
  dependencies: IssueTokenDependencies,
): IssuedToken | Refusal | Promise<IssuedToken | Refusal> {
  return actForClient(request, dependencies, issueTo);
}

function issueTo(
  proved: ProvedClient,
  binding: CertificateBinding | null,
  request: ClientRequest,
  dependencies: IssueTokenDependencies,
): IssuedToken | Refusal | Promise<IssuedToken | Refusal> {
  const { client, secretId } = proved;
  const { parameters, now, trace } = request;
  trace?.enter('grant');
  const grantType = parameters.get('grant_type');
  const grant = grants.get(grantType ?? '');
  if (grant === undefined) return { ...refuseGrantType(grantType), clientId: client.id };
  const tokenId = dependencies.newTokenId();
  const granted = grant.handle({ client, secretId, binding, parameters, tokenId, now });
  return granted instanceof Promise
    ? granted.then((result) => seal(result, grant, proved, request, dependencies))
    : seal(granted, grant, proved, request, dependencies);
}

function seal(
  granted: Granted | Refusal,
  { grantType }: Grant,
  proved: ProvedClient,
  request: ClientRequest,
  { tokenKeys, random, usage }: IssueTokenDependencies,
): IssuedToken | Refusal {
  const clientId = proved.client.id;
  if (isRefusal(granted)) return { ...granted, clientId };
  const { environment, now } = request;
  noteUses(proved, granted.claims.binding, request, usage, granted.claims.expiresAt);
  const token = sealToken(environment, granted.claims, tokenKeys.current(environment, now), random);
  return { clientId, grantType, body: granted.respond(token) };
}

function refuseGrantType(grantType: string | undefined): Refusal {
  const supported = grantTypes.join(', ');
  const expected = `grant_type, one of: ${supported}`;
  if (grantType === undefined) {
    return { refusal: 'grant_type_missing', step: 'grant', expected, seen: 'no grant_type in the form body' };
  }
  const seen = /^[\w:.-]{1,100}$/.test(grantType)
    ? `grant_type ${grantType}`
    : `a grant_type of ${grantType.length} characters`;
  return { refusal: 'grant_type_unsupported', step: 'grant', expected, seen, parameters: { supported } };
}
