// POST /oauth/token (RFC 6749 section 3.2) on both listeners, and under its calendar path.

import { gzipSync } from 'node:zlib';
import { isRefusal, type Refusal } from '../../refusals/index.js';
import { type IssuedToken, type IssueTokenDependencies, issueToken } from '../../tokens/index.js';
import type { Answer, Exchange, Route } from './exchange.js';
import { isFormContentType, parseForm, type ReadBody, readBody } from './form-body.js';
import type { RequestHead } from './request-head.js';

export interface TokenRouteDependencies extends IssueTokenDependencies {
  /** Resolves when the monotonic clock reaches `at`. */
  readonly waitUntil: (at: number) => Promise<void>;
  readonly onIssued: (grantType: string) => void;
  readonly clock: () => number;
}

/**
 * A failed client authentication is answered this long after it arrived, whatever was looked up on the way, so that the
 * time says nothing about whether the client exists, was cached, or had how many secrets.
 */
const failureFloorMs = 50;

type TokenOutcome = Answer | Refusal | Promise<Answer | Refusal>;

const tokenHeaders = ['cache-control', 'no-store', 'pragma', 'no-cache', 'vary', 'accept-encoding'] as const;
const packedTokenHeaders = [...tokenHeaders, 'content-encoding', 'gzip'] as const;
const noParameters: ReadonlyMap<string, string> = new Map();

export function createTokenRoute(dependencies: TokenRouteDependencies): Route {
  return {
    method: 'POST',
    handle: (exchange, head) => {
      if (head.query !== undefined && head.query !== '') return refuseQuery(head.query);
      return readBody(exchange.request, head.contentLength).then((read) => answerBody(read, exchange, head));
    },
  };

  function answerBody(read: ReadBody, exchange: Exchange, head: RequestHead): TokenOutcome {
    const parameters = parseParameters(read, head);
    if (isRefusal(parameters)) return parameters;
    const { environment, connection, mtlsUrl } = exchange;
    const issued = issueToken(
      {
        environment,
        peer: connection.peer,
        address: connection.address.text,
        mtlsUrl,
        authorization: head.authorization,
        parameters,
        // Not when the head arrived: the body may come much later, and what was revoked meanwhile is revoked.
        now: dependencies.clock(),
        proof: connection.proof,
      },
      dependencies,
    );
    return issued instanceof Promise
      ? issued.then((outcome) => answerIssued(outcome, exchange, head))
      : answerIssued(issued, exchange, head);
  }

  function answerIssued(issued: IssuedToken | Refusal, exchange: Exchange, head: RequestHead): TokenOutcome {
    if (isRefusal(issued)) {
      if (issued.refusal !== 'client_authentication_failed') return issued;
      return dependencies.waitUntil(exchange.startedAt + failureFloorMs).then(() => issued);
    }
    dependencies.onIssued(issued.grantType);
    const json = JSON.stringify(issued.body);
    const { clientId } = issued;
    if (!head.acceptsGzip) return { status: 200, body: json, headers: tokenHeaders, clientId };
    return { status: 200, body: gzipSync(json), headers: packedTokenHeaders, clientId };
  }
}

function refuseQuery(query: string): Refusal {
  const seen = `a query string of ${query.length} characters`;
  return { refusal: 'parameter_in_query', step: 'body', expected: 'no query string', seen };
}

function parseParameters(read: ReadBody, head: RequestHead): ReadonlyMap<string, string> | Refusal {
  if (!read.ok) {
    if (read.problem === 'too-large') {
      return { refusal: 'body_too_large', step: 'body', expected: 'at most 8,192 bytes', seen: 'more' };
    }
    const seen = 'a connection that ended within it';
    return { refusal: 'malformed_request', step: 'body', expected: 'the whole body', seen };
  }
  // An empty body is a form without parameters, whatever it is called: "Missing grant type" says more than "not a form".
  if (read.body === '') return noParameters;
  if (!isFormContentType(head.contentType)) return notAForm(describeContentType(head.contentType), 'nothing else');
  if (head.contentEncoding !== undefined && head.contentEncoding.toLowerCase() !== 'identity') {
    return notAForm(`Content-Encoding of ${head.contentEncoding.length} characters`, 'no Content-Encoding');
  }
  const form = parseForm(read.body);
  if (form.ok) return form.parameters;
  if (form.problem === 'malformed') return notAForm(form.detail, 'every byte outside the form alphabet escaped');
  const parameter = /^[\w.-]{1,40}$/.test(form.parameter) ? form.parameter : 'with a long or unusual name';
  const seen = `${parameter} more than once`;
  return {
    refusal: 'parameter_repeated',
    step: 'body',
    expected: 'every parameter once',
    seen,
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
