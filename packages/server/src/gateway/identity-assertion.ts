// Who calls, as the upstream learns it: a compact JWS (RFC 7515) of claims (RFC 7519) by our published keys, with a type of its
// own (RFC 8725 section 3.11) so that it passes for no other token. It states facts of the token only, so one signature serves
// every call with that token for a while. It is attached after the checks of the call itself.

import type { Environment } from '@tollward/protocol';
import { LRUCache } from 'lru-cache';
import type { SigningKeys, TokenClaims } from '../tokens/index.js';
import type { AdmittedCall } from './pipeline.js';

/** The request header that carries it. */
export const assertionHeader = 'tollward-assertion';

export interface IdentityAssertions {
  /** About a call that was admitted. `audience` is the name of the upstream, `now` the moment the call is sent there. */
  of(environment: Environment, audience: string, admitted: AdmittedCall, now: number): string;
  /** About a question that Tollward asks for itself. */
  ofTollward(environment: Environment, audience: string, now: number): string;
}

export interface IdentityAssertionsDependencies {
  readonly signingKeys: Pick<SigningKeys, 'sign'>;
  /** Base URL of the api listener of the environment. */
  readonly issuerOf: (environment: Environment) => string;
  readonly maximumKept?: number;
}

interface Signed {
  readonly assertion: string;
  readonly at: number;
}

type Kept = LRUCache<TokenClaims | 'anonymous' | 'tollward', Signed>;

const assertionType = 'tollward-assertion+jwt';
const lifetimeSeconds = 60;
/** Half of the lifetime, so that each is good for the other half when it is sent. */
const reusedMs = 30_000;

export function createIdentityAssertions(dependencies: IdentityAssertionsDependencies): IdentityAssertions {
  const { signingKeys, issuerOf, maximumKept = 10_000 } = dependencies;
  // What a token says is one object for as long as it is remembered, and found faster than any text of its length.
  const kept = { sandbox: new Map<string, Kept>(), production: new Map<string, Kept>() };

  const keptFor = (environment: Environment, audience: string): Kept => {
    const known = kept[environment].get(audience);
    if (known !== undefined) return known;
    const fresh: Kept = new LRUCache({ max: maximumKept });
    kept[environment].set(audience, fresh);
    return fresh;
  };

  const assert = (
    environment: Environment,
    audience: string,
    caller: AdmittedCall | 'tollward',
    now: number,
  ): string => {
    const ofAudience = keptFor(environment, audience);
    const key = caller === 'tollward' ? caller : (caller.claims ?? 'anonymous');
    const known = ofAudience.get(key);
    if (known !== undefined && now >= known.at && now - known.at < reusedMs) return known.assertion;
    const iat = Math.floor(now / 1_000);
    const claims = {
      iss: issuerOf(environment),
      aud: audience,
      iat,
      exp: iat + lifetimeSeconds,
      environment,
      ...describe(caller),
    };
    const assertion = signingKeys.sign(environment, { typ: assertionType }, claims, now);
    ofAudience.set(key, { assertion, at: now });
    return assertion;
  };

  return {
    of: assert,
    ofTollward: (environment, audience, now) => assert(environment, audience, 'tollward', now),
  };
}

function describe(caller: AdmittedCall | 'tollward'): object {
  if (caller === 'tollward') return { sub: 'tollward', token_kind: 'tollward' };
  const { claims, client } = caller;
  if (claims === null) return { sub: 'anonymous', token_kind: 'anonymous' };
  return { sub: client.id, token_kind: claims.kind, client_id: client.id, organisation_id: client.organisationId };
}
