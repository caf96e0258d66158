// Answers that operations share. A status has one description for all of them; which refusals an operation can really give
// stands in its x-tollward.

import { STATUS_CODES } from 'node:http';
import { type RefusalCode, refusalCodes } from '@tollward/protocol';
import { type CatalogueEntry, catalogue, isUnderOAuth, statusOf } from '../../../refusals/index.js';
import { type JsonObject, type Operation, schemaRef } from './operation.js';

/** Errors under /oauth/ have one shape; elsewhere the catalogue says which, and an upstream has shapes of its own. */
type Family = 'oauth' | 'other';

const headerRef = (name: string): JsonObject => ({ $ref: `#/components/headers/${name}` });
const everyAnswer = {
  'x-trace-id': headerRef('TraceId'),
  'x-external-correlation-id': headerRef('CorrelationId'),
};

export const sharedHeaders: JsonObject = {
  TraceId: {
    description: 'Ours, of this request: what to name when something has to be looked into.',
    required: true,
    schema: { type: 'string', pattern: '^[0-9a-f]{32}$' },
  },
  CorrelationId: {
    description: 'The one of the request, when it sent one.',
    schema: { type: 'string', maxLength: 36 },
  },
  Challenge: { description: 'What to authenticate with (RFC 9110 section 11.6.1).', schema: { type: 'string' } },
  RetryAfter: { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 0 } },
  RateLimitedBy: { description: 'Whose limit it is.', schema: { type: 'string' } },
};

export const correlationParameter: JsonObject = {
  name: 'X-External-Correlation-Id',
  in: 'header',
  description: 'An id of the caller, a UUID at best, which the answer repeats. A longer one counts as not sent.',
  schema: { type: 'string', maxLength: 36 },
};

/** Everything an operation may answer, by status. */
export function responsesOf({ answer, refusals, path, forwarded }: Operation): JsonObject {
  const statuses = Object.keys(groupByStatus(refusals));
  const family = familyOf(path);
  return {
    [answer.status]: {
      description: STATUS_CODES[answer.status] ?? '',
      headers: everyAnswer,
      ...(answer.content && { content: answer.content }),
    },
    ...Object.fromEntries(
      statuses.map((status) => [status, { $ref: `#/components/responses/${nameOf(status, family)}` }]),
    ),
    ...(forwarded && { default: { $ref: '#/components/responses/UpstreamError' } }),
  };
}

/** The codes of an operation, grouped by the status they come with. */
export function groupByStatus(codes: readonly RefusalCode[]): Readonly<Record<string, readonly RefusalCode[]>> {
  const statuses = new Set(codes.map((code) => statusOf(catalogue[code])));
  return Object.fromEntries(
    [...statuses].map((status) => [status, codes.filter((code) => statusOf(catalogue[code]) === status)]),
  );
}

/** The components that the responses of these operations point at. */
export function sharedResponses(operations: readonly Operation[]): JsonObject {
  const named = new Map<string, JsonObject>();
  for (const family of ['oauth', 'other'] as const) {
    const members = operations.filter(({ path }) => familyOf(path) === family);
    const given = new Set(members.flatMap(({ refusals }) => refusals));
    const codes = refusalCodes.filter((code) => given.has(code));
    for (const [status, ofStatus] of Object.entries(groupByStatus(codes))) {
      named.set(nameOf(status, family), describeRefused(status, ofStatus, family));
    }
  }
  if (operations.some(({ forwarded }) => forwarded)) named.set('UpstreamError', upstreamError);
  return Object.fromEntries([...named].sort(([one], [other]) => (one < other ? -1 : 1)));
}

function describeRefused(status: string, codes: readonly RefusalCode[], family: Family): JsonObject {
  const shapes = new Set(codes.map((code) => shapeOf(catalogue[code], family)));
  const bodies = [...shapes].sort().map(schemaRef);
  const phrase = STATUS_CODES[status] ?? '';
  return {
    description:
      family === 'oauth'
        ? `${phrase}. x-refusal-code says why.`
        : `${phrase}. x-refusal-code says why; an answer without it is that of the upstream.`,
    headers: {
      ...everyAnswer,
      // An upstream has none.
      'x-refusal-code': { required: family === 'oauth', schema: { type: 'string', enum: codes } },
      ...(status === '401' && { 'www-authenticate': headerRef('Challenge') }),
      ...((status === '429' || status === '503') && { 'retry-after': headerRef('RetryAfter') }),
      ...(status === '429' && { 'x-rate-limited-by': headerRef('RateLimitedBy') }),
    },
    content:
      family === 'oauth'
        ? { 'application/json': { schema: schemaRef('OAuthError') } }
        : { 'application/json': { schema: { anyOf: [...bodies, schemaRef('ErrorList')] } }, ...plainText },
  };
}

const plainText: JsonObject = { 'text/plain': { schema: { type: 'string' } } };

const upstreamError: JsonObject = {
  description: 'Any other answer of the upstream, passed on as it is.',
  headers: everyAnswer,
  content: {
    'application/json': { schema: { anyOf: [schemaRef('ErrorList'), schemaRef('StatusError')] } },
    ...plainText,
  },
};

function familyOf(path: string): Family {
  return isUnderOAuth(path) ? 'oauth' : 'other';
}

function shapeOf({ shape }: CatalogueEntry, family: Family): string {
  return family === 'oauth' || shape === 'oauth' ? 'OAuthError' : 'StatusError';
}

function nameOf(status: string, family: Family): string {
  const phrase = (STATUS_CODES[status] ?? '').replaceAll(/[^A-Za-z]/g, '');
  return family === 'oauth' ? `OAuth${phrase}` : phrase;
}
