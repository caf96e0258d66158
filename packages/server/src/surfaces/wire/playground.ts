// GET /v1/authenticated/playground: the smoke test of a token and its certificate.

import type { Environment, PlaygroundResponse } from '@tollward/protocol';
import { type AuthenticatedCall, type PipelineDependencies, runPipeline } from '../../gateway/index.js';
import { whenKnown } from '../../platform/when-known.js';
import { isRefusal } from '../../refusals/index.js';
import type { Answer, Route } from './exchange.js';
import { protectedCallOf } from './protected-call-of.js';

/** Open to every token there is, and for no profile. */
export const playgroundRules = {
  tokens: new Set(['client_credentials', 'user', 'personal'] as const),
  anonymous: false,
  profile: null,
  personalCountries: null,
  sca: null,
  rateClass: null,
} as const;

export function createPlaygroundRoute(dependencies: PipelineDependencies): Route {
  return {
    method: 'GET',
    handle: (exchange, head) => {
      const { environment, receivedAt, trace } = exchange;
      const call = protectedCallOf(exchange, head, {}, receivedAt);
      return whenKnown(runPipeline(call, playgroundRules, dependencies), (admitted) => {
        if (isRefusal(admitted)) return admitted;
        trace?.enter('answer');
        return answerAdmitted(environment, admitted);
      });
    },
  };
}

function answerAdmitted(environment: Environment, { claims }: AuthenticatedCall): Answer {
  const body: PlaygroundResponse = {
    authenticated: true,
    environment,
    clientId: claims.clientId,
    tokenKind: claims.kind,
    certificateThumbprint: claims.binding?.thumbprint ?? null,
    tokenExpiresAt: new Date(claims.expiresAt).toISOString(),
  };
  return { status: 200, body: JSON.stringify(body), clientId: claims.clientId };
}
