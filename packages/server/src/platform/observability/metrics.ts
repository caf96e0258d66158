import type { RefusalCode } from '@tollward/protocol';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

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
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the head of a request to the hand-over of its answer',
    labelNames: ['listener', 'route', 'status'],
    buckets: durationBuckets,
    registers,
  });
  const issued = new Counter({
    name: 'oauth_tokens_issued_total',
    help: 'Access tokens issued',
    labelNames: ['grant'],
    registers,
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

  // Looking a labelled child up costs more than observing it, so the few that exist are kept at hand.
  const observers = new Map<string, { observe(seconds: number): void }>();
  return {
    request: (listener, route, status, durationMs) => {
      const key = `${listener} ${route} ${status}`;
      let observer = observers.get(key);
      if (observer === undefined) {
        observer = duration.labels(listener, route, String(status));
        observers.set(key, observer);
      }
      observer.observe(durationMs / 1_000);
    },
    tokenIssued: (grantType) => issued.inc({ grant: grantType }),
    handshake: (listener, outcome) => handshakes.inc({ listener, outcome }),
    refused: (code) => refusals.inc({ code }),
    refusalsDropped: (reason, count) => dropped.inc({ reason }, count),
    clockSkew: (milliseconds) => skew.set(milliseconds / 1_000),
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
