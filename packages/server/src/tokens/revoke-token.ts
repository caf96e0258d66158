// Ends a single access token before its time: by its client (RFC 7009), or by an operator.

import { type Environment, environments } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import {
  type ClientFacts,
  deleteRevokedTokens,
  insertRevokedToken,
  loadClientFacts,
  lockClient,
  raiseClientGeneration,
} from '../clients/index.js';
import type { Database } from '../platform/database/database.js';
import type { RandomBytes } from '../platform/random.js';
import { isRefusal, type Refusal } from '../refusals/index.js';
import { actForClient, type ClientRequestDependencies } from './act-for-client.js';
import { decideRevocation, mostRevokedTokens, type RevocationDecision } from './decide-revocation.js';
import { openNamedToken } from './named-token.js';
import { noteUses } from './note-uses.js';
import type { ClientRequest } from './prove-client.js';
import type { TokenClaims } from './sealed-token.js';
import type { TokenOpener } from './token-opener.js';

interface RevocationDependencies {
  readonly database: Database;
  readonly random: RandomBytes;
  /** Told after the commit and before the caller hears of it, so that this node refuses at once. */
  readonly standingChanged: (environment: Environment, clientId: string) => void;
}

export interface RevokeTokenDependencies extends RevocationDependencies, ClientRequestDependencies {
  readonly tokens: TokenOpener;
  /** So that a client has one unit of work at a time here: they would all wait for its row, each with a connection. */
  readonly inTurn: (clientId: string, work: () => Promise<RevocationDecision>) => Promise<RevocationDecision>;
}

/** What the client hears: that it is proved. A token of another client, and what is no token, get the same answer. */
export interface AnsweredRevocation {
  readonly clientId: string;
}

/** A request to the revocation endpoint. */
export function revokeToken(
  request: ClientRequest,
  dependencies: RevokeTokenDependencies,
): AnsweredRevocation | Refusal | Promise<AnsweredRevocation | Refusal> {
  return actForClient(request, dependencies, async (proved, binding) => {
    const clientId = proved.client.id;
    const claims = await openNamedToken(clientId, request, dependencies.tokens);
    if (claims !== null && isRefusal(claims)) return claims;
    if (claims !== null) await dependencies.inTurn(clientId, () => revokeOwn(claims, request, dependencies));
    noteUses(proved, binding, request, dependencies.usage);
    return { clientId };
  });
}

/** Without a unit of work where there is nothing to do: a client may ask for that as often as it likes. */
async function revokeOwn(
  claims: TokenClaims,
  { environment, now }: ClientRequest,
  dependencies: RevokeTokenDependencies,
): Promise<RevocationDecision> {
  const { clients } = dependencies;
  const isOver = (client: ClientFacts | undefined): boolean => decideRevocation(claims, client, now) === 'nothing';
  // A cache may only say yes.
  return isOver(await clients.get(environment, claims.clientId)) &&
    isOver(await clients.confirm(environment, claims.clientId))
    ? 'nothing'
    : revoke(environment, claims, 'client', now, dependencies);
}

export type RevokedByOperator =
  | { readonly ok: true; readonly clientId: string; readonly tokenId: string; readonly revoked: RevocationDecision }
  | { readonly ok: false; readonly problem: 'unreadable' };

/** Of whichever client and environment the token is. */
export async function revokeAnyToken(
  token: string,
  now: number,
  { tokens, ...dependencies }: RevocationDependencies & { readonly tokens: TokenOpener },
): Promise<RevokedByOperator> {
  for (const environment of environments) {
    const opened = await tokens.open(environment, token);
    if (!opened.ok) continue;
    const { clientId, tokenId } = opened.claims;
    const revoked = await revoke(environment, opened.claims, 'operator', now, dependencies);
    return { ok: true, clientId, tokenId, revoked };
  }
  return { ok: false, problem: 'unreadable' };
}

async function revoke(
  environment: Environment,
  claims: TokenClaims,
  actor: Actor,
  now: number,
  { database, random, standingChanged }: RevocationDependencies,
): Promise<RevocationDecision> {
  const { clientId, tokenId, expiresAt } = claims;
  const decision = await database.transaction(async (tx) => {
    const locked = await lockClient(tx, clientId);
    if (locked === undefined) return 'nothing';
    const decision = decideRevocation(claims, await loadClientFacts(tx, environment, clientId, now), now);
    switch (decision) {
      case 'nothing':
        return decision;
      case 'token': {
        await insertRevokedToken(tx, { environment, clientId, tokenId, expiresAt }, now);
        // What a client does with its own tokens is traffic: its row and the request line tell of it, and the trail is for good.
        if (actor === 'client') return decision;
        const fact = { environment, actor, action: 'token.revoked', subject: tokenId, details: { clientId } };
        await appendAuditEntry(tx, fact, now, random);
        return decision;
      }
      case 'all-tokens': {
        await raiseClientGeneration(tx, locked);
        await deleteRevokedTokens(tx, environment, clientId);
        const details = { reason: `more than ${mostRevokedTokens} single tokens revoked`, tokenId };
        const fact = { environment, actor, action: 'client.tokens_revoked', subject: clientId, details };
        await appendAuditEntry(tx, fact, now, random);
        return decision;
      }
    }
  });
  if (decision !== 'nothing') standingChanged(environment, clientId);
  return decision;
}
