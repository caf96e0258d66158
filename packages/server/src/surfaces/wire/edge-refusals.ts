// What the edge itself refuses, before any route is asked.

import type { Refusal } from '../../refusals/index.js';
import type { Route } from './exchange.js';
import type { ParsedHead } from './request-head.js';

export const unknownRoute: Refusal = {
  refusal: 'route_unknown',
  step: 'edge',
  expected: 'a path of the wire contract',
  seen: 'another path',
};

export function refuseHead({ code, problem }: Extract<ParsedHead, { ok: false }>): Refusal {
  const expected = 'a request that can be read in one way only';
  return { refusal: code, step: 'edge', expected, seen: problem, parameters: { problem } };
}

export function findRoute(route: Route | undefined, method: string | undefined): Refusal | undefined {
  if (route === undefined) return unknownRoute;
  const allowed = route.takesHead ? [route.method, 'HEAD'] : [route.method];
  if (method !== undefined && allowed.includes(method)) return undefined;
  return {
    refusal: 'method_not_allowed',
    step: 'edge',
    expected: `the method ${allowed.join(' or ')}`,
    seen: `the method ${method ?? ''}`,
    parameters: { allowed: allowed.join(', ') },
  };
}
