// A form that a client sends with its secret: to the token (RFC 6749 section 3.2), revocation (RFC 7009) and introspection
// (RFC 7662) endpoints, which differ in what they do for the client and in how they answer.

import { isRefusal, type Refusal } from '../../refusals/index.js';
import type { ClientRequest } from '../../tokens/index.js';
import { type Answer, askForBody, type Exchange, type Route } from './exchange.js';
import { isFormContentType, parseForm, type ReadBody, readBody } from './form-body.js';
import type { RequestHead } from './request-head.js';

export interface ClientFormDependencies {
  /** Resolves when the monotonic clock reaches `at`. */
  readonly waitUntil: (at: number) => Promise<void>;
  readonly clock: () => number;
}

/**
 * A failed client authentication is answered this long after it arrived, whatever was looked up on the way, so that the
 * time says nothing about whether the client exists, was cached, or had how many secrets.
 */
const failureFloorMs = 50;

const noParameters: ReadonlyMap<string, string> = new Map();

export function createClientFormRoute<Outcome extends object>(
  { waitUntil, clock }: ClientFormDependencies,
  act: (request: ClientRequest) => Outcome | Refusal | Promise<Outcome | Refusal>,
  answer: (outcome: Outcome, head: RequestHead, exchange: Exchange) => Answer,
): Route {
  return {
    method: 'POST',
    handle: (exchange, head) => {
      exchange.trace?.enter('body');
      if (head.query !== undefined && head.query !== '') return refuseQuery(head.query);
      const ask = (): void => askForBody(exchange, head);
      return readBody(exchange.request, head.contentLength, ask).then((read) => answerBody(read, exchange, head));
    },
  };

  function answerBody(
    read: ReadBody,
    exchange: Exchange,
    head: RequestHead,
  ): Answer | Refusal | Promise<Answer | Refusal> {
    const parameters = parseParameters(read, head);
    if (isRefusal(parameters)) return parameters;
    const { environment, connection, mtlsUrl, trace } = exchange;
    const outcome = act({
      environment,
      peer: connection.peer,
      address: connection.address.text,
      mtlsUrl,
      authorization: head.authorization,
      parameters,
      // Not when the head arrived: the body may come much later, and what was revoked meanwhile is revoked.
      now: clock(),
      proof: connection.proof,
      trace,
    });
    return outcome instanceof Promise
      ? outcome.then((result) => answerOutcome(result, exchange, head))
      : answerOutcome(outcome, exchange, head);
  }

  function answerOutcome(
    outcome: Outcome | Refusal,
    exchange: Exchange,
    head: RequestHead,
  ): Answer | Refusal | Promise<Refusal> {
    if (!isRefusal(outcome)) return answer(outcome, head, exchange);
    if (outcome.refusal !== 'client_authentication_failed') return outcome;
    return waitUntil(exchange.startedAt + failureFloorMs).then(() => outcome);
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
