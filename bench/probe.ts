// One ordinary request, to see what the measured answers look like before they are measured.

import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { buffer } from 'node:stream/consumers';
import type { HttpExchange, TlsTarget } from './load-plan.js';

export interface ProbedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What node:http writes by itself, so bare must not write it again. */
const WRITTEN_BY_NODE = new Set(['date', 'connection', 'keep-alive', 'content-length', 'transfer-encoding']);

export function probe(target: TlsTarget, exchange: HttpExchange): Promise<ProbedAnswer> {
  return new Promise((resolve, reject) => {
    const call = request({
      host: target.host,
      port: target.port,
      path: exchange.path,
      method: exchange.method,
      headers: exchange.headers,
      ca: readFileSync(target.caFile),
      cert: readFileSync(target.clientCertificateFile),
      key: readFileSync(target.clientKeyFile),
      agent: false,
    });
    call.once('error', reject);
    call.once('response', (response) => {
      const headers = Object.entries(response.headers)
        .filter(([name]) => !WRITTEN_BY_NODE.has(name))
        .map(([name, value]) => [name, String(value)]);
      buffer(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, headers: Object.fromEntries(headers), body }),
        reject,
      );
    });
    call.end(exchange.body);
  });
}
