// What the edge itself refuses, before any route is asked.

import type { Environment } from '@tollward/protocol';
import type { Refusal } from '../../refusals/index.js';
import type { FoundRoute } from './exchange.js';
import type { ParsedHead } from './request-head.js';
import type { Routes } from './routes.js';

const unknownRoute: Refusal = {
  refusal: 'route_unknown',
  step: 'edge',
  expected: 'a path of the wire contract',
  seen: 'another path',
};

export function refuseHead({ code, problem }: Extract<ParsedHead, { ok: false }>): Refusal {
  const expected = 'a request that can be read in one way only';
  return { refusal: code, step: 'edge', expected, seen: problem, parameters: { problem } };
}

/** What the path and method of a request come to: among the routes that are answered here, then among the forwarded ones. */
export function findRoute(
  { own, forwarded }: Routes,
  environment: Environment,
  path: string,
  method: string,
): FoundRoute | Refusal {
  const route = own.get(path);
  if (route === undefined) {
    const found = forwarded.find(environment, method, path);
    if (found === undefined) return unknownRoute;
    return 'allowed' in found ? refuseMethod(found.allowed, method) : found;
  }
  if (method === route.method || (route.takesHead === true && method === 'HEAD')) return route;
  return refuseMethod(route.takesHead ? [route.method, 'HEAD'] : [route.method], method);
}

function refuseMethod(allowed: readonly string[], method: string): Refusal {
  return {
    refusal: 'method_not_allowed',
    step: 'edge',
    expected: `the method ${allowed.join(' or ')}`,
    seen: `the method ${method}`,
    parameters: { allowed: allowed.join(', ') },
  };
}
