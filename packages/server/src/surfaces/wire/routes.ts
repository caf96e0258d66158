import type { PipelineDependencies } from '../../gateway/index.js';
import type { Route } from './exchange.js';
import { createTokenRoute, type TokenRouteDependencies } from './oauth-token.js';
import { createPlaygroundRoute } from './playground.js';

export type WireDependencies = TokenRouteDependencies & PipelineDependencies;

/** The calendar version served beside the legacy paths. */
const calendarVersion = '2026Q3';

/** Every path of the wire surface. conformance/access-matrix.ts has a row for each. */
export function createRoutes(dependencies: WireDependencies): ReadonlyMap<string, Route> {
  const token = createTokenRoute(dependencies);
  const playground = createPlaygroundRoute(dependencies);
  return new Map([
    ['/oauth/token', token],
    [`/${calendarVersion}/oauth/token`, token],
    ['/v1/authenticated/playground', playground],
    [`/${calendarVersion}/authenticated/playground`, playground],
  ]);
}
