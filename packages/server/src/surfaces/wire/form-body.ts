// The form of a token request (RFC 6749 appendix B), read strictly: what two parsers could read differently is refused.

import type { IncomingMessage } from 'node:http';

export const maximumBodyBytes = 8 * 1024;

export type ReadBody =
  | { readonly ok: true; readonly body: string }
  | { readonly ok: false; readonly problem: 'too-large' | 'aborted' };

/**
 * Reads the whole body, as long as it stays within the limit.
 *
 * @param ask called when it is wanted
 */
export function readBody(
  request: IncomingMessage,
  contentLength: number | undefined,
  ask: () => void = () => undefined,
): Promise<ReadBody> {
  if (contentLength !== undefined && contentLength > maximumBodyBytes)
    return Promise.resolve({ ok: false, problem: 'too-large' });
  ask();
  return new Promise((resolve) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      if (body.length + chunk.length > maximumBodyBytes) resolve({ ok: false, problem: 'too-large' });
      else body += chunk.toString('latin1');
    });
    request.on('end', () => resolve({ ok: true, body }));
    request.on('close', () => resolve({ ok: false, problem: 'aborted' }));
  });
}

export type ParsedForm =
  | { readonly ok: true; readonly parameters: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly problem: 'repeated'; readonly parameter: string }
  | { readonly ok: false; readonly problem: 'malformed'; readonly detail: string };

/** `body` holds one character per byte. A parameter without a value counts as not sent (RFC 6749 section 3.2). */
export function parseForm(body: string): ParsedForm {
  if (/[^\x21-\x7e]/.test(body)) return { ok: false, problem: 'malformed', detail: 'a byte that a form has to escape' };
  const parameters = new Map<string, string>();
  const withoutValue = new Set<string>();
  for (const pair of body.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = decode(equals < 0 ? '' : pair.slice(equals + 1));
    if (name === undefined || value === undefined)
      return { ok: false, problem: 'malformed', detail: 'an escape that is not UTF-8' };
    if (parameters.has(name) || withoutValue.has(name)) return { ok: false, problem: 'repeated', parameter: name };
    if (value === '') withoutValue.add(name);
    else parameters.set(name, value);
  }
  return { ok: true, parameters };
}

function decode(text: string): string | undefined {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/**
 * Whether a Content-Type names a form. Any charset parameter is let pass: some libraries send iso-8859-1 by default, and
 * an escaped form is ASCII in each of them.
 */
export function isFormContentType(contentType: string | undefined): boolean {
  return /^application\/x-www-form-urlencoded[ \t]*(?:;.*)?$/i.test(contentType ?? '');
}
