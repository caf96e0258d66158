import type { Environment } from '@tollward/protocol';
import type { PipelineDependencies } from '../../gateway/index.js';
import type { Route } from './exchange.js';
import { createIntrospectionRoute, type IntrospectionRouteDependencies } from './oauth-introspect.js';
import { createRevocationRoute, type RevocationRouteDependencies } from './oauth-revoke.js';
import { createTokenRoute, type TokenRouteDependencies } from './oauth-token.js';
import { createPlaygroundRoute } from './playground.js';
import { createKeysRoute, createMetadataRoute, type WellKnownDependencies, wellKnownPaths } from './well-known.js';

export type WireDependencies = TokenRouteDependencies &
  RevocationRouteDependencies &
  Omit<IntrospectionRouteDependencies, 'issuerOf'> &
  WellKnownDependencies &
  PipelineDependencies;

/** The calendar version served beside the legacy paths. */
const calendarVersion = '2026Q3';

/** Every path of the wire surface. conformance/access-matrix.ts has a row for each. */
export function createRoutes(dependencies: WireDependencies): ReadonlyMap<string, Route> {
  const token = createTokenRoute(dependencies);
  const issuerOf = (environment: Environment): string => dependencies.urlOf(environment, 'api');
  const playground = createPlaygroundRoute(dependencies);
  return new Map([
    ['/oauth/token', token],
    [`/${calendarVersion}/oauth/token`, token],
    ['/oauth/revoke', createRevocationRoute(dependencies)],
    ['/oauth/introspect', createIntrospectionRoute({ ...dependencies, issuerOf })],
    [wellKnownPaths.metadata, createMetadataRoute(dependencies)],
    [wellKnownPaths.keys, createKeysRoute(dependencies)],
    ['/v1/authenticated/playground', playground],
    [`/${calendarVersion}/authenticated/playground`, playground],
  ]);
}
