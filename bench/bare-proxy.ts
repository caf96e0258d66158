// The reference for calls that are forwarded: the least a competent proxy does on node:https and undici. A client certificate is
// asked for, hop-by-hop headers are dropped (RFC 9110, section 7.6.1), bodies stream both ways with backpressure. Nothing is
// judged, counted or logged.

import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { type Dispatcher, Pool } from 'undici';
import { listenAsOwnProgram, readConfiguration } from './own-programs.js';
import { serverTlsOptions, type TlsFiles } from './server-tls.js';

export interface BareProxyConfiguration extends TlsFiles {
  readonly upstreamUrl: string;
}

const MAXIMUM_CONNECTIONS = 64;
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Names and values in turn, without those that are for one connection only. */
function forwardable(raw: readonly string[], connection: string | undefined): string[] {
  const named =
    connection === undefined
      ? []
      : connection
          .toLowerCase()
          .split(',')
          .map((name) => name.trim());
  const kept: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const lower = name.toLowerCase();
    if (!HOP_BY_HOP.has(lower) && !named.includes(lower)) kept.push(name, raw[index + 1] ?? '');
  }
  return kept;
}

/** Writes an answer of the upstream to the caller. */
class Reply implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#response.once('close', () => {
      if (!this.#response.writableFinished) abort();
    });
  }

  onHeaders(status: number, headers: Buffer[], resume: () => void): boolean {
    if (status < 200) return true;
    const raw = headers.map((part) => part.toString('latin1'));
    const connection = raw.findIndex((part, index) => index % 2 === 0 && part.toLowerCase() === 'connection');
    this.#response.writeHead(status, forwardable(raw, connection === -1 ? undefined : raw[connection + 1]));
    this.#response.on('drain', resume);
    return true;
  }

  onData(chunk: Buffer): boolean {
    return this.#response.write(chunk);
  }

  onComplete(): void {
    this.#response.end();
  }

  onError(): void {
    if (this.#response.headersSent) this.#response.destroy();
    else this.#response.writeHead(502).end();
  }
}

function start({ upstreamUrl, ...files }: BareProxyConfiguration): void {
  const pool = new Pool(upstreamUrl, { connections: MAXIMUM_CONNECTIONS });
  const server = createServer(serverTlsOptions(files), (request, response) => {
    const { url = '/', method = 'GET', rawHeaders, headers } = request;
    const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    const options: Dispatcher.DispatchOptions = {
      path: url,
      method: method as Dispatcher.HttpMethod,
      headers: forwardable(rawHeaders, headers.connection),
      body: hasBody ? request : null,
    };
    pool.dispatch(options, new Reply(response));
  });
  listenAsOwnProgram(server);
}

start(readConfiguration<BareProxyConfiguration>());
