// What the pipeline asks of a call of one route, and how each "no" is called.

import type { Environment, RefusalCode } from '@tollward/protocol';
import { refusalsByStep, refusalsOfForwarding } from '../gateway/index.js';
import type { ProfileParameter, RoutePolicy, TokenRule } from '../gateway/policy/policy.js';
import { forwardedCallSteps } from '../refusals/refusal.js';

type Step = (typeof forwardedCallSteps)[number];

export interface ExplainedStep {
  readonly step: Step;
  readonly asks: string;
  readonly refusals: readonly RefusalCode[];
}

export function explainSteps(route: RoutePolicy, environment: Environment): readonly ExplainedStep[] {
  const refusals = { ...refusalsByStep(route), forward: refusalsOfForwarding };
  const asks: Readonly<Record<Step, string>> = {
    edge: 'The request can be read in one way only, and its address is within its limits.',
    peer: 'Which client certificate is at the other end. It is judged at "binding".',
    token: describeToken(route, environment),
    standing: 'Organisation, client, client secret, certificate and the token itself are in force.',
    binding:
      'The certificate is the one the token is bound to, and in force; the address is one the client may come from.',
    rate: describeRate(route),
    policy: describePolicy(route),
    sca: describeSca(route, environment),
    forward: `A body of at most ${route.maximumBodyBytes} bytes goes to the upstream ${route.upstream}, whose answer is passed on.`,
  };
  return forwardedCallSteps.map((step) => ({ step, asks: asks[step], refusals: refusals[step] }));
}

function describeToken({ anonymous }: RoutePolicy, environment: Environment): string {
  const token = `An access token of ${environment}, unchanged and not expired, in the Authorization header.`;
  return anonymous ? `${token} None is needed; without the header the next asked is "forward".` : token;
}

function describeRate({ anonymous, rateClass }: RoutePolicy): string {
  const client = 'The client is within its limits.';
  if (rateClass === null) return client;
  const { name, limits } = rateClass;
  const shared = `Its calls of "${name}" are at most ${limits.perSecond} a second and ${limits.perMinute} a minute.`;
  return anonymous ? `${client} ${shared} Calls without a token are not counted.` : `${client} ${shared}`;
}

const tokenRuleTexts: Readonly<Record<TokenRule, string>> = {
  client_credentials: 'a client-credentials token of any client',
  embedded: 'a client-credentials token of a client with the embedded model',
  user: 'a user token (not issued yet)',
  personal: 'a personal token (not issued yet)',
};

function describePolicy({ tokens, profile, personalCountries }: RoutePolicy): string {
  const asks = [`The token is ${orList([...tokens].map((rule) => tokenRuleTexts[rule]))}.`];
  if (profile !== null) {
    asks.push(`The profile in the ${describeProfile(profile)} is one that the caller may act for.`);
    if (profile.in === 'query' && profile.optional) {
      asks.push('A call may name none, and the upstream then judges what the caller may see.');
    }
  }
  if (personalCountries !== null) {
    asks.push(`A personal token acts for profiles of ${[...personalCountries].join(', ')} only.`);
  }
  return asks.join(' ');
}

function describeSca({ sca }: RoutePolicy, environment: Environment): string {
  if (sca === null) return 'Nothing.';
  const factors = sca.level === 'high' ? 'two factors each time' : 'once in five minutes';
  const meanwhile =
    environment === 'sandbox'
      ? 'a client whose SCA is switched off passes'
      : 'the setting unsafeNoSca lets such calls pass';
  return `Strong customer authentication (${factors}) for profiles of ${[...sca.countries].join(', ')}. This version can not ask for it; ${meanwhile}.`;
}

function describeProfile(profile: ProfileParameter): string {
  if (profile.in === 'path') return `path, {${profile.name}},`;
  return `query, ${[profile.name, ...profile.aliases].map((name) => `${name}=`).join(' or ')},`;
}

function orList(texts: readonly string[]): string {
  return texts.length < 2 ? texts.join('') : `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`;
}
