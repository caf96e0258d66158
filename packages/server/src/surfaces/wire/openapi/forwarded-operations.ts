// The routes of a policy. Each is served under its legacy path and its calendar path, and both are described: what differs
// between them is not only a prefix, since one calendar path may stand for one of several legacy versions.

import type { DescribedParameter, RoutePolicy, WireDescription } from '../../../gateway/index.js';
import { type JsonObject, type Operation, schemaRef } from './operation.js';
import { refusalsOfForwarded } from './refusals-of-route.js';

export function describeForwardedOperations(
  routes: readonly RoutePolicy[],
  description: WireDescription,
): readonly Operation[] {
  return routes.flatMap((route) => {
    const { path, calendarPath } = route;
    const paths = calendarPath === null ? [path] : [path, calendarPath];
    return paths.map((served) => describeRoute(route, served, description));
  });
}

function describeRoute(route: RoutePolicy, path: string, description: WireDescription): Operation {
  const { method, summary, anonymous, requestSchema, answerSchema, answerStatus } = route;
  const about = description.routes[`${method} ${route.path}`];
  const answerType = about?.answerType ?? 'application/json';
  const hasAnswer = answerStatus !== 204 && (answerSchema !== null || about !== undefined);
  const answerBody = answerSchema === null ? { type: 'string' } : schemaRef(answerSchema);
  const parameters = [
    ...namesIn(path).map((name) => describePathParameter(name, description)),
    ...(about?.query ?? []).map((parameter) => describeParameter('query', parameter)),
    ...(about?.headers ?? []).map((parameter) => describeParameter('header', parameter)),
  ];
  return {
    path,
    method,
    operationId: nameOperation(about?.operation, method, path),
    summary,
    tag: about?.tag ?? 'Other',
    caller: anonymous ? 'token or nobody' : 'token',
    parameters: withProfile(parameters, route),
    request:
      requestSchema === null
        ? null
        : { [about?.requestType ?? 'application/json']: { schema: schemaRef(requestSchema) } },
    answer: { status: answerStatus, content: hasAnswer ? { [answerType]: { schema: answerBody } } : null },
    refusals: refusalsOfForwarded(route),
    forwarded: true,
    rules: route,
  };
}

function namesIn(path: string): readonly string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
}

/** The version stands in the name: one call may be served under several, and the name of each stays when another comes. */
function nameOperation(operation: string | undefined, method: string, path: string): string {
  const [version = '', ...rest] = path.split('/').slice(1).map(toWord);
  return operation === undefined ? `${method.toLowerCase()}${version}${rest.join('')}` : `${operation}${version}`;
}

function toWord(segment: string): string {
  const letters = segment.replaceAll(/[^A-Za-z0-9]+(.?)/g, (_, next: string) => next.toUpperCase());
  return letters.charAt(0).toUpperCase() + letters.slice(1);
}

function describePathParameter(name: string, { parameters }: WireDescription): JsonObject {
  const { schema = { type: 'string', pattern: '^[A-Za-z0-9_.~-]{1,64}$' }, description } = parameters[name] ?? {};
  return describeParameter('path', { name, schema, required: true, description });
}

function describeParameter(
  place: 'path' | 'query' | 'header',
  { name, description, required = false, schema }: DescribedParameter,
): JsonObject {
  return { name, in: place, ...(description !== undefined && { description }), required, schema };
}

/** A route that asks for its profile in the query refuses calls without it, unless it may be left out. */
function withProfile(parameters: readonly JsonObject[], { profile }: RoutePolicy): readonly JsonObject[] {
  if (profile?.in !== 'query') return parameters;
  const { name, aliases, optional } = profile;
  const described = parameters.find((parameter) => parameter['in'] === 'query' && parameter['name'] === name);
  const main = {
    ...(described ?? describeParameter('query', { name, schema: { type: 'string' } })),
    // Of several names one is needed, which OpenAPI can not say.
    required: !optional && aliases.length === 0,
  };
  const description = `The same parameter as ${name}: send one of them.`;
  const others = aliases.map((alias) => ({ ...main, name: alias, description }));
  return [...parameters.filter((parameter) => parameter !== described), main, ...others];
}
