// `policy explain`: what happens to one call, in words.

import type { Environment } from '@tollward/protocol';
import { editDistance } from '../gateway/policy/nearest-name.js';
import { findOwnPlace } from '../gateway/policy/own-paths.js';
import type { Policy, RoutePolicy } from '../gateway/policy/policy.js';
import { createRouteTable, type RouteMatch } from '../gateway/policy/route-table.js';
import { done, failed, type Outcome } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { explainSteps } from './policy-steps.js';
import { type Page, renderFields } from './text.js';

export interface ExplainedCall {
  readonly environment: Environment;
  /** Where the policy comes from. */
  readonly file: string;
  readonly method: string;
  readonly path: string;
}

export function explainCall(policy: Policy, call: ExplainedCall, page: Page): Outcome {
  const { environment, file, method } = call;
  const [path = ''] = call.path.split('?');
  const own = findOwnPlace(path);
  if (own !== undefined) return answeredHere(own, { ...call, path });
  const found = findTemplate(policy, method, path) ?? createRouteTable(policy).find(method, path);
  if (found === undefined) return noSuchRoute(policy, method, path, environment);
  if ('allowed' in found) {
    const message = `${path} takes ${found.allowed.join(', ')} in ${environment}, not ${method}: refused as method_not_allowed.`;
    return failed(exitCodes.notFound, message, { allowed: found.allowed });
  }
  const { route, parameters, upstreamPath } = found;
  const steps = explainSteps(route, environment);
  const fields: [string, string][] = [
    ['Call', `${method} ${path} in ${environment}`],
    ['Route', `${route.method} ${route.path}: ${route.summary}`],
    ['Calendar path', route.calendarPath ?? 'none'],
    ['Forwarded as', `${method} ${upstreamPath} to the upstream ${route.upstream}`],
    ['Policy', file],
  ];
  for (const [name, value] of Object.entries(parameters)) fields.push([`{${name}}`, value]);
  const stepFields = steps.map(({ step, asks, refusals }) => {
    const refused = refusals.length === 0 ? '' : ` Refused as ${refusals.join(', ')}.`;
    return [step, `${asks}${refused}`] as const;
  });
  const json = {
    environment,
    policy: file,
    call: { method, path },
    route: describeRoute(route),
    parameters,
    upstream: { name: route.upstream, path: upstreamPath },
    steps,
  };
  return done(`${renderFields(fields, page)}\n\n${renderFields(stepFields, page)}`, json);
}

function answeredHere(own: string, { environment, method, path }: ExplainedCall): Outcome {
  const text =
    `Tollward itself answers ${own}. The route policy of ${environment} has no say in ${method} ${path}, and no upstream gets it; ` +
    'GET /openapi.json describes what is there.';
  return done(text, { environment, call: { method, path }, answeredHere: own });
}

function describeRoute({ method, path, calendarPath, summary }: RoutePolicy) {
  return { method, path, calendarPath, summary };
}

/** A path as it stands in a document, with the names of its parameters instead of values. */
function findTemplate({ routes }: Policy, method: string, path: string): RouteMatch | undefined {
  const wanted = method === 'HEAD' ? 'GET' : method;
  const route = routes.find((one) => one.method === wanted && (one.path === path || one.calendarPath === path));
  return route && { route, parameters: {}, upstreamPath: route.path };
}

const mostSuggestions = 3;

function noSuchRoute(policy: Policy, method: string, path: string, environment: Environment): Outcome {
  const nearest = policy.routes
    .flatMap((route) =>
      [route.path, ...(route.calendarPath === null ? [] : [route.calendarPath])].map((template) => ({
        call: `${route.method} ${template}`,
        distance: distanceTo(template, path) + (route.method === method ? 0 : 1),
      })),
    )
    .toSorted((left, right) => left.distance - right.distance)
    .slice(0, mostSuggestions)
    .map(({ call }) => call);
  const near = nearest.length === 0 ? '' : ` The closest are:\n${nearest.map((call) => `  ${call}`).join('\n')}`;
  const message = `The policy of ${environment} has no route for ${path}: refused as route_unknown.${near}`;
  return failed(exitCodes.notFound, message, { nearest });
}

/** Of a path to a template, whose parameters are as good as anything in their place. */
function distanceTo(template: string, path: string): number {
  const called = path.split('/');
  const filled = template.split('/').map((part, index) => (part.startsWith('{') ? (called[index] ?? part) : part));
  return editDistance(filled.join('/'), path);
}
