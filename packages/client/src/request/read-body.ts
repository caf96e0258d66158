// What a body says: RFC 8259, and the shapes of errors that the API has.

import type { ResponseType } from './request-options.js';
import { type Answer, firstOf } from './send.js';

export type DecodedBody =
  | { readonly ok: true; readonly body: unknown }
  | { readonly ok: false; readonly problem: string };

export function decodeBody({ bytes, headers }: Answer, responseType: ResponseType): DecodedBody {
  if (responseType === 'bytes') return { ok: true, body: bytes };
  const text = readText(bytes);
  if (responseType === 'text') return { ok: true, body: text };
  if (text.trim() === '') return { ok: true, body: undefined };
  if (!isJson(firstOf(headers['content-type']))) return { ok: true, body: text };
  const json = parseJson(text);
  return json === undefined
    ? { ok: false, problem: 'its body is called JSON and is none' }
    : { ok: true, body: json.value };
}

/** Of an error: JSON where it is, text where not, undefined when empty. `clean` takes away what must not be kept. */
export function decodeErrorBody({ bytes, headers }: Answer, clean: (text: string) => string): unknown {
  const text = readText(bytes);
  if (text.trim() === '') return undefined;
  // After the escapes of JSON were read, as they would hide a secret.
  const json = isJson(firstOf(headers['content-type']))
    ? parseJson(text, (_, value) => cleanOf(value, clean))
    : undefined;
  return json === undefined ? clean(text) : json.value;
}

function cleanOf(value: unknown, clean: (text: string) => string): unknown {
  if (typeof value === 'string') return clean(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [clean(name), member]));
}

function readText(bytes: Buffer): string {
  return new TextDecoder().decode(bytes);
}

export function parseJson(
  text: string,
  change?: (name: string, value: unknown) => unknown,
): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text, change) };
  } catch {
    return undefined;
  }
}

/** `application/json` and everything that ends in `+json` (RFC 6839 section 3.1). */
function isJson(contentType = ''): boolean {
  return /^\s*[\w.!#$&^+-]+\/(?:json|[\w.!#$&^+-]+\+json)\s*(?:;|$)/i.test(contentType);
}

/** What a body says about its reason: the word for it, and the sentence. */
export function readReason(body: unknown): { readonly code: string | undefined; readonly text: string | undefined } {
  if (typeof body === 'string') return { code: readWord(body), text: body };
  const members = membersOf(body);
  const [first] = Array.isArray(members['errors']) ? members['errors'].map(membersOf) : [];
  const code = readWord(members['code']) ?? readWord(first?.['code']) ?? readWord(members['error']);
  const said = [
    members['error_description'],
    members['message'],
    members['detail'],
    first?.['message'],
    first?.['detail'],
  ];
  return { code, text: said.find((text): text is string => typeof text === 'string' && text !== '') };
}

export function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** A word for a reason, and nothing longer or stranger. */
export function readWord(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w.:-]{1,80}$/.test(value) ? value : undefined;
}
