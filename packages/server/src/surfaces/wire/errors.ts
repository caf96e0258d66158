// A refusal as an answer: RFC 6749 section 5.2 under /oauth, RFC 6750 section 3 for bearer checks, the platform's status
// shape elsewhere. Texts come from the catalogue; evidence stays with the operator.

import type { OAuthErrorBody, StatusErrorBody } from '@tollward/protocol';
import { catalogue, errorOf, isUnderOAuth, publicText, type Refusal, shapeOf, statusOf } from '../../refusals/index.js';
import type { Answer } from './exchange.js';
import { redactPath } from './redact-path.js';

const realm = 'realm="tollward"';

export function answerRefusal(refusal: Refusal, path: string, now: number): Answer {
  const entry = catalogue[refusal.refusal];
  const status = statusOf(entry);
  const text = publicText(entry.text, refusal.parameters);
  const error = errorOf(entry, path);
  const body =
    shapeOf(entry, path) === 'oauth'
      ? oauthError(error, entry.contractText ?? text)
      : statusError(status, error, text, path, now);
  const headers = ['x-refusal-code', refusal.refusal, 'cache-control', 'no-store'];
  if (status === 401) {
    headers.push('www-authenticate', isUnderOAuth(path) ? `Basic ${realm}` : bearerChallenge(error, text));
  }
  if (refusal.retryAfterSeconds !== undefined) headers.push('retry-after', String(refusal.retryAfterSeconds));
  if (status === 429) headers.push('x-rate-limited-by', limiterName(refusal.refusal));
  if (status === 405) headers.push('allow', refusal.parameters?.['allowed'] ?? '');
  return {
    status,
    body: JSON.stringify(body),
    headers,
    closes: entry.closes === true,
  };
}

function oauthError(error: string, description: string): OAuthErrorBody {
  return { error, error_description: description };
}

function statusError(status: number, error: string, message: string, path: string, now: number): StatusErrorBody {
  const timestamp = new Date(now).toISOString().replace('Z', '+0000');
  return { timestamp, status, error, message, path: redactPath(path) };
}

/** RFC 6750 section 3: no error code for a request that carried no token at all. */
function bearerChallenge(error: string, text: string): string {
  if (error === 'missing_token') return `Bearer ${realm}`;
  return `Bearer ${realm}, error="${error}", error_description="${text.replaceAll(/["\\]/g, "'")}"`;
}

const limiterNames: ReadonlyMap<string, string> = new Map([
  ['client_rate_limited', 'tollward-client'],
  ['route_rate_limited', 'tollward-route'],
  ['upstream_busy', 'tollward-calls-at-once'],
]);

function limiterName(code: string): string {
  return limiterNames.get(code) ?? 'tollward-address';
}
