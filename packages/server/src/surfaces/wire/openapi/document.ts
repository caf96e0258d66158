// The wire surface as OpenAPI 3.1 (spec.openapis.org/oas/v3.1.1), from what it is made of: the routes of the policy, those
// answered here, and the catalogue of refusals.

import { calendarVersion, type Policy, type RouteRules, type WireDescription } from '../../../gateway/index.js';
import { describeForwardedOperations } from './forwarded-operations.js';
import type { Json, JsonObject, Operation } from './operation.js';
import { describeOwnOperations } from './own-operations.js';
import { correlationParameter, groupByStatus, responsesOf, sharedHeaders, sharedResponses } from './responses.js';

export interface ServedAt {
  readonly url: string;
  readonly description: string;
}

export interface DocumentParts {
  readonly policy: Pick<Policy, 'routes'>;
  readonly description: WireDescription;
  readonly servers: readonly ServedAt[];
}

export function describeWireSurface({ policy, description, servers }: DocumentParts): JsonObject {
  const operations = [...describeOwnOperations(), ...describeForwardedOperations(policy.routes, description)];
  const paths: Record<string, JsonObject> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method.toLowerCase()]: describe(operation) };
  }
  const responses = sharedResponses(operations);
  const used = new Set(operations.map(({ tag }) => tag));
  return {
    openapi: '3.1.1',
    info: {
      title: 'Tollward',
      version: calendarVersion,
      description: introduction,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: servers.map(({ url, description: text }) => ({ url, description: text })),
    tags: Object.entries(description.tags)
      .filter(([name]) => used.has(name))
      .map(([name, text]) => ({ name, description: text })),
    paths,
    components: {
      securitySchemes,
      parameters: { CorrelationId: correlationParameter },
      headers: sharedHeaders,
      responses,
      schemas: pickSchemas(description, [paths, responses]),
    },
  };
}

const introduction = [
  'Each call is described under its legacy path and its calendar path, which do the same.',
  'What a token must be to make a call, and every refusal that can meet it, stands in the x-tollward of the call.',
  'Members may be added to answers at any time.',
].join(' ');

const securitySchemes: JsonObject = {
  clientSecret: { type: 'http', scheme: 'basic', description: 'The client id and one of its live secrets.' },
  accessToken: { type: 'http', scheme: 'bearer', description: 'A token of the token endpoint, as it was given.' },
  clientCertificate: {
    type: 'mutualTLS',
    description: 'A certificate registered for the client, on the mutual TLS host. Its tokens are bound to it.',
  },
};

/** With a certificate, or without one where the client is not held to mutual TLS. */
const security: Readonly<Record<Operation['caller'], readonly JsonObject[]>> = {
  client: [{ clientSecret: [], clientCertificate: [] }, { clientSecret: [] }],
  token: [{ accessToken: [], clientCertificate: [] }, { accessToken: [] }],
  'token or nobody': [{ accessToken: [], clientCertificate: [] }, { accessToken: [] }, {}],
  anybody: [],
};

function describe(operation: Operation): JsonObject {
  const { operationId, summary, tag, caller, parameters, request, refusals, rules } = operation;
  return {
    operationId,
    summary,
    tags: [tag],
    security: security[caller],
    parameters: [...parameters, { $ref: '#/components/parameters/CorrelationId' }],
    ...(request && { requestBody: { required: true, content: request } }),
    responses: responsesOf(operation),
    'x-tollward': { ...(rules && describeRules(rules)), refusals: groupByStatus(refusals) },
  };
}

function describeRules(rules: RouteRules & { readonly maximumBodyBytes?: number }): JsonObject {
  const { tokens, anonymous, profile, personalCountries, sca, rateClass, maximumBodyBytes } = rules;
  return {
    tokens: [...tokens],
    anonymous,
    ...(profile && { profile: { ...profile } }),
    ...(personalCountries && { personalCountries: [...personalCountries] }),
    ...(sca && { sca: { level: sca.level, countries: [...sca.countries] } }),
    ...(rateClass && { rateClass: { name: rateClass.name, ...rateClass.limits } }),
    ...(maximumBodyBytes !== undefined && { maximumBodyBytes }),
  };
}

/** The schemas that are pointed at, and those that they point at. A policy may name one that only its upstream knows. */
function pickSchemas({ schemas }: WireDescription, roots: readonly Json[]): JsonObject {
  const picked = new Map<string, JsonObject>();
  const visit = (value: Json): void => {
    for (const name of schemaNames(value)) {
      if (picked.has(name)) continue;
      const schema = schemas[name] ?? { description: 'As the API behind this gateway has it.' };
      picked.set(name, schema);
      visit(schema);
    }
  };
  roots.forEach(visit);
  return Object.fromEntries([...picked].sort(([one], [other]) => (one < other ? -1 : 1)));
}

function schemaNames(value: Json): readonly string[] {
  const found = JSON.stringify(value).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g);
  return [...found].map(([, name = '']) => name);
}
