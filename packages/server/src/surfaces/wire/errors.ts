// A refusal as an answer: RFC 6749 section 5.2 under /oauth, RFC 6750 section 3 for bearer checks, the platform's status
// shape elsewhere. Texts come from the catalogue; evidence stays with the operator.

import { STATUS_CODES } from 'node:http';
import type { OAuthErrorBody, StatusErrorBody } from '@tollward/protocol';
import { catalogue, publicText, type Refusal } from '../../refusals/index.js';
import type { Answer } from './exchange.js';
import { redactPath } from './redact-path.js';

const realm = 'realm="tollward"';

export function answerRefusal(refusal: Refusal, path: string, now: number): Answer {
  const entry = catalogue[refusal.refusal];
  const text = publicText(entry.text, refusal.parameters);
  const underOAuth = path.includes('/oauth/');
  const error = underOAuth ? entry.error : (entry.bearerError ?? entry.error);
  const body =
    underOAuth || entry.shape === 'oauth'
      ? oauthError(error, entry.contractText ?? text)
      : statusError(entry.status, text, path, now);
  const headers = ['x-refusal-code', refusal.refusal, 'cache-control', 'no-store'];
  if (entry.status === 401)
    headers.push('www-authenticate', underOAuth ? `Basic ${realm}` : bearerChallenge(error, text));
  if (refusal.retryAfterSeconds !== undefined) headers.push('retry-after', String(refusal.retryAfterSeconds));
  if (entry.status === 429) headers.push('x-rate-limited-by', limiterName(refusal.refusal));
  if (entry.status === 405) headers.push('allow', refusal.parameters?.['allowed'] ?? '');
  return {
    status: entry.status,
    body: JSON.stringify(body),
    headers,
    closes: entry.closes === true,
  };
}

function oauthError(error: string, description: string): OAuthErrorBody {
  return { error, error_description: description };
}

function statusError(status: number, message: string, path: string, now: number): StatusErrorBody {
  const timestamp = new Date(now).toISOString().replace('Z', '+0000');
  return { timestamp, status, error: STATUS_CODES[status] ?? 'Error', message, path: redactPath(path) };
}

/** RFC 6750 section 3: no error code for a request that carried no token at all. */
function bearerChallenge(error: string, text: string): string {
  if (error === 'missing_token') return `Bearer ${realm}`;
  return `Bearer ${realm}, error="${error}", error_description="${text.replaceAll(/["\\]/g, "'")}"`;
}

function limiterName(code: string): string {
  return code === 'client_rate_limited' ? 'tollward-client' : 'tollward-address';
}
