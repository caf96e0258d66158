// Finds the route of a request: a tree of the parts of the paths, legacy and calendar. It runs for each request, so nothing
// is decoded, and the answer for a path without parameters is there already.
//
// Where two paths fit, the one that is written out wins over the one with a parameter in the same place, read from the
// left. Only then the method is looked at: `/profiles/personal-profile` is never the profile "personal-profile".

import { isParameterValue, parsePathTemplate } from './path-template.js';
import { type Policy, type RouteMethod, type RoutePolicy, routeMethods } from './policy.js';

export interface RouteMatch {
  readonly route: RoutePolicy;
  readonly parameters: Readonly<Record<string, string>>;
  /** The legacy path with its parameters, whichever of the two paths was called. */
  readonly upstreamPath: string;
}

export interface RouteTable {
  readonly routes: readonly RoutePolicy[];
  /** HEAD finds the route of GET. `allowed`: there is such a path, with these methods. */
  find(method: string, path: string): RouteMatch | { readonly allowed: readonly string[] } | undefined;
}

interface Node {
  readonly literals: Map<string, Node>;
  parameter: Node | undefined;
  /** Set where a path ends. */
  end: PathEnd | undefined;
}

interface PathEnd {
  readonly methods: Map<string, Target>;
  /** What is answered to other methods. */
  notAllowed: { readonly allowed: readonly string[] };
}

interface Target {
  readonly route: RoutePolicy;
  readonly parameterNames: readonly string[];
  /** What stands before the second slash of the legacy path, when this is the calendar one: the rest is the same. */
  readonly legacyVersion: string | undefined;
  /** The whole answer, when the path has no parameters. */
  readonly match: RouteMatch | undefined;
}

export function createRouteTable({ routes }: Pick<Policy, 'routes'>): RouteTable {
  const root = emptyNode();
  for (const route of routes) {
    add(root, route, route.path);
    if (route.calendarPath !== null) add(root, route, route.calendarPath);
  }
  return {
    routes,
    find: (method, path) => {
      if (!path.startsWith('/')) return undefined;
      const values: string[] = [];
      const end = walk(root, path, 1, values);
      if (end === undefined) return undefined;
      const target = end.methods.get(method);
      if (target === undefined) return end.notAllowed;
      return target.match ?? matchOf(target, path, values);
    },
  };
}

function emptyNode(): Node {
  return { literals: new Map(), parameter: undefined, end: undefined };
}

function add(root: Node, route: RoutePolicy, path: string): void {
  const segments = parsePathTemplate(path);
  if (typeof segments === 'string') throw new Error(`${path}: ${segments}`);
  const parameterNames: string[] = [];
  let node = root;
  for (const { literal, parameter } of segments) {
    let next = literal === null ? node.parameter : node.literals.get(literal);
    if (next === undefined) {
      next = emptyNode();
      if (literal === null) node.parameter = next;
      else node.literals.set(literal, next);
    }
    if (parameter !== null) parameterNames.push(parameter);
    node = next;
  }
  const legacyVersion = path === route.path ? undefined : versionOf(route.path);
  const match = parameterNames.length === 0 ? { route, parameters: {}, upstreamPath: route.path } : undefined;
  const target = { route, parameterNames, legacyVersion, match };
  node.end ??= { methods: new Map(), notAllowed: { allowed: [] } };
  node.end.methods.set(route.method, target);
  if (route.method === 'GET') node.end.methods.set('HEAD', target);
  node.end.notAllowed = { allowed: methodsOf(node.end) };
}

function methodsOf({ methods }: PathEnd): readonly string[] {
  const all: readonly (RouteMethod | 'HEAD')[] = ['GET', 'HEAD', ...routeMethods.filter((method) => method !== 'GET')];
  return all.filter((method) => methods.has(method));
}

/** Leaves the values of the parameters in `values` when it finds an end. */
function walk(node: Node, path: string, start: number, values: string[]): PathEnd | undefined {
  if (start > path.length) return node.end;
  const slash = path.indexOf('/', start);
  const stop = slash < 0 ? path.length : slash;
  const segment = path.slice(start, stop);
  const literal = node.literals.get(segment);
  const end = literal === undefined ? undefined : walk(literal, path, stop + 1, values);
  if (end !== undefined || node.parameter === undefined || !isParameterValue(segment)) return end;
  values.push(segment);
  const other = walk(node.parameter, path, stop + 1, values);
  if (other === undefined) values.pop();
  return other;
}

function matchOf(
  { route, parameterNames, legacyVersion }: Target,
  path: string,
  values: readonly string[],
): RouteMatch {
  const parameters: Record<string, string> = {};
  for (let index = 0; index < parameterNames.length; index += 1) {
    parameters[parameterNames[index] ?? ''] = values[index] ?? '';
  }
  const upstreamPath = legacyVersion === undefined ? path : legacyVersion + path.slice(versionOf(path).length);
  return { route, parameters, upstreamPath };
}

function versionOf(path: string): string {
  return path.slice(0, path.indexOf('/', 1));
}
