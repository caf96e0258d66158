// POST /oauth/token (RFC 6749 section 3.2) on both listeners, and under its calendar path.

import { gzipSync } from 'node:zlib';
import { isRefusal, type Refusal } from '../../refusals/index.js';
import { type IssueTokenDependencies, issueToken } from '../../tokens/index.js';
import type { Answer, Exchange, Route } from './exchange.js';
import { isFormContentType, parseForm, readBody } from './form-body.js';
import type { RequestHead } from './request-head.js';

export interface TokenRouteDependencies extends IssueTokenDependencies {
  /** Resolves when the monotonic clock reaches `at`. */
  readonly waitUntil: (at: number) => Promise<void>;
  readonly onIssued: (grantType: string) => void;
}

/**
 * A failed client authentication is answered this long after it arrived, whatever was looked up on the way, so that the
 * time says nothing about whether the client exists, was cached, or had how many secrets.
 */
const failureFloorMs = 50;

const noStore = ['cache-control', 'no-store', 'pragma', 'no-cache'] as const;

export function createTokenRoute(dependencies: TokenRouteDependencies): Route {
  return {
    method: 'POST',
    handle: async (exchange, head) => {
      const parameters = await readParameters(exchange, head);
      if (!(parameters instanceof Map)) return parameters;
      const { environment, connection, mtlsUrl, receivedAt } = exchange;
      const { authorization } = head;
      const issued = await issueToken(
        { environment, peer: connection.peer, mtlsUrl, authorization, parameters, now: receivedAt },
        dependencies,
      );
      if (isRefusal(issued)) {
        if (issued.refusal === 'client_authentication_failed')
          await dependencies.waitUntil(exchange.startedAt + failureFloorMs);
        return issued;
      }
      dependencies.onIssued(issued.grantType);
      return { ...tokenAnswer(JSON.stringify(issued.body), head.acceptsGzip), clientId: issued.clientId };
    },
  };
}

function tokenAnswer(json: string, gzip: boolean): Answer {
  if (!gzip) return { status: 200, body: json, headers: noStore };
  return {
    status: 200,
    body: gzipSync(json),
    headers: [...noStore, 'content-encoding', 'gzip', 'vary', 'accept-encoding'],
  };
}

async function readParameters(exchange: Exchange, head: RequestHead): Promise<Map<string, string> | Refusal> {
  if (head.query !== undefined && head.query !== '') {
    return {
      refusal: 'parameter_in_query',
      step: 'body',
      expected: 'no query string',
      seen: `a query string of ${head.query.length} characters`,
    };
  }
  const read = await readBody(exchange.request, head.contentLength);
  if (!read.ok) {
    if (read.problem === 'too-large')
      return { refusal: 'body_too_large', step: 'body', expected: 'at most 8,192 bytes', seen: 'more' };
    return {
      refusal: 'malformed_request',
      step: 'body',
      expected: 'the whole body',
      seen: 'a connection that ended within it',
    };
  }
  // An empty body is a form without parameters, whatever it is called: "Missing grant type" says more than "not a form".
  if (read.body === '') return new Map();
  if (!isFormContentType(head.contentType)) return notAForm(describeContentType(head.contentType), 'nothing else');
  if (head.contentEncoding !== undefined && head.contentEncoding.toLowerCase() !== 'identity') {
    return notAForm(`Content-Encoding of ${head.contentEncoding.length} characters`, 'no Content-Encoding');
  }
  const form = parseForm(read.body);
  if (form.ok) return new Map(form.parameters);
  if (form.problem === 'malformed') return notAForm(form.detail, 'every byte outside the form alphabet escaped');
  const parameter = /^[\w.-]{1,40}$/.test(form.parameter) ? form.parameter : 'with a long or unusual name';
  return {
    refusal: 'parameter_repeated',
    step: 'body',
    expected: 'every parameter once',
    seen: `${parameter} more than once`,
    parameters: { parameter },
  };
}

function notAForm(seen: string, problem: string): Refusal {
  return {
    refusal: 'body_not_form',
    step: 'body',
    expected: 'a body of application/x-www-form-urlencoded',
    seen,
    parameters: { problem },
  };
}

function describeContentType(contentType: string | undefined): string {
  if (contentType === undefined) return 'a body without Content-Type';
  return `Content-Type ${/^[\w.+/-]{1,60}/.exec(contentType)?.[0] ?? 'unreadable'}`;
}
