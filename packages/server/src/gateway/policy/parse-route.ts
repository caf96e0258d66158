// One entry of `routes`.

import { type Environment, environments } from '@tollward/protocol';
import { readProfile } from './parse-profile.js';
import { calendarPathOf, type PathSegment, parsePathTemplate } from './path-template.js';
import {
  type RateClass,
  type RouteMethod,
  type RoutePolicy,
  routeMethods,
  type ScaRule,
  type TokenRule,
} from './policy.js';
import {
  type Field,
  type Fields,
  readChoice,
  readFields,
  readInteger,
  readList,
  readPattern,
  readReference,
  readSwitch,
  readText,
  startOf,
} from './policy-fields.js';
import type { Problems } from './policy-text.js';

/** What routes refer to. */
export interface RouteContext {
  readonly countries: ReadonlyMap<string, ReadonlySet<string>>;
  readonly rates: ReadonlyMap<string, RateClass>;
  readonly upstreams: ReadonlyMap<string, { readonly name: string }>;
  readonly hasProfiles: boolean;
  readonly defaults: RouteDefaults;
}

/** For routes that do not say it themselves. */
export interface RouteDefaults {
  readonly upstream: string | undefined;
  readonly tokens: ReadonlySet<TokenRule> | undefined;
  readonly maximumBodyBytes: number;
}

export interface ParsedRoute {
  readonly route: RoutePolicy;
  readonly segments: readonly PathSegment[];
  readonly environments: readonly Environment[];
  /** Where the entry begins. */
  readonly at: number;
}

const tokenRules: readonly TokenRule[] = ['client_credentials', 'embedded', 'user', 'personal'];
const required = ['summary'];
const optional = [
  'tokens',
  'anonymous',
  'profile',
  'personalCountries',
  'sca',
  'rate',
  'calendar',
  'environments',
  'upstream',
  'maximumBodyBytes',
  'request',
  'answer',
  'answerStatus',
  'scope',
  'jose',
];
/** 1 TiB. */
export const mostBodyBytes = 1_099_511_627_776;

/** @returns undefined when not even method and path are clear */
export function parseRoute(field: Field, context: RouteContext, problems: Problems): ParsedRoute | undefined {
  const head = parseHead(field, problems);
  const fields = readFields(field, { required, optional }, problems);
  const summary = readText(fields.get('summary'), problems);
  const tokens = tokensOf(field, fields.get('tokens'), context, problems);
  const upstream = readUpstream(field, fields.get('upstream'), context, problems);
  const calendar = readSwitch(fields.get('calendar'), problems) ?? true;
  const limitedTo = readList(fields.get('environments'), problems)?.map((item) =>
    readChoice(item, environments, problems),
  );
  readChoice(fields.get('scope'), ['transfers'], problems);
  readNoJose(fields.get('jose'), problems);
  const route = {
    summary: summary ?? '',
    tokens,
    anonymous: readSwitch(fields.get('anonymous'), problems) ?? false,
    profile: readProfile(fields.get('profile'), head?.segments, problems),
    personalCountries: readReference(fields.get('personalCountries'), context.countries, 'countries', problems) ?? null,
    sca: readSca(fields.get('sca'), context, problems),
    rateClass: readReference(fields.get('rate'), context.rates, 'rates', problems) ?? null,
    scope: 'transfers',
    jose: 'none',
    upstream,
    maximumBodyBytes:
      readInteger(fields.get('maximumBodyBytes'), { from: 0, to: mostBodyBytes }, problems) ??
      context.defaults.maximumBodyBytes,
    requestSchema: readSchemaName(fields.get('request'), problems),
    answerSchema: readSchemaName(fields.get('answer'), problems),
    answerStatus: readInteger(fields.get('answerStatus'), { from: 200, to: 299 }, problems) ?? 200,
  } as const;
  checkTogether(field, fields, route, context, problems);
  if (head === undefined) return undefined;
  const { method, path, segments } = head;
  const calendarPath = calendar ? calendarPathOf(path) : null;
  return {
    route: { ...route, method, path, calendarPath },
    segments,
    environments: limitedTo?.flatMap((environment) => environment ?? []) ?? environments,
    at: field.at,
  };
}

function parseHead(
  { name, at }: Field,
  problems: Problems,
): { readonly method: RouteMethod; readonly path: string; readonly segments: readonly PathSegment[] } | undefined {
  const [, word, path] = /^(\S+) +(\S+)$/.exec(name) ?? [];
  if (word === undefined || path === undefined) {
    problems.add(at, `"${name}" is no route; write a method and a path, as "GET /v1/rates"`);
    return undefined;
  }
  const method = routeMethods.find((candidate) => candidate === word);
  if (method === undefined) {
    const reason = word === 'HEAD' ? 'HEAD is served where GET is' : `there are ${routeMethods.join(', ')}`;
    problems.add(at, `"${word}" is no method of a route; ${reason}`);
  }
  const segments = parsePathTemplate(path);
  if (typeof segments === 'string') problems.add(at, `"${path}" is no path of a route: ${segments}`);
  return method === undefined || typeof segments === 'string' ? undefined : { method, path, segments };
}

function tokensOf(
  route: Field,
  field: Field | undefined,
  { defaults }: RouteContext,
  problems: Problems,
): ReadonlySet<TokenRule> {
  if (field !== undefined) return readTokens(field, problems);
  if (defaults.tokens === undefined) {
    problems.add(route.at, `"${route.name}" needs "tokens", or "defaults" has to name them for all routes`);
  }
  return defaults.tokens ?? new Set();
}

export function readTokens(field: Field, problems: Problems): ReadonlySet<TokenRule> {
  const items = readList(field, problems);
  if (items === undefined) return new Set();
  if (items.length === 0) problems.add(startOf(field), `"tokens" must name who may call: ${tokenRules.join(', ')}`);
  const tokens = new Set(items.flatMap((item) => readChoice(item, tokenRules, problems) ?? []));
  if (tokens.has('client_credentials') && tokens.has('embedded')) {
    problems.add(
      startOf(field),
      '"client_credentials" lets every client in: leave out "embedded", or leave out this one',
    );
  }
  return tokens;
}

function readUpstream(
  route: Field,
  field: Field | undefined,
  { upstreams, defaults }: RouteContext,
  problems: Problems,
): string {
  if (field === undefined) {
    if (defaults.upstream === undefined) {
      problems.add(route.at, `"${route.name}" needs "upstream", or "defaults" has to name one for all routes`);
    }
    return defaults.upstream ?? '';
  }
  return readReference(field, upstreams, 'upstreams', problems)?.name ?? '';
}

function readSca(field: Field | undefined, { countries }: RouteContext, problems: Problems): ScaRule | null {
  if (field === undefined) return null;
  const fields = readFields(field, { required: ['level', 'countries'] }, problems);
  const level = readChoice(fields.get('level'), ['low', 'high'], problems);
  const where = readReference(fields.get('countries'), countries, 'countries', problems);
  return level === undefined || where === undefined ? null : { level, countries: where };
}

/** `none` is the only one yet; the others are told apart from misspelt ones. */
function readNoJose(field: Field | undefined, problems: Problems): void {
  const modes = ['none', 'jws', 'jwe', 'jws+jwe'] as const;
  const mode = readChoice(field, modes, problems);
  if (field === undefined || mode === undefined || mode === 'none') return;
  problems.add(startOf(field), `"jose" can only be none: this version has no message signing and encryption`);
}

function readSchemaName(field: Field | undefined, problems: Problems): string | null {
  const says = 'a schema is named in letters and digits, as QuoteRequest';
  return readPattern(field, /^[A-Z][A-Za-z0-9]{0,63}$/, says, problems) ?? null;
}

/** What does not go together. */
function checkTogether(
  field: Field,
  fields: Fields,
  { tokens, anonymous, profile }: Pick<RoutePolicy, 'tokens' | 'anonymous' | 'profile'>,
  { hasProfiles }: RouteContext,
  problems: Problems,
): void {
  /** Where it is said; tokens may come from the defaults. */
  const say = (name: string, problem: string): void => problems.add(fields.get(name)?.at ?? field.at, problem);
  for (const name of ['sca', 'personalCountries']) {
    if (!fields.has(name)) continue;
    const countries = 'its countries are those of the profile';
    if (!fields.has('profile')) say(name, `"${name}" needs "profile": ${countries}`);
    if (profile?.in === 'query' && profile.optional) {
      say(name, `"${name}" needs a "profile" that is not optional: ${countries}`);
    }
  }
  if (profile !== null && tokens.has('client_credentials')) {
    say('tokens', 'with a "profile" it is "embedded": a client without the embedded model has no profiles');
  }
  if (profile !== null && anonymous) say('anonymous', 'a route of a profile can not be called by nobody');
  if (hasProfiles) return;
  if (profile !== null)
    say('profile', '"profile" needs "profiles" at the top of the file: where profiles are asked for');
  if (tokens.has('embedded')) {
    say('tokens', '"embedded" needs "profiles" at the top of the file: where it is asked which client made a profile');
  }
}
