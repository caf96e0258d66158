// GET /v1/authenticated/playground: the smoke test of a token and its certificate.

import type { Environment, PlaygroundResponse } from '@tollward/protocol';
import { type AdmittedCall, type PipelineDependencies, runPipeline } from '../../gateway/index.js';
import { isRefusal } from '../../refusals/index.js';
import type { Answer, Route } from './exchange.js';

export function createPlaygroundRoute(dependencies: PipelineDependencies): Route {
  return {
    method: 'GET',
    handle: (exchange, head) => {
      const { environment, connection, mtlsUrl, receivedAt, trace } = exchange;
      const { peer } = connection;
      const address = connection.address.text;
      const call = { environment, peer, address, mtlsUrl, authorization: head.authorization, now: receivedAt, trace };
      return runPipeline(call, dependencies).then((admitted) =>
        isRefusal(admitted) ? admitted : answerAdmitted(environment, admitted),
      );
    },
  };
}

function answerAdmitted(environment: Environment, { claims }: AdmittedCall): Answer {
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
