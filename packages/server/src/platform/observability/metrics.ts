import type { RefusalCode } from '@tollward/protocol';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { createDurationHistogram } from './duration-histogram.js';

export interface Metrics {
  request(listener: string, route: string, status: number, durationMs: number): void;
  tokenIssued(grantType: string): void;
  handshake(listener: string, outcome: 'completed' | 'failed' | 'refused'): void;
  refused(code: RefusalCode): void;
  refusalsDropped(reason: string, count: number): void;
  clockSkew(milliseconds: number): void;
  /** The text of GET /metrics (Prometheus exposition format). */
  render(): Promise<string>;
  readonly contentType: string;
}

const durationBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const duration = createDurationHistogram(
    'http_request_duration_seconds',
    'Time from the head of a request to the hand-over of its answer',
    durationBuckets,
  );
  // Counted by hand and handed over when asked for, as the durations: it happens on every token request.
  const issuedByGrant = new Map<string, number>();
  new Counter({
    name: 'oauth_tokens_issued_total',
    help: 'Access tokens issued',
    labelNames: ['grant'],
    registers,
    collect() {
      this.reset();
      for (const [grant, count] of issuedByGrant) this.inc({ grant }, count);
    },
  });
  const handshakes = new Counter({
    name: 'tls_handshakes_total',
    help: 'TLS handshakes by outcome; refused ones never started',
    labelNames: ['listener', 'outcome'],
    registers,
  });
  const refusals = new Counter({ name: 'refusals_total', help: 'Refusals by code', labelNames: ['code'], registers });
  const dropped = new Counter({
    name: 'refusals_dropped_total',
    help: 'Refusals counted but not kept for explain',
    labelNames: ['reason'],
    registers,
  });
  const skew = new Gauge({ name: 'clock_skew_seconds', help: 'This clock minus the clock of the database', registers });

  return {
    request: (listener, route, status, durationMs) => duration.observe(listener, route, status, durationMs / 1_000),
    tokenIssued: (grantType) => void issuedByGrant.set(grantType, (issuedByGrant.get(grantType) ?? 0) + 1),
    handshake: (listener, outcome) => handshakes.inc({ listener, outcome }),
    refused: (code) => refusals.inc({ code }),
    refusalsDropped: (reason, count) => dropped.inc({ reason }, count),
    clockSkew: (milliseconds) => skew.set(milliseconds / 1_000),
    render: async () => `${await registry.metrics()}\n${duration.render()}`,
    contentType: registry.contentType,
  };
}
