// The reference every ratio is taken against: the least a competent node:https server does for the same exchange.
// TLS, body read, form parse, one HMAC, an answer of the same size. Nothing is stored, decided or logged.

import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { listenAsOwnProgram, readConfiguration } from './own-programs.js';
import { serverTlsOptions, type TlsFiles } from './server-tls.js';

/** One answer. The headers are those of Tollward's answer, so that both write about the same number of bytes. */
export interface BareAnswer {
  readonly bodyBytes: number;
  readonly headers: Readonly<Record<string, string>>;
}

export interface BareConfiguration extends TlsFiles {
  /** Answers by request path. */
  readonly answers: Readonly<Record<string, BareAnswer>>;
}

interface PreparedAnswer {
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string;
}

const HMAC_KEY = randomBytes(32);

function prepareAnswer(answer: BareAnswer): PreparedAnswer {
  const body = JSON.stringify('x'.repeat(answer.bodyBytes - 2));
  return { headers: { ...answer.headers, 'content-length': Buffer.byteLength(body) }, body };
}

function respond(
  request: IncomingMessage,
  response: ServerResponse,
  form: string,
  answers: ReadonlyMap<string, PreparedAnswer>,
): void {
  const answer = answers.get(request.url ?? '');
  const authorization = request.headers.authorization;
  const grantType = new URLSearchParams(form).get('grant_type');
  if (answer === undefined || authorization === undefined || (request.method === 'POST' && grantType === null)) {
    response.writeHead(400).end();
    return;
  }
  createHmac('sha256', HMAC_KEY).update(authorization).digest();
  // A string body: node:http then sends head and body in one write.
  response.writeHead(200, answer.headers).end(answer.body);
}

function start(configuration: BareConfiguration): void {
  const answers = new Map(Object.entries(configuration.answers).map(([path, answer]) => [path, prepareAnswer(answer)]));
  const server = createServer(serverTlsOptions(configuration), (request, response) => {
    let form = '';
    request.on('data', (chunk: Buffer) => {
      form += chunk.toString('latin1');
    });
    request.on('end', () => respond(request, response, form, answers));
  });
  listenAsOwnProgram(server);
}

start(readConfiguration<BareConfiguration>());
