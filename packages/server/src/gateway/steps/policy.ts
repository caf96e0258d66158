// What the policy of the route asks of a token: its kind, and for which profile it may act.

import type { ClientFacts } from '../../clients/index.js';
import { isRefusal, type Refusal } from '../../refusals/index.js';
import type { TokenClaims } from '../../tokens/index.js';
import { decideRegion, decideTokenKind } from '../decide-access.js';
import { type ParsedProfileId, parseProfileId } from '../parse-profile-id.js';
import type { ProfileParameter, RouteRules, TokenRule } from '../policy/policy.js';
import type { FoundProfile, ProfileDirectory, ProfileFacts } from '../profile-directory.js';
import type { ProtectedCall } from '../protected-call.js';

export function checkTokenKind(
  { tokens }: RouteRules,
  { kind }: TokenClaims,
  { id: clientId, embeddedModel }: ClientFacts,
): Refusal | undefined {
  const verdict = decideTokenKind(tokens, kind, embeddedModel);
  if (verdict === 'allowed') return undefined;
  const allowed = [...tokens].map((rule) => tokenNames[rule]).join(' or ');
  const sent = tokenNames[kind];
  const seen = verdict === 'embedded_model_off' ? `${sent}, and the embedded model switched off` : sent;
  const parameters = { kind: sent, allowed };
  return { refusal: verdict, step: 'policy', expected: allowed, seen, parameters, clientId };
}

const tokenNames: Readonly<Record<TokenRule, string>> = {
  client_credentials: 'a client-credentials token',
  embedded: 'a client-credentials token of a client with the embedded model',
  user: 'a user token',
  personal: 'a personal token',
};

/**
 * The profile that the call is about, if the caller may act for it; null when it names none and need not. A promise only when
 * the upstream has to be asked.
 */
export function findProfile(
  { environment, parameters, query }: ProtectedCall,
  parameter: ProfileParameter,
  rules: RouteRules,
  claims: TokenClaims,
  profiles: ProfileDirectory,
): ProfileFacts | null | Refusal | Promise<ProfileFacts | Refusal> {
  const { clientId } = claims;
  const parsed = parseProfileId(parameter, parameters, query);
  if (!parsed.ok) return refuseParameter(parameter, parsed, clientId);
  const { profileId } = parsed;
  if (profileId === null) return null;
  const judge = (found: FoundProfile) => judgeProfile(found, profileId, rules, claims);
  const found = profiles.find(environment, profileId, clientId);
  return found instanceof Promise ? found.then(judge) : judge(found);
}

function refuseParameter(
  rule: ProfileParameter,
  { problem, parameter, seen }: Extract<ParsedProfileId, { ok: false }>,
  clientId: string,
): Refusal {
  const names = rule.in === 'path' ? [rule.name] : [rule.name, ...rule.aliases];
  const expected = `the id of a profile, once, in plain digits, as ${names.join(' or ')} in the ${rule.in}`;
  return { refusal: problem, step: 'policy', expected, seen, parameters: { parameter }, clientId };
}

/** A foreign and an absent profile get the same answer: who asks must not learn which ids there are. */
function judgeProfile(
  found: FoundProfile,
  profileId: string,
  { personalCountries }: RouteRules,
  { kind, clientId }: TokenClaims,
): ProfileFacts | Refusal {
  if (found !== 'unknown' && isRefusal(found)) return { ...found, step: 'policy', clientId };
  if (found === 'unknown' || found.clientId !== clientId) {
    return {
      refusal: 'profile_not_accessible',
      step: 'policy',
      expected: `a profile that client ${clientId} made`,
      seen: `profile ${profileId}, ${describeOwner(found)}`,
      clientId,
    };
  }
  if (decideRegion(personalCountries, kind, found.country) === 'allowed') return found;
  return {
    refusal: 'region_not_allowed',
    step: 'policy',
    expected: `a profile of ${[...(personalCountries ?? [])].join(', ')}`,
    seen: `profile ${profileId}, of ${found.country}`,
    parameters: { country: found.country },
    clientId,
  };
}

function describeOwner(found: ProfileFacts | 'unknown'): string {
  if (found === 'unknown') return 'which the upstream does not know';
  return found.clientId === null ? 'which no client made' : `made by client ${found.clientId}`;
}
