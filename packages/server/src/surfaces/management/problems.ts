// Problem details (RFC 9457). `code` tells the problems apart, so `type` stays about:blank (section 4.2.1) and `title` is
// the phrase of the status.

import { STATUS_CODES } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { DatabaseUnavailableError } from '../../platform/database/database-errors.js';
import type { StillUsed } from '../../usage/index.js';
import type { Problem } from './schemas/common.js';

export function problem(status: number, code: string, detail: string): Problem {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, code, detail };
}

export const clientUnknown = problem(404, 'client_unknown', 'There is no client of this id in this installation.');
export const clientRevoked = problem(
  409,
  'client_revoked',
  'This client was revoked for good: make a new one instead ("tollward clients create").',
);

export const outOfUse = problem(
  409,
  'out_of_use',
  'This credential is revoked or over: there is nothing to pause, because it is refused already.',
);

export const partnerAuthorityNotValid = problem(
  409,
  'partner_authority_not_valid',
  'The partner authority of this environment is over or not valid yet, so nothing can be signed. Name another one in the settings ' +
    'TOLLWARD_SANDBOX_PARTNER_CA_CERTIFICATE and TOLLWARD_SANDBOX_PARTNER_CA_KEY (or TOLLWARD_PRODUCTION_...) and start again.',
);

/** Nothing was retired: the question was to do it only if nobody would notice. */
export function stillUsed({ lastTriedAt, lastUse, onlyTokens, safeFrom }: StillUsed): Problem {
  if (onlyTokens) {
    const until = safeFrom.toISOString();
    const detail = `Nothing was changed: tokens that it got run until ${until}. "tollward secrets end" ends it now and lets them run out.`;
    return problem(409, 'still_used', detail);
  }
  const from = lastUse === undefined ? '' : ` from ${lastUse.address}`;
  const over = lastUse?.certificateId ? ` over certificate ${lastUse.certificateId}` : '';
  const used = lastTriedAt === null ? '' : `somebody last tried it at ${lastTriedAt.toISOString()}${from}${over}, and `;
  const detail = `Nothing was changed: ${used}it is safe from ${safeFrom.toISOString()} on if it is not used until then.`;
  return problem(409, 'still_used', detail);
}

/** Fastify answers an address that it can not read by itself, and quotes it. */
export const addressUnreadable = problem(400, 'path_not_readable', 'The path of the request can not be read.');

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
    const problems = error.validation.map(
      ({ instancePath, message = '' }) => placeOf(instancePath) + unquoted(message),
    );
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

/** Zod quotes the names of unknown members, and what was pasted in the wrong place can be a name. */
function unquoted(message: string): string {
  return !message.includes('"') || /^Unrecognized keys?: (?:"[A-Za-z]{1,40}"(?:, )?)+$/.test(message)
    ? message
    : 'there is a member that does not belong here';
}

function placeOf(instancePath: string): string {
  return instancePath === '/' ? '' : `${instancePath.slice(1)} `;
}

function statusOf(error: unknown): number {
  return error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
}
