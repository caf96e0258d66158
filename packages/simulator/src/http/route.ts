// A route is data: its path, schemas of what it reads, and a use case behind it.

import { z } from 'zod';
import type { Caller } from '../caller.js';
import type { World } from '../world.js';
import { type Answer, type Refusal, refusedWith } from './answers.js';
import { wireErrorsOf } from './wire-errors.js';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A request as it came, its body read as JSON. */
export interface WireRequest {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly idempotenceKey: string | undefined;
}

export interface Route {
  readonly method: Method;
  /** As `/v1/transfers/:transferId`. */
  readonly path: string;
  /** The media type of the body; undefined: whatever comes is not read. */
  readonly bodyType: string | undefined;
  handle(request: WireRequest, caller: Caller, world: World): Answer | Refusal;
}

interface Call<Params, Query, Body> {
  readonly world: World;
  readonly now: number;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly idempotenceKey: string | undefined;
}

interface RouteRules<Params, Query, Body, Who> {
  readonly method: Method;
  readonly path: string;
  readonly params?: z.ZodType<Params>;
  readonly query?: z.ZodType<Query>;
  readonly body?: z.ZodType<Body>;
  readonly bodyType?: string;
  answer(call: Call<Params, Query, Body> & Who): Answer | Refusal;
}

/** A route for clients, who see only what their own client id made. */
export function clientRoute<Params, Query, Body>(
  rules: RouteRules<Params, Query, Body, { readonly clientId: string }>,
): Route {
  return makeRoute(rules, (caller) => (caller.kind === 'client' ? { clientId: caller.clientId } : undefined));
}

/** A route that tells everybody the same. */
export function openRoute<Params, Query, Body>(rules: RouteRules<Params, Query, Body, object>): Route {
  return makeRoute(rules, (caller) => (caller.kind === 'tollward' ? undefined : {}));
}

/** A route for the gateway itself. */
export function gatewayRoute<Params, Query, Body>(rules: RouteRules<Params, Query, Body, object>): Route {
  return makeRoute(rules, (caller) => (caller.kind === 'tollward' ? {} : undefined));
}

function makeRoute<Params, Query, Body, Who>(
  rules: RouteRules<Params, Query, Body, Who>,
  admit: (caller: Caller) => Who | undefined,
): Route {
  const { method, path, body, bodyType = 'application/json' } = rules;
  const read = z.object({
    params: rules.params ?? z.custom<Params>(),
    query: rules.query ?? z.custom<Query>(),
    body: body ?? z.custom<Body>(),
  });
  return {
    method,
    path,
    bodyType: body && bodyType,
    handle: (request, caller, world) => {
      const who = admit(caller);
      if (who === undefined) return callerRefused(caller);
      const parts = read.safeParse(request, { reportInput: true });
      if (!parts.success) return refusalOf(parts.error);
      const { idempotenceKey } = request;
      return rules.answer({ world, now: world.now(), ...parts.data, idempotenceKey, ...who });
    },
  };
}

function callerRefused({ kind }: Caller): Refusal {
  return {
    refusal: `not for callers of kind ${kind}`,
    status: 403,
    shape: { kind: 'status', message: 'Access denied' },
  };
}

function refusalOf(error: z.ZodError): Refusal {
  // An id that can not be one names nothing.
  const [first] = error.issues;
  if (first?.path[0] === 'params') {
    const refusal = `there is no such ${String(first.path[1])}`;
    return { refusal, status: 404, shape: { kind: 'status', message: 'Not found' } };
  }
  return refusedWith(400, wireErrorsOf(error));
}
