import { expect, test } from 'vitest';
import type { Policy, RoutePolicy, WireDescription } from '../../../gateway/index.js';
import { describeWireSurface } from './document.js';

const description: WireDescription = {
  tags: { OAuth: 'o', Discovery: 'd', Playground: 'p', Things: 't', Other: 'x', Unused: 'u' },
  parameters: { thingId: { description: 'The thing.', schema: { type: 'integer' } } },
  routes: {
    'GET /v2/things/{thingId}': {
      operation: 'getThing',
      tag: 'Things',
      query: [{ name: 'profile', schema: { type: 'integer' } }],
      headers: [],
      requestType: 'application/json',
      answerType: 'application/json',
    },
  },
  schemas: {
    Thing: { type: 'object', properties: { part: { $ref: '#/components/schemas/Part' } } },
    Part: { type: 'string' },
    Unused: { type: 'string' },
    ErrorList: { type: 'object' },
  },
};

const getThing: RoutePolicy = {
  path: '/v2/things/{thingId}',
  calendarPath: '/2026Q3/things/{thingId}',
  method: 'GET',
  summary: 'Get a thing',
  tokens: new Set(['embedded']),
  anonymous: false,
  profile: { in: 'query', name: 'profile', aliases: [], optional: false },
  personalCountries: null,
  sca: { level: 'low', countries: new Set(['EE', 'FI']) },
  rateClass: { name: 'slow', limits: { perSecond: 1, perMinute: 2 } },
  scope: 'transfers',
  jose: 'none',
  upstream: 'money',
  maximumBodyBytes: 100,
  requestSchema: null,
  answerSchema: 'Thing',
  answerStatus: 200,
};

/** The description of a policy with this one route, read as JSON so that a test can look anywhere. */
function describeRoute(changes: Partial<RoutePolicy> = {}) {
  const policy: Policy = { upstreams: new Map(), profiles: null, routes: [{ ...getThing, ...changes }] };
  const servers = [{ url: 'https://api.example', description: 'Here' }];
  return JSON.parse(JSON.stringify(describeWireSurface({ policy, description, servers })));
}

test('a route is described under its legacy path and its calendar path, each with a name of its own', () => {
  const { paths } = describeRoute();
  expect(paths['/v2/things/{thingId}'].get.operationId).toBe('getThingV2');
  expect(paths['/2026Q3/things/{thingId}'].get.operationId).toBe('getThing2026Q3');
  expect(Object.keys(describeRoute({ calendarPath: null }).paths)).not.toContain('/2026Q3/things/{thingId}');
});

test('what the policy asks for stands in x-tollward, with the refusals of each status', () => {
  const { 'x-tollward': rules } = describeRoute().paths['/v2/things/{thingId}'].get;
  expect(rules).toMatchObject({
    tokens: ['embedded'],
    anonymous: false,
    profile: { in: 'query', name: 'profile', aliases: [], optional: false },
    sca: { level: 'low', countries: ['EE', 'FI'] },
    rateClass: { name: 'slow', perSecond: 1, perMinute: 2 },
    maximumBodyBytes: 100,
  });
  expect(rules.refusals['403']).toEqual([
    'embedded_model_off',
    'token_kind_not_allowed',
    'profile_not_accessible',
    'sca_not_available',
  ]);
});

test('every status of a refusal has an answer, and the other answers of the upstream are the default', () => {
  const { responses, 'x-tollward': rules } = describeRoute().paths['/v2/things/{thingId}'].get;
  expect(Object.keys(responses)).toEqual(['200', ...Object.keys(rules.refusals), 'default']);
});

test('a profile in the query is required, because the gateway refuses calls without it', () => {
  const { parameters } = describeRoute().paths['/v2/things/{thingId}'].get;
  expect(parameters).toContainEqual({ name: 'profile', in: 'query', required: true, schema: { type: 'integer' } });
  expect(parameters.filter(({ name }: { name?: string }) => name === 'profile')).toHaveLength(1);
});

test('a profile in the query that has two names, or may be left out, is described by each and required by none', () => {
  const aliases = ['profileId'];
  for (const optional of [true, false]) {
    const profile = { in: 'query', name: 'profile', aliases, optional } as const;
    const { parameters } = describeRoute({ profile }).paths['/v2/things/{thingId}'].get;
    const inQuery = parameters.filter((parameter: { in?: string }) => parameter.in === 'query');
    expect(inQuery).toEqual([
      { name: 'profile', in: 'query', required: false, schema: { type: 'integer' } },
      {
        name: 'profileId',
        in: 'query',
        description: 'The same parameter as profile: send one of them.',
        required: false,
        schema: { type: 'integer' },
      },
    ]);
  }
});

test('who may call without a token is told so by an empty requirement', () => {
  const securityOf = (anonymous: boolean) => describeRoute({ anonymous }).paths['/v2/things/{thingId}'].get.security;
  expect(securityOf(true)).toContainEqual({});
  expect(securityOf(false)).not.toContainEqual({});
});

test('schemas that are used are there with those they need, and no others', () => {
  const { schemas } = describeRoute().components;
  expect(schemas).toMatchObject({ Thing: description.schemas['Thing'], Part: description.schemas['Part'] });
  expect(schemas).not.toHaveProperty('Unused');
});

test('a policy of another API is described as far as its file tells', () => {
  const changes = { path: '/v1/odd-things/{oddId}/x.csv', calendarPath: null, answerSchema: 'Elsewhere' } as const;
  const { paths, components, tags } = describeRoute({ ...changes, profile: null });
  const { operationId, parameters, tags: own } = paths[changes.path].get;
  expect(operationId).toBe('getV1OddThingsOddIdXCsv');
  expect(parameters).toContainEqual({
    name: 'oddId',
    in: 'path',
    required: true,
    schema: { type: 'string', pattern: '^[A-Za-z0-9_.~-]{1,64}$' },
  });
  expect(own).toEqual(['Other']);
  expect(tags).toContainEqual({ name: 'Other', description: 'x' });
  expect(tags).not.toContainEqual({ name: 'Unused', description: 'u' });
  expect(components.schemas.Elsewhere).toEqual({ description: 'As the API behind this gateway has it.' });
});
