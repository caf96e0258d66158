// Health and metrics on a loopback port of their own, plain HTTP, for probes and Prometheus.

import { createServer, type RequestListener, type Server } from 'node:http';
import type { Metrics } from '../../platform/observability/metrics.js';

export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail?: string;
}

export interface OperationsDependencies {
  readonly metrics: Metrics;
  /** Whether start-up is over. */
  readonly isStarted: () => boolean;
  readonly checkReadiness: () => Promise<readonly HealthCheck[]>;
}

export function createOperationsServer(dependencies: OperationsDependencies): Server {
  const handle: RequestListener = (request, response) => {
    answer(request.url ?? '', request.method ?? '', dependencies)
      .catch((): OperationsAnswer => ({ status: 500, type: 'application/json', body: '{"status":"fault"}' }))
      .then(({ status, type, body }) => {
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
        response.end(body);
      })
      .catch(() => response.destroy());
  };
  return createServer({ headersTimeout: 5_000, requestTimeout: 10_000, maxHeaderSize: 8 * 1024 }, handle);
}

interface OperationsAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

async function answer(url: string, method: string, dependencies: OperationsDependencies): Promise<OperationsAnswer> {
  if (method !== 'GET' && method !== 'HEAD') return health(405, []);
  switch (url.split('?', 1)[0] ?? '') {
    case '/health/live':
      return health(200, []);
    case '/health/startup':
      return health(dependencies.isStarted() ? 200 : 503, [{ name: 'startup', ok: dependencies.isStarted() }]);
    case '/health/ready': {
      const checks = await dependencies.checkReadiness();
      return health(checks.every(({ ok }) => ok) ? 200 : 503, checks);
    }
    case '/metrics':
      return { status: 200, type: dependencies.metrics.contentType, body: await dependencies.metrics.render() };
    default:
      return health(404, []);
  }
}

const statusWords: Readonly<Record<number, string>> = { 200: 'ok', 404: 'unknown path', 405: 'GET only' };

function health(status: number, checks: readonly HealthCheck[]): OperationsAnswer {
  const body = JSON.stringify({ status: statusWords[status] ?? 'failed', checks });
  return { status, type: 'application/json', body: `${body}\n` };
}
