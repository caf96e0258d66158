// The routes that are answered here, as routes.ts has them. conformance/openapi.test.ts compares the two.

import { calendarVersion } from '../../../gateway/index.js';
import { playgroundRules } from '../playground.js';
import { wellKnownPaths } from '../well-known.js';
import { type JsonObject, type Operation, schemaRef } from './operation.js';
import { ofAnyRequest, ofTokenQuestion, ofTokenRequest, refusalsOfRules } from './refusals-of-route.js';

export function describeOwnOperations(): readonly Operation[] {
  const introspection = {
    ...jsonOf('Introspection'),
    // RFC 9701, for whoever accepts it by name.
    'application/token-introspection+jwt': { schema: { type: 'string' } },
  };
  return [
    token('/oauth/token', 'createToken'),
    token(`/${calendarVersion}/oauth/token`, `createToken${calendarVersion}`),
    question('/oauth/revoke', 'revokeToken', 'End an access token of this client', null),
    question('/oauth/introspect', 'introspectToken', 'Ask about an access token of this client', introspection),
    open(wellKnownPaths.metadata, 'getMetadata', 'What clients can do here', jsonOf('Metadata')),
    open(wellKnownPaths.keys, 'getKeys', 'Public keys of this server', jsonOf('KeySet')),
    open('/openapi.json', 'getDescription', 'This description', { 'application/json': { schema: { type: 'object' } } }),
    playground('/v1/authenticated/playground', 'tryTokenV1'),
    playground(`/${calendarVersion}/authenticated/playground`, `tryToken${calendarVersion}`),
  ];
}

const common = { parameters: [], request: null, forwarded: false, rules: null } as const;
const clientForm = { ...common, method: 'POST', tag: 'OAuth', caller: 'client' } as const;

function token(path: string, operationId: string): Operation {
  return {
    ...clientForm,
    path,
    operationId,
    summary: 'Get an access token',
    request: formOf('TokenRequest'),
    answer: { status: 200, content: jsonOf('Token') },
    refusals: ofTokenRequest,
  };
}

function question(path: string, operationId: string, summary: string, content: JsonObject | null): Operation {
  return {
    ...clientForm,
    path,
    operationId,
    summary,
    request: formOf('TokenQuestion'),
    answer: { status: 200, content },
    refusals: ofTokenQuestion,
  };
}

function open(path: string, operationId: string, summary: string, content: JsonObject): Operation {
  const answer = { status: 200, content };
  return {
    ...common,
    path,
    method: 'GET',
    operationId,
    summary,
    tag: 'Discovery',
    caller: 'anybody',
    answer,
    refusals: ofAnyRequest,
  };
}

function playground(path: string, operationId: string): Operation {
  return {
    ...common,
    path,
    method: 'GET',
    operationId,
    summary: 'Try a token and its certificate',
    tag: 'Playground',
    caller: 'token',
    answer: { status: 200, content: jsonOf('Playground') },
    refusals: refusalsOfRules(playgroundRules),
    rules: playgroundRules,
  };
}

function jsonOf(name: string): JsonObject {
  return { 'application/json': { schema: schemaRef(name) } };
}

function formOf(name: string): JsonObject {
  return { 'application/x-www-form-urlencoded': { schema: schemaRef(name) } };
}
