// The text of a policy file into a Policy, or everything that is wrong with it.

import type { Environment } from '@tollward/protocol';
import { printable } from '../../platform/printable.js';
import { findOwnPlace } from './own-paths.js';
import { mostBodyBytes, type ParsedRoute, parseRoute, type RouteDefaults, readTokens } from './parse-route.js';
import { type ParsedUpstream, parseUpstream } from './parse-upstream.js';
import { calendarVersion, type PathSegment, parsePathTemplate, pathsOverlap, shapeOf } from './path-template.js';
import type { Policy, RateClass } from './policy.js';
import {
  type Field,
  type Fields,
  readEntries,
  readFields,
  readInteger,
  readList,
  readPattern,
  readReference,
  readText,
  startOf,
} from './policy-fields.js';
import { type Problems, readPolicyText } from './policy-text.js';

/** A policy before the files that it names were read. */
export interface ParsedPolicy extends Omit<Policy, 'upstreams'> {
  readonly upstreams: ReadonlyMap<string, ParsedUpstream>;
}

export interface UnusablePolicy {
  readonly ok: false;
  readonly problems: readonly string[];
}

const knownVersion = 1;
const defaultBodyBytes = 1024 * 1024;

/**
 * The policy of one environment: routes that are limited to the other one are judged, and left out.
 *
 * @param file how problems name the text; each begins `file:line:column: `
 */
export function parsePolicy(
  text: string,
  file: string,
  environment: Environment,
): { readonly ok: true; readonly policy: ParsedPolicy } | UnusablePolicy {
  const { root, problems } = readPolicyText(text, printable(file));
  if (root === undefined) return { ok: false, problems: problems.list() };
  const whole = { name: 'the policy', at: 0, value: root };
  const optional = ['countries', 'rates', 'upstreams', 'profiles', 'defaults'];
  const fields = readFields(whole, { required: ['version', 'routes'], optional }, problems);
  checkVersion(fields.get('version'), problems);

  const each = <Value>(name: string, parse: (field: Field) => Value): ReadonlyMap<string, Value> =>
    new Map(entriesOf(fields, name, problems).map((field) => [field.name, parse(field)]));
  const countries = each('countries', (field) => parseCountries(field, problems));
  const rates = each('rates', (field) => parseRate(field, problems));
  const upstreams = each('upstreams', (field) => parseUpstream(field, problems));
  const profiles = parseProfiles(fields.get('profiles'), upstreams, problems);
  const defaults = parseDefaults(fields.get('defaults'), upstreams, problems);
  const context = { countries, rates, upstreams, hasProfiles: fields.has('profiles'), defaults };
  const routes = entriesOf(fields, 'routes', problems)
    .flatMap((field) => parseRoute(field, context, problems) ?? [])
    .filter((route) => route.environments.includes(environment));
  checkOwnPaths(routes, problems);
  checkSamePaths(routes, problems);
  if (profiles !== null) checkLookup(routes, profiles.segments, problems);

  if (!problems.isEmpty()) return { ok: false, problems: problems.list() };
  return {
    ok: true,
    policy: {
      upstreams,
      profiles: profiles && { upstream: profiles.upstream, path: profiles.path },
      routes: routes.map(({ route }) => route),
    },
  };
}

function checkVersion(field: Field | undefined, problems: Problems): void {
  const version = readInteger(field, { from: 0, to: Number.MAX_SAFE_INTEGER }, problems);
  if (field === undefined || version === undefined || version === knownVersion) return;
  problems.add(startOf(field), `this program reads policies of version ${knownVersion}, and this one is ${version}`);
}

const namePattern = /^[a-z][a-z0-9-]{0,63}$/;

/** The entries of a section of named things. Routes have names of their own kind. */
function entriesOf(fields: Fields, section: string, problems: Problems): readonly Field[] {
  const field = fields.get(section);
  if (field === undefined) return [];
  const entries = [...readEntries(field, problems).values()];
  for (const { name, at } of section === 'routes' ? [] : entries) {
    if (namePattern.test(name)) continue;
    problems.add(at, `"${name}" is no name: small letters, digits and "-", a letter first`);
  }
  return entries;
}

function parseCountries(field: Field, problems: Problems): ReadonlySet<string> {
  const countries = new Set<string>();
  const says = 'a country has two capital letters, as EE (ISO 3166-1 alpha-2)';
  for (const item of readList(field, problems) ?? []) {
    const country = readPattern(item, /^[A-Z]{2}$/, says, problems);
    if (country === undefined) continue;
    if (countries.has(country)) problems.add(startOf(item), `"${country}" is here for the second time`);
    countries.add(country);
  }
  return countries;
}

function parseRate(field: Field, problems: Problems): RateClass {
  const fields = readFields(field, { required: ['perSecond', 'perMinute'] }, problems);
  const limit = (name: string): number => readInteger(fields.get(name), { from: 1, to: 1_000_000 }, problems) ?? 1;
  return { name: field.name, limits: { perSecond: limit('perSecond'), perMinute: limit('perMinute') } };
}

interface ProfileLookup {
  readonly upstream: string;
  readonly path: string;
  readonly segments: readonly PathSegment[];
}

function parseProfiles(
  field: Field | undefined,
  upstreams: ReadonlyMap<string, ParsedUpstream>,
  problems: Problems,
): ProfileLookup | null {
  if (field === undefined) return null;
  const fields = readFields(field, { required: ['upstream', 'path'] }, problems);
  const upstream = readReference(fields.get('upstream'), upstreams, 'upstreams', problems)?.name ?? '';
  const pathField = fields.get('path');
  const path = readText(pathField, problems) ?? '';
  if (pathField === undefined || path === '') return null;
  const segments = parsePathTemplate(path);
  if (typeof segments === 'string') {
    problems.add(startOf(pathField), `"${path}" is no path: ${segments}`);
    return null;
  }
  const parameters = segments.flatMap(({ parameter }) => parameter ?? []);
  if (parameters.join() !== 'profileId') {
    problems.add(startOf(pathField), '"path" must have one parameter, "{profileId}"');
  }
  return { upstream, path, segments };
}

function parseDefaults(
  field: Field | undefined,
  upstreams: ReadonlyMap<string, ParsedUpstream>,
  problems: Problems,
): RouteDefaults {
  const known = { required: [], optional: ['upstream', 'tokens', 'maximumBodyBytes'] };
  const fields = field === undefined ? new Map<string, Field>() : readFields(field, known, problems);
  const upstream = readReference(fields.get('upstream'), upstreams, 'upstreams', problems)?.name;
  const tokens = fields.get('tokens');
  const bytes = readInteger(fields.get('maximumBodyBytes'), { from: 0, to: mostBodyBytes }, problems);
  return {
    upstream,
    tokens: tokens && readTokens(tokens, problems),
    maximumBodyBytes: bytes ?? defaultBodyBytes,
  };
}

/** Routes that partners would not reach, because Tollward answers there itself. */
function checkOwnPaths(routes: readonly ParsedRoute[], problems: Problems): void {
  for (const { route, segments, at } of routes) {
    const { path, calendarPath } = route;
    const [first] = segments;
    if (first?.literal === calendarVersion) {
      problems.add(at, `"${path}": paths of ${calendarVersion} are made from the legacy ones, such as /v3/quotes`);
    }
    if (first !== undefined && first.literal === null) {
      problems.add(at, `"${path}" could be any path: its first part must be written out`);
    }
    const called = calendarPath === null ? [path] : [path, calendarPath];
    const [own] = called.flatMap((one) => findOwnPlace(one) ?? []);
    if (own !== undefined) problems.add(at, `"${path}": Tollward itself answers ${own}`);
  }
}

function checkSamePaths(routes: readonly ParsedRoute[], problems: Problems): void {
  const seen = new Map<string, string>();
  for (const { route, at } of routes) {
    const { method, path, calendarPath } = route;
    const other = seen.get(`${method} ${shapeOf(path)}`);
    if (other !== undefined) problems.add(at, `"${method} ${path}" is the same call as "${other}"`);
    seen.set(`${method} ${shapeOf(path)}`, `${method} ${path}`);
    if (calendarPath === null) continue;
    const calendarKey = `${method} ${shapeOf(calendarPath)}`;
    const owner = seen.get(calendarKey);
    if (owner !== undefined) {
      const remedy = 'add "calendar: false" to the one that it is not for';
      problems.add(at, `"${method} ${path}" and "${owner}" have the same calendar path, ${calendarPath}; ${remedy}`);
    }
    seen.set(calendarKey, `${method} ${path}`);
  }
}

/** The upstream believes the questions of Tollward on that path. */
function checkLookup(routes: readonly ParsedRoute[], lookup: readonly PathSegment[], problems: Problems): void {
  for (const { route, segments, at } of routes) {
    if (pathsOverlap(segments, lookup)) {
      problems.add(at, `"${route.path}" would let partners reach the path on which "profiles" are asked for`);
    }
  }
}
