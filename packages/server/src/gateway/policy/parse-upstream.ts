import { isAbsolute } from 'node:path';
import { isForbiddenHeader } from '../header-rules.js';
import type { UpstreamPolicy } from './policy.js';
import { type Field, readFields, readInteger, readList, readPattern, readText, startOf } from './policy-fields.js';
import type { Problems } from './policy-text.js';

const longestSeconds = 3_600;

/** A file that the policy names. */
export interface NamedFile {
  readonly path: string;
  /** Where it is named, as problems begin: `file:line:column`. */
  readonly place: string;
}

/** As it is written: what stands in the file of its authorities was not read yet. */
export interface ParsedUpstream extends Omit<UpstreamPolicy, 'ca'> {
  readonly caFile: NamedFile | undefined;
}

export function parseUpstream(field: Field, problems: Problems): ParsedUpstream {
  const optional = ['url', 'caFile', 'requestHeaders', 'connectSeconds', 'answerSeconds', 'idleSeconds'];
  const fields = readFields(field, { required: [], optional: [...optional, 'maximumConnections'] }, problems);
  const seconds = (name: string, fallback: number): number =>
    readInteger(fields.get(name), { from: 1, to: longestSeconds }, problems) ?? fallback;
  const url = readUrl(fields.get('url'), problems);
  return {
    name: field.name,
    url,
    caFile: readCaFile(fields.get('caFile'), url, problems),
    requestHeaders: readHeaders(fields.get('requestHeaders'), problems),
    connectSeconds: seconds('connectSeconds', 5),
    answerSeconds: seconds('answerSeconds', 30),
    idleSeconds: seconds('idleSeconds', 30),
    maximumConnections: readInteger(fields.get('maximumConnections'), { from: 1, to: 100_000 }, problems) ?? 2_000,
  };
}

/** The URL as it is used, without a slash at its end, or what is wrong with it. It is not repeated: it can hold a password. */
export function parseUpstreamUrl(text: string): { readonly url: string } | { readonly problem: string } {
  if (!URL.canParse(text)) return { problem: 'must be a URL, as http://money.internal:8080' };
  const { protocol, username, password, search, hash, origin, pathname } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') return { problem: 'must begin with http:// or https://' };
  if (username !== '' || password !== '') {
    return { problem: 'must have no user and password: the upstream knows who calls by the assertion' };
  }
  if (search !== '' || hash !== '' || /[?#]/.test(text)) return { problem: 'must end before "?" and "#"' };
  return { url: `${origin}${pathname.replace(/\/+$/, '')}` };
}

function readUrl(field: Field | undefined, problems: Problems): string | undefined {
  const text = readText(field, problems);
  if (field === undefined || text === undefined) return undefined;
  const parsed = parseUpstreamUrl(text);
  if ('url' in parsed) return parsed.url;
  problems.add(startOf(field), `"url" ${parsed.problem}`);
  return undefined;
}

function readCaFile(field: Field | undefined, url: string | undefined, problems: Problems): NamedFile | undefined {
  const path = readText(field, problems);
  if (field === undefined || path === undefined) return undefined;
  if (!isAbsolute(path)) problems.add(startOf(field), '"caFile" must be a whole path, from "/" on');
  if (url?.startsWith('http:')) problems.add(startOf(field), '"caFile" is for an https url, and this one is http');
  return { path, place: problems.placeOf(startOf(field)) };
}

function readHeaders(field: Field | undefined, problems: Problems): readonly string[] {
  const names: string[] = [];
  for (const item of readList(field, problems) ?? []) {
    const name = readPattern(item, /^[A-Za-z0-9-]+$/, 'a header has letters, digits and "-"', problems)?.toLowerCase();
    if (name === undefined) continue;
    if (isForbiddenHeader(name)) {
      const why = 'it names callers, proxies or the connection, which the upstream learns from Tollward alone';
      problems.add(startOf(item), `"${name}" is never passed on: ${why}`);
    } else if (names.includes(name)) problems.add(startOf(item), `"${name}" is here for the second time`);
    else names.push(name);
  }
  return names;
}
