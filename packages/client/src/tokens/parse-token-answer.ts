// The answer of a token endpoint: RFC 6749 sections 5.1 and 5.2, and `expires_at` of the Wise API.

import { isSendable } from '../request/header-values.js';

export type ParsedTokenAnswer =
  | { readonly ok: true; readonly value: string; readonly lifeMs: number }
  | { readonly ok: false; readonly problem: string };

/**
 * @param sentAt when the request was sent, in milliseconds since the epoch: `expires_at` is read against it, when there is no `expires_in`
 */
export function parseTokenAnswer(body: unknown, sentAt: number): ParsedTokenAnswer {
  if (typeof body !== 'object' || body === null) return no('it is no JSON object');
  const { access_token: value, token_type: type, expires_in: expiresIn, expires_at: expiresAt }: TokenMembers = body;
  if (typeof value !== 'string' || value === '') return no('it has no access_token');
  if (!isSendable(value)) return no('its access_token has characters that no header can carry');
  if (type !== undefined && (typeof type !== 'string' || type.toLowerCase() !== 'bearer')) {
    return no('its token_type is not "bearer"');
  }
  const lifeMs = readLife(expiresIn, expiresAt, sentAt);
  if (lifeMs === undefined) return no('neither expires_in nor expires_at says how long the token lives');
  return lifeMs > 0 ? { ok: true, value, lifeMs } : no('its token has expired already');
}

interface TokenMembers {
  readonly access_token?: unknown;
  readonly token_type?: unknown;
  readonly expires_in?: unknown;
  readonly expires_at?: unknown;
}

/** Longer than any Date can say. */
const longestLifeSeconds = 1e11;

function readLife(expiresIn: unknown, expiresAt: unknown, sentAt: number): number | undefined {
  // Some servers write the number as text.
  const seconds = typeof expiresIn === 'string' && /^\d+$/.test(expiresIn) ? Number(expiresIn) : expiresIn;
  if (typeof seconds === 'number' && seconds <= longestLifeSeconds) return seconds * 1000;
  const end = typeof expiresAt === 'string' ? Date.parse(expiresAt) : Number.NaN;
  return Number.isNaN(end) ? undefined : end - sentAt;
}

function no(problem: string): ParsedTokenAnswer {
  return { ok: false, problem };
}
