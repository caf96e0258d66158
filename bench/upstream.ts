// The API behind every gateway of the bench: constant answers over plain HTTP, as cheap as node:http can be. Its CPU is not counted.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { SMALL_BODY, STREAM_BYTES, STREAM_CHUNK, STREAM_PATH } from './gateway-exchanges.js';
import { listenAsOwnProgram } from './own-programs.js';

const HEADERS = { 'content-type': 'application/json', 'content-length': SMALL_BODY.length };

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'GET' && request.url === STREAM_PATH) {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': STREAM_BYTES });
    pipeline(Readable.from(streamChunks(), { objectMode: false }), response, () => undefined);
    return;
  }
  response.writeHead(200, HEADERS).end(SMALL_BODY);
}

function* streamChunks(): Generator<Buffer> {
  for (let sent = 0; sent < STREAM_BYTES; sent += STREAM_CHUNK.length) yield STREAM_CHUNK;
}

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    answer(request, response);
    return;
  }
  request.resume();
  request.once('end', () => answer(request, response));
});
// A gateway that keeps a connection must not meet its end in the middle of a window.
server.keepAliveTimeout = 0;
server.requestTimeout = 0;
listenAsOwnProgram(server);
