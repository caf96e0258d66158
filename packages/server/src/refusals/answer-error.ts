// The two shapes of our error answers, and what stands under `error` in each: that of RFC 6749 section 5.2, everywhere under
// /oauth/ and where the contract has it elsewhere, and the status shape of the platform.

import { type CatalogueEntry, statusOf } from './catalogue.js';

/** RFC 9110 section 15, RFC 6585 section 5. */
const reasonPhrases: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Payload Too Large',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  504: 'Gateway Timeout',
};

export function isUnderOAuth(path: string): boolean {
  return path.includes('/oauth/');
}

export function shapeOf({ shape }: CatalogueEntry, path: string): CatalogueEntry['shape'] {
  return isUnderOAuth(path) ? 'oauth' : shape;
}

/** The `error` member of the body that is answered at this path. */
export function errorOf(entry: CatalogueEntry, path: string): string {
  if (isUnderOAuth(path)) return entry.error;
  if (entry.shape === 'oauth') return entry.bearerError ?? entry.error;
  return entry.contractError ?? reasonPhrases[statusOf(entry)] ?? 'Error';
}
