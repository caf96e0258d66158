// Every route that wants a bearer token runs these steps in this order, whether it is forwarded or answered here. Each returns
// its own fact or a refusal; only policy data differs per route. The order is written here as plain code and nowhere else.

import { type ClientFacts, checkAddress, noteRefusedUse, takeClientRate } from '../clients/index.js';
import type { RateLimiter, RateLimits } from '../platform/rate-limiter.js';
import { whenKnown } from '../platform/when-known.js';
import { isRefusal, type Refusal } from '../refusals/index.js';
import type { TokenClaims, TokenOpener } from '../tokens/index.js';
import type { UsageRecorder } from '../usage/index.js';
import type { RouteRules } from './policy/policy.js';
import type { ProfileDirectory, ProfileFacts } from './profile-directory.js';
import type { ProtectedCall } from './protected-call.js';
import { checkBinding } from './steps/binding.js';
import { checkTokenKind, findProfile } from './steps/policy.js';
import { takeRouteRate } from './steps/rate.js';
import { checkSca } from './steps/sca.js';
import { checkStanding, confirmStanding, type StandingDependencies } from './steps/standing.js';
import { openBearerToken, refuseTokenInQuery } from './steps/token.js';

/** Of a call with a token. */
export interface AuthenticatedCall {
  readonly claims: TokenClaims;
  readonly client: ClientFacts;
}

/** Of a call without a token, of a route that is open to anybody. */
interface AnonymousCall {
  readonly claims: null;
  readonly client: null;
}

export type AdmittedCall = AuthenticatedCall | AnonymousCall;

export interface PipelineDependencies extends StandingDependencies {
  readonly tokens: TokenOpener;
  readonly clientRates: RateLimiter;
  readonly defaultClientLimits: RateLimits;
  /** Counts of clients in the rate classes of routes. */
  readonly routeRates: RateLimiter;
  readonly profiles: ProfileDirectory;
  /** Lets calls in production pass that need strong customer authentication. */
  readonly unsafeNoSca: boolean;
}

const anonymousCall: AnonymousCall = { claims: null, client: null };

/** A promise only when somebody has to be asked: with everything at hand a call is decided at once. */
export type Judged<Admitted> = Admitted | Refusal | Promise<Admitted | Refusal>;

export function runPipeline(
  call: ProtectedCall,
  rules: RouteRules & { readonly anonymous: false },
  dependencies: PipelineDependencies,
): Judged<AuthenticatedCall>;
export function runPipeline(
  call: ProtectedCall,
  rules: RouteRules,
  dependencies: PipelineDependencies,
): Judged<AdmittedCall>;
export function runPipeline(
  call: ProtectedCall,
  rules: RouteRules,
  dependencies: PipelineDependencies,
): Judged<AdmittedCall> {
  return judge(call, rules, 'counted', dependencies);
}

/**
 * Judges a call again that was admitted, because its body took its time: what was revoked meanwhile is revoked. It counts
 * against no limit a second time, and is no further use of its certificate.
 */
export function confirmAdmission(
  call: ProtectedCall,
  rules: RouteRules,
  dependencies: PipelineDependencies,
): Judged<AdmittedCall> {
  return judge({ ...call, trace: undefined }, rules, 'repeated', dependencies);
}

/** `repeated`: for the second time, which counts against no limit and as no use. */
type Judgement = 'counted' | 'repeated';

function judge(
  call: ProtectedCall,
  rules: RouteRules,
  judgement: Judgement,
  dependencies: PipelineDependencies,
): Judged<AdmittedCall> {
  const { trace } = call;
  trace?.enter('token');
  if (isAnonymous(call, rules)) return refuseTokenInQuery(call) ?? anonymousCall;
  return whenKnown(openBearerToken(call, dependencies.tokens), (claims) => {
    if (isRefusal(claims)) return claims;
    const doubled = refuseTokenInQuery(call);
    if (doubled !== undefined) return { ...doubled, clientId: claims.clientId };

    trace?.enter('standing');
    return whenKnown(checkStanding(call, claims, dependencies), (client) => {
      if (isRefusal(client)) return client;
      return whenKnown(judgeClient(call, rules, { claims, client }, judgement, dependencies), (refused) => {
        if (refused === undefined) return admit(call, { claims, client }, judgement, dependencies);
        if (!restsOnClient(refused)) return refuse(call, client, refused, dependencies);
        return judgeNewerClient(call, rules, { claims, client }, refused, judgement, dependencies);
      });
    });
  });
}

/** Another node may have changed the client a moment ago. The same facts are no news. */
async function judgeNewerClient(
  call: ProtectedCall,
  rules: RouteRules,
  { claims, client }: AuthenticatedCall,
  refused: Refusal,
  judgement: Judgement,
  dependencies: PipelineDependencies,
): Promise<AdmittedCall | Refusal> {
  const { trace } = call;
  trace?.enter('standing');
  const newer = await confirmStanding(call, claims, dependencies);
  if (isRefusal(newer)) return newer;
  if (newer === client) {
    trace?.enter(refused.step);
    return refuse(call, newer, refused, dependencies);
  }
  const again = refused.step === 'binding' ? judgement : 'repeated';
  const stillRefused = await judgeClient(call, rules, { claims, client: newer }, again, dependencies);
  if (stillRefused !== undefined) return refuse(call, newer, stillRefused, dependencies);
  return admit(call, { claims, client: newer }, judgement, dependencies);
}

function refuse(
  { peer, address, now }: ProtectedCall,
  client: ClientFacts,
  refused: Refusal,
  { usage }: PipelineDependencies,
): Refusal {
  noteRefusedUse({ client, secretId: null, peer, address }, now, usage);
  return refused;
}

function admit(
  call: ProtectedCall,
  admitted: AuthenticatedCall,
  judgement: Judgement,
  { usage }: PipelineDependencies,
): AuthenticatedCall {
  if (judgement === 'counted') noteUse(call, admitted.claims, usage);
  return admitted;
}

/** Without a token nobody is known who could own a profile, so a route that names one always needs a token. */
function isAnonymous({ authorization }: ProtectedCall, { anonymous, profile }: RouteRules): boolean {
  return anonymous && authorization === undefined && profile === null;
}

/** Binding, rate, policy and sca, by these facts of the client. A promise only when somebody has to be asked for a profile. */
function judgeClient(
  call: ProtectedCall,
  rules: RouteRules,
  { claims, client }: AuthenticatedCall,
  judgement: Judgement,
  dependencies: PipelineDependencies,
): Refusal | undefined | Promise<Refusal | undefined> {
  const { trace, now, address } = call;
  trace?.enter('binding');
  const elsewhere = checkBinding(call, claims, client) ?? checkAddress(client, address, 'binding');
  if (elsewhere !== undefined) return elsewhere;

  if (judgement === 'counted') {
    trace?.enter('rate');
    const { clientRates, defaultClientLimits, routeRates } = dependencies;
    const limited =
      takeClientRate(client, clientRates, defaultClientLimits, now) ?? takeRouteRate(rules, client, routeRates, now);
    if (limited !== undefined) return limited;
  }

  trace?.enter('policy');
  const otherKind = checkTokenKind(rules, claims, client);
  if (otherKind !== undefined) return otherKind;
  const found = rules.profile === null ? null : findProfile(call, rules.profile, rules, claims, dependencies.profiles);
  const judgeSca = (profile: ProfileFacts | Refusal | null): Refusal | undefined => {
    if (profile !== null && isRefusal(profile)) return profile;
    trace?.enter('sca');
    return checkSca(call, rules, profile, client, dependencies.unsafeNoSca);
  };
  return found instanceof Promise ? found.then(judgeSca) : judgeSca(found);
}

/** Whether facts of the client that are a moment newer could turn it into a yes. */
function restsOnClient({ step, refusal }: Refusal): boolean {
  return step === 'binding' || refusal === 'embedded_model_off' || refusal === 'sca_not_available';
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
