// Asks the upstream for what the gateway has to know of a profile.

import type { Environment } from '@tollward/protocol';
import type { Upstream } from '../platform/upstreams/upstream.js';
import type { UpstreamPools } from '../platform/upstreams/upstream-pools.js';
import type { UpstreamProblem } from '../platform/upstreams/upstream-problem.js';
import type { Refusal } from '../refusals/index.js';
import { isCountry } from './country-codes.js';
import { assertionHeader, type IdentityAssertions } from './identity-assertion.js';
import type { Policies } from './policy/open-policies.js';
import type { FoundProfile, ProfileFacts } from './profile-directory.js';

export interface ProfileQuestionDependencies {
  readonly policies: Policies;
  readonly upstreams: UpstreamPools;
  readonly assertions: IdentityAssertions;
  readonly clock: () => number;
  readonly newTraceId: () => string;
}

/** More is no answer to this question. */
const maximumAnswerBytes = 16 * 1024;

export function createProfileQuestion(
  dependencies: ProfileQuestionDependencies,
): (environment: Environment, profileId: string) => Promise<FoundProfile> {
  const { policies, upstreams, assertions, clock, newTraceId } = dependencies;
  return async (environment, profileId) => {
    const { policy } = policies.of(environment);
    const description = policy.profiles && policy.upstreams.get(policy.profiles.upstream);
    if (policy.profiles === null || !description)
      throw new Error('the policy does not say where profiles are asked for');
    const { name } = description;
    const upstream = upstreams.of(environment, description);
    if (upstream === undefined) return refuse(name, 'no address of it in the policy or the settings');
    const headers = [
      'accept',
      'application/json',
      assertionHeader,
      assertions.ofTollward(environment, name, clock()),
      'x-trace-id',
      newTraceId(),
    ];
    const path = policy.profiles.path.replace('{profileId}', profileId);
    const answer = await get(upstream, path, headers, description.answerSeconds * 1_000);
    if ('kind' in answer) return refuse(name, answer.evidence);
    if (answer.status === 404) return 'unknown';
    const facts = answer.status === 200 ? parseFacts(answer.body, profileId) : undefined;
    return facts ?? refuse(name, `status ${answer.status} and no facts of the profile`);
  };
}

interface SmallAnswer {
  readonly status: number;
  readonly body: string;
}

/** Every call for the profile waits for it, so it has a time for the whole answer. */
function get(
  upstream: Upstream,
  path: string,
  headers: string[],
  longestMs: number,
): Promise<SmallAnswer | UpstreamProblem> {
  return new Promise((answered) => {
    const resolve = (outcome: SmallAnswer | UpstreamProblem): void => {
      clearTimeout(late);
      answered(outcome);
    };
    const giveUp = (kind: 'failed' | 'timeout', evidence: string): void => {
      call.abort();
      resolve({ kind, evidence, detail: evidence });
    };
    const late = setTimeout(() => giveUp('timeout', 'no whole answer in time'), longestMs);
    const chunks: Buffer[] = [];
    let status = 0;
    let received = 0;
    const call = upstream.send(
      { holder: undefined, method: 'GET', path, headers, body: null },
      {
        onHead: (told) => {
          status = told;
        },
        onData: (chunk) => {
          received += chunk.length;
          chunks.push(chunk);
          if (received > maximumAnswerBytes) giveUp('failed', 'an answer that is too long');
          return true;
        },
        onEnd: () => resolve({ status, body: Buffer.concat(chunks).toString('utf8') }),
        onProblem: resolve,
      },
    );
  });
}

/** Undefined for what is not the facts of this profile. */
function parseFacts(text: string, profileId: string): ProfileFacts | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('id' in value) || !('country' in value)) return undefined;
  const { id, country } = value;
  const clientId = 'clientId' in value ? value.clientId : undefined;
  // An id above 2^53 is rounded by JSON.parse, so it is compared only where it is exact.
  if (String(id) !== profileId && !(typeof id === 'number' && id > Number.MAX_SAFE_INTEGER)) return undefined;
  if (typeof country !== 'string' || !isCountry(country)) return undefined;
  if (clientId !== null && typeof clientId !== 'string') return undefined;
  return { id: profileId, country, clientId };
}

/** Whatever became of the question: the request of the partner was not sent, and that is what it has to know. */
function refuse(upstream: string, seen: string): Refusal {
  return {
    refusal: 'upstream_unreachable',
    step: 'policy',
    expected: `facts of the profile from the upstream ${upstream}`,
    seen,
  };
}
