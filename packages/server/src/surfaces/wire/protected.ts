// The routes of the policy: found, admitted by the pipeline, and forwarded.

import type { Environment } from '@tollward/protocol';
import {
  type AdmittedCall,
  assertionHeader,
  confirmAdmission,
  type IdentityAssertions,
  type PipelineDependencies,
  type Policies,
  type Policy,
  passRequestHeaders,
  type RouteMatch,
  requestHeaderNames,
  runPipeline,
  type UpstreamPolicy,
} from '../../gateway/index.js';
import type { RateLimiter } from '../../platform/rate-limiter.js';
import type { UpstreamPools } from '../../platform/upstreams/upstream-pools.js';
import { whenKnown } from '../../platform/when-known.js';
import { isRefusal, type Refusal } from '../../refusals/index.js';
import type { Exchange, FoundRoute, SentAnswer } from './exchange.js';
import { forward } from './forward.js';
import { protectedCallOf } from './protected-call-of.js';
import type { RequestHead } from './request-head.js';

export interface ForwardedRoutes {
  /** `allowed`: there is such a path, with these methods. */
  find(
    environment: Environment,
    method: string,
    path: string,
  ): FoundRoute | { readonly allowed: readonly string[] } | undefined;
}

export interface ForwardedRouteDependencies extends PipelineDependencies {
  readonly policies: Policies;
  readonly assertions: IdentityAssertions;
  readonly upstreams: UpstreamPools;
  /** Failed authentications of addresses. */
  readonly failureRates: RateLimiter;
  readonly clock: () => number;
  readonly isDraining: () => boolean;
}

export function createForwardedRoutes(dependencies: ForwardedRouteDependencies): ForwardedRoutes {
  const { policies, assertions, upstreams, failureRates, clock, isDraining } = dependencies;
  const headerNames = new WeakMap<UpstreamPolicy, ReadonlySet<string>>();

  const headerNamesOf = (upstream: UpstreamPolicy): ReadonlySet<string> => {
    const known = headerNames.get(upstream);
    if (known !== undefined) return known;
    const names = requestHeaderNames(upstream.requestHeaders);
    headerNames.set(upstream, names);
    return names;
  };

  const pass = (
    exchange: Exchange,
    head: RequestHead,
    match: RouteMatch,
    upstreamPolicy: UpstreamPolicy,
    admitted: AdmittedCall,
  ): Promise<SentAnswer | Refusal> | Refusal => {
    const { environment, request, traceId, trace } = exchange;
    const { name } = upstreamPolicy;
    trace?.enter('forward');
    // Its token is no guess. The call may last long, and would keep a place among the failures of its address.
    if (exchange.reserved !== undefined) failureRates.settle(exchange.reserved, false, clock());
    exchange.reserved = undefined;
    const clientId = admitted.client?.id;
    const upstream = upstreams.of(environment, upstreamPolicy);
    if (upstream === undefined) return unknownAddress(name, clientId);
    const makeHeaders = (): string[] => {
      const headers = passRequestHeaders(request.rawHeaders, headerNamesOf(upstreamPolicy));
      headers.push(assertionHeader, assertions.of(environment, name, admitted, clock()), 'x-trace-id', traceId);
      if (head.correlationId !== undefined) headers.push('x-external-correlation-id', head.correlationId);
      return headers;
    };
    return forward(exchange, head, {
      upstreamName: name,
      upstream,
      method: request.method ?? '',
      path: head.query === undefined ? match.upstreamPath : `${match.upstreamPath}?${head.query}`,
      makeHeaders,
      maximumBodyBytes: match.route.maximumBodyBytes,
      idleMs: upstreamPolicy.idleSeconds * 1_000,
      clientId,
      confirm: async () => {
        const again = await confirmAdmission(
          protectedCallOf(exchange, head, match.parameters, clock()),
          match.route,
          dependencies,
        );
        return isRefusal(again) ? again : undefined;
      },
      clock,
      isDraining,
    });
  };

  return {
    find: (environment, method, path) => {
      const { policy, routes } = policies.of(environment);
      const match = routes.find(method, path);
      if (match === undefined || 'allowed' in match) return match;
      return {
        template: match.route.path,
        handle: (exchange, head) => {
          const upstream = upstreamOf(policy, match);
          const call = protectedCallOf(exchange, head, match.parameters, exchange.receivedAt);
          return whenKnown(runPipeline(call, match.route, dependencies), (admitted) =>
            isRefusal(admitted) ? admitted : pass(exchange, head, match, upstream, admitted),
          );
        },
      };
    },
  };
}

function upstreamOf({ upstreams }: Policy, { route }: RouteMatch): UpstreamPolicy {
  const upstream = upstreams.get(route.upstream);
  if (upstream === undefined) throw new Error(`the policy has no upstream ${route.upstream}`);
  return upstream;
}

function unknownAddress(upstream: string, clientId: string | undefined): Refusal {
  return {
    refusal: 'upstream_unreachable',
    step: 'forward',
    expected: `an answer of the upstream ${upstream}`,
    seen: 'no address of it in the policy or the settings',
    ...(clientId !== undefined && { clientId }),
  };
}
