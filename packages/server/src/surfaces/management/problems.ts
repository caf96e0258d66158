// Problem details (RFC 9457). `code` tells the problems apart, so `type` stays about:blank (section 4.2.1) and `title` is
// the phrase of the status.

import { STATUS_CODES } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { DatabaseUnavailableError } from '../../platform/database/database-errors.js';
import type { Problem } from './schemas.js';

export function problem(status: number, code: string, detail: string): Problem {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, code, detail };
}

/** Makes every answer that is not a success a problem, those of Fastify itself included. */
export function answerProblems(surface: FastifyInstance, onFault: (error: unknown) => void): void {
  surface.setNotFoundHandler((_request, reply) =>
    reply.code(404).send(problem(404, 'route_unknown', 'The management API has no such path and method.')),
  );
  surface.setErrorHandler((error, _request, reply) => {
    const answer = describe(error);
    if (answer.status >= 500) onFault(error);
    return reply.code(answer.status).send(answer);
  });
  surface.addHook('onSend', async (_request, reply) => {
    if (reply.statusCode >= 400) reply.type('application/problem+json');
  });
}

function describe(error: unknown): Problem {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const problems = error.validation.map(({ instancePath, message }) => `${placeOf(instancePath)}${message ?? ''}`);
    return problem(400, 'validation_failed', `The request can not be used: ${problems.join('; ')}.`);
  }
  if (error instanceof DatabaseUnavailableError) return problem(503, 'temporarily_unavailable', error.message);
  // Fastify's own texts can quote the request, so only its status is taken.
  switch (statusOf(error)) {
    case 400:
      return problem(400, 'body_not_json', 'The body is not valid JSON.');
    case 413:
      return problem(413, 'body_too_large', 'The body is over 64 KiB.');
    case 415:
      return problem(415, 'media_type_unsupported', 'The body must be application/json.');
    default:
      return problem(500, 'internal_error', 'Something went wrong in the server. Its log has the fault.');
  }
}

function placeOf(instancePath: string): string {
  return instancePath === '/' ? '' : `${instancePath.slice(1)} `;
}

function statusOf(error: unknown): number {
  return error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
}
