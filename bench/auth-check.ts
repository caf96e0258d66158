// The other half of nginx with auth_request: says whether a bearer token is known, from a set of hashes in memory. The
// answer is an empty 204, because nginx closes the connection of a check that answers with a body.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { listenAsOwnProgram, readConfiguration } from './own-programs.js';

export interface AuthCheckConfiguration {
  /** One token a line: what a check would have learned of a token server by now. */
  readonly tokensFile: string;
}

const SCHEME = 'Bearer ';

function hash(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

function start({ tokensFile }: AuthCheckConfiguration): void {
  const known = new Set(readFileSync(tokensFile, 'utf8').split('\n').map(hash));
  const server = createServer((request, response) => {
    const { authorization = '' } = request.headers;
    const admitted = authorization.startsWith(SCHEME) && known.has(hash(authorization.slice(SCHEME.length)));
    response.writeHead(admitted ? 204 : 401).end();
  });
  server.keepAliveTimeout = 0;
  listenAsOwnProgram(server);
}

start(readConfiguration<AuthCheckConfiguration>());
