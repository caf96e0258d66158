import type { Environment } from '@tollward/protocol';
import { calendarVersion, type PipelineDependencies, type RoutePolicy } from '../../gateway/index.js';
import type { FoundRoute, Route } from './exchange.js';
import { createIntrospectionRoute, type IntrospectionRouteDependencies } from './oauth-introspect.js';
import { createRevocationRoute, type RevocationRouteDependencies } from './oauth-revoke.js';
import { createTokenRoute, type TokenRouteDependencies } from './oauth-token.js';
import { createOpenApiRoute, type OpenApiDependencies } from './openapi.js';
import { createPlaygroundRoute } from './playground.js';
import type { ForwardedRoutes } from './protected.js';
import { createKeysRoute, createMetadataRoute, type WellKnownDependencies, wellKnownPaths } from './well-known.js';

export type WireDependencies = TokenRouteDependencies &
  RevocationRouteDependencies &
  Omit<IntrospectionRouteDependencies, 'issuerOf'> &
  WellKnownDependencies &
  OpenApiDependencies &
  PipelineDependencies;

export interface Routes {
  /** Answered here, by exact path. */
  readonly own: ReadonlyMap<string, OwnRoute>;
  readonly forwarded: ForwardedRoutes;
}

export interface OwnRoute extends Route, FoundRoute {
  readonly handle: Route['handle'];
}

/** Every path that is answered here. conformance/access-matrix.ts has a row for each. */
export function createOwnRoutes(dependencies: WireDependencies): ReadonlyMap<string, OwnRoute> {
  const token = createTokenRoute(dependencies);
  const issuerOf = (environment: Environment): string => dependencies.urlOf(environment, 'api');
  const playground = createPlaygroundRoute(dependencies);
  const routes: readonly (readonly [string, Route])[] = [
    ['/oauth/token', token],
    [`/${calendarVersion}/oauth/token`, token],
    ['/oauth/revoke', createRevocationRoute(dependencies)],
    ['/oauth/introspect', createIntrospectionRoute({ ...dependencies, issuerOf })],
    [wellKnownPaths.metadata, createMetadataRoute(dependencies)],
    [wellKnownPaths.keys, createKeysRoute(dependencies)],
    ['/openapi.json', createOpenApiRoute(dependencies)],
    ['/v1/authenticated/playground', playground],
    [`/${calendarVersion}/authenticated/playground`, playground],
  ];
  return nameRoutes(routes);
}

/** Their paths have no parameters, so each is its own template. */
export function nameRoutes(routes: Iterable<readonly [string, Route]>): ReadonlyMap<string, OwnRoute> {
  return new Map([...routes].map(([path, route]) => [path, { ...route, template: path }]));
}

/** What is served, by method and path, with names in the place of parameters. */
export function namesOf(own: ReadonlyMap<string, OwnRoute>, forwarded: readonly RoutePolicy[]): readonly string[] {
  return [
    ...[...own].map(([path, { method }]) => `${method} ${path}`),
    ...forwarded.flatMap(({ method, path, calendarPath }) =>
      calendarPath === null ? [`${method} ${path}`] : [`${method} ${path}`, `${method} ${calendarPath}`],
    ),
  ];
}
