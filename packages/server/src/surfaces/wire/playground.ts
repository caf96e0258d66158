// GET /v1/authenticated/playground: the smoke test of a token and its certificate.

import type { PlaygroundResponse } from '@tollward/protocol';
import { type PipelineDependencies, runPipeline } from '../../gateway/index.js';
import { isRefusal } from '../../refusals/index.js';
import type { Route } from './exchange.js';

export function createPlaygroundRoute(dependencies: PipelineDependencies): Route {
  return {
    method: 'GET',
    handle: async (exchange, head) => {
      const { environment, connection, mtlsUrl, receivedAt } = exchange;
      const admitted = await runPipeline(
        { environment, peer: connection.peer, mtlsUrl, authorization: head.authorization, now: receivedAt },
        dependencies,
      );
      if (isRefusal(admitted)) return admitted;
      const { claims } = admitted;
      const body: PlaygroundResponse = {
        authenticated: true,
        environment,
        clientId: claims.clientId,
        tokenKind: claims.kind,
        certificateThumbprint: claims.binding?.thumbprint ?? null,
        tokenExpiresAt: new Date(claims.expiresAt).toISOString(),
      };
      return { status: 200, body: JSON.stringify(body), clientId: claims.clientId };
    },
  };
}
