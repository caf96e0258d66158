// The reference every ratio is taken against: the least a competent node:https server does for the same exchange.
// TLS, body read, form parse, one HMAC, an answer of the same size. Nothing is stored, decided or logged.

import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';

/** One answer. The headers are those of Tollward's answer, so that both write about the same number of bytes. */
export interface BareAnswer {
  readonly bodyBytes: number;
  readonly headers: Readonly<Record<string, string>>;
}

export interface BareConfiguration {
  readonly keyFile: string;
  readonly certificateFile: string;
  /** Answers by request path. */
  readonly answers: Readonly<Record<string, BareAnswer>>;
}

/** The line bare prints when it listens. */
export interface BareReady {
  readonly port: number;
}

interface PreparedAnswer {
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string;
}

const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

const TICKET_LIFETIME_SECONDS = 300;
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
  const server = createServer(
    {
      key: readFileSync(configuration.keyFile),
      cert: readFileSync(configuration.certificateFile),
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      ciphers: CIPHERS,
      honorCipherOrder: true,
      ecdhCurve: 'X25519:P-256:P-384',
      requestCert: true,
      rejectUnauthorized: false,
      sessionTimeout: TICKET_LIFETIME_SECONDS,
    },
    (request, response) => {
      let form = '';
      request.on('data', (chunk: Buffer) => {
        form += chunk.toString('latin1');
      });
      request.on('end', () => respond(request, response, form, answers));
    },
  );
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('bare listens on no port');
    const ready: BareReady = { port: address.port };
    process.stdout.write(`${JSON.stringify(ready)}\n`);
  });
  process.once('SIGTERM', () => process.exit(0));
}

start(JSON.parse(process.argv[2] ?? '') as BareConfiguration);
