// What of a request's head is believed (RFC 9112, RFC 9110). Node's parser already refuses what is not HTTP/1.1; what it
// lets through although two readers could understand it differently is refused here. One pass over the raw headers.

import type { IncomingMessage } from 'node:http';
import { acceptsNamed } from './accept.js';

export interface RequestHead {
  readonly path: string;
  readonly query: string | undefined;
  readonly authorization: string | undefined;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly contentLength: number | undefined;
  readonly acceptsGzip: boolean;
  readonly accept: string | undefined;
  /** At most 36 printable characters; anything else counts as not sent. */
  readonly correlationId: string | undefined;
  readonly hasBody: boolean;
  /** It waits to be asked for its body. */
  readonly expectsContinue: boolean;
  /** Asks for another protocol (RFC 9110 section 7.8). There is none. */
  readonly asksToUpgrade: boolean;
}

export type ParsedHead =
  | { readonly ok: true; readonly head: RequestHead }
  | {
      readonly ok: false;
      readonly code: 'malformed_request' | 'ambiguous_request' | 'header_too_large';
      readonly problem: string;
    };

const maximumHeaders = 100;
const correlationIdShape = /^[\x20-\x7e]{1,36}$/;
/** Paths that a reader behind us could take for another path: empty or dot segments, hidden separators, control bytes. */
const unclearPath = /\/\/|\\|#|%(?:2e|2f|5c|00)|\/\.{1,2}(?:\/|$)/i;
/** What is no part of a query (RFC 3986 section 3.4), and ends it or is changed on the way by some readers. */
const unclearQuery = /[^\x21-\x22\x24-\x7e]/;

export function parseRequestHead(request: IncomingMessage): ParsedHead {
  const { httpVersion, rawHeaders, url = '' } = request;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return refuse('malformed_request', `HTTP version ${httpVersion}`);
  if (rawHeaders.length > 2 * maximumHeaders) return refuse('header_too_large', `${rawHeaders.length / 2} headers`);

  let host: string | undefined;
  let authorization: string | undefined;
  let contentType: string | undefined;
  let contentEncoding: string | undefined;
  let contentLength: string | undefined;
  let transferEncoding: string | undefined;
  let accept: string | undefined;
  let acceptEncoding: string | undefined;
  let correlationId: string | undefined;
  let correlationIds = 0;
  let expectsContinue = false;
  let asksToUpgrade = false;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    const value = rawHeaders[index + 1] ?? '';
    switch (name) {
      case 'host':
        if (host !== undefined) return repeated('Host');
        host = value;
        break;
      case 'authorization':
        if (authorization !== undefined) return repeated('Authorization');
        authorization = value;
        break;
      case 'content-type':
        if (contentType !== undefined) return repeated('Content-Type');
        contentType = value;
        break;
      case 'content-length':
        if (contentLength !== undefined) return repeated('Content-Length');
        contentLength = value;
        break;
      case 'transfer-encoding':
        if (transferEncoding !== undefined) return repeated('Transfer-Encoding');
        transferEncoding = value;
        break;
      case 'content-encoding':
        if (contentEncoding !== undefined) return repeated('Content-Encoding');
        contentEncoding = value;
        break;
      case 'accept':
        // A list may be sent in parts (RFC 9110 section 5.3).
        accept = accept === undefined ? value : `${accept}, ${value}`;
        break;
      case 'accept-encoding':
        acceptEncoding = value;
        break;
      case 'expect':
        if (value.toLowerCase() !== '100-continue')
          return refuse('ambiguous_request', 'an Expect header that is not 100-continue');
        // Nobody may answer HTTP/1.0 with it (RFC 9110 section 10.1.1).
        expectsContinue = httpVersion === '1.1';
        break;
      case 'upgrade':
        asksToUpgrade = true;
        break;
      case 'x-external-correlation-id':
        correlationId = value;
        correlationIds += 1;
        break;
    }
  }
  if (transferEncoding !== undefined && (httpVersion === '1.0' || transferEncoding.toLowerCase() !== 'chunked')) {
    return refuse('ambiguous_request', 'a Transfer-Encoding that is not chunked in HTTP/1.1');
  }
  if (httpVersion === '1.1' && (host === undefined || host === ''))
    return refuse('malformed_request', 'no Host header');

  const hasBody = transferEncoding !== undefined || (contentLength !== undefined && contentLength !== '0');
  // Node's parser keeps quiet about errors in what follows such a head.
  if (asksToUpgrade && hasBody) return refuse('ambiguous_request', 'a body with a request to upgrade');

  const queryStart = url.indexOf('?');
  const path = queryStart < 0 ? url : url.slice(0, queryStart);
  if (!path.startsWith('/')) return refuse('ambiguous_request', 'a request target that is not a path');
  if (unclearPath.test(path)) return refuse('ambiguous_request', 'a path with empty, dot or hidden segments');

  const query = queryStart < 0 ? undefined : url.slice(queryStart + 1);
  if (query !== undefined && unclearQuery.test(query)) {
    return refuse('ambiguous_request', 'a query with a # or bytes beyond ASCII');
  }

  return {
    ok: true,
    head: {
      path,
      query,
      authorization,
      contentType,
      contentEncoding,
      contentLength: contentLength === undefined ? undefined : Number(contentLength),
      acceptsGzip: acceptEncoding !== undefined && acceptsNamed(acceptEncoding, 'gzip'),
      accept,
      correlationId:
        correlationIds === 1 && correlationId !== undefined && correlationIdShape.test(correlationId)
          ? correlationId
          : undefined,
      hasBody,
      expectsContinue,
      asksToUpgrade,
    },
  };
}

function refuse(code: 'malformed_request' | 'ambiguous_request' | 'header_too_large', problem: string): ParsedHead {
  return { ok: false, code, problem };
}

function repeated(header: string): ParsedHead {
  return refuse('ambiguous_request', `the header ${header} twice`);
}
