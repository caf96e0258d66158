import type { Environment, RefusalCode } from '@tollward/protocol';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { createDurationHistogram } from './duration-histogram.js';

/** The soonest end among the certificates of a kind. */
export interface SoonestEnd {
  readonly environment: Environment;
  readonly kind: 'client' | 'partner_authority' | 'platform_authority' | 'listener';
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/** How many client certificates in force end within so many days. */
export interface EndingCertificates {
  readonly environment: Environment;
  readonly withinDays: number;
  readonly count: number;
}

export interface Metrics {
  request(listener: string, route: string, status: number, durationMs: number): void;
  tokenIssued(grantType: string): void;
  handshake(listener: string, outcome: 'completed' | 'failed' | 'refused'): void;
  refused(code: RefusalCode): void;
  refusalsDropped(reason: string, count: number): void;
  usageDropped(): void;
  clockSkew(milliseconds: number): void;
  /** Takes the place of what was said before. */
  certificateEnds(soonest: readonly SoonestEnd[], ending: readonly EndingCertificates[]): void;
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
  const usageDropped = new Counter({
    name: 'credential_uses_dropped_total',
    help: 'Uses of credentials that were not counted because too many others waited to be written',
    registers,
  });
  const skew = new Gauge({ name: 'clock_skew_seconds', help: 'This clock minus the clock of the database', registers });
  const soonestEnd = new Gauge({
    // A time and not what is left of it, so that an alert subtracts and fires also when this is not set any more.
    name: 'certificate_not_after_timestamp_seconds',
    help: 'When the soonest end of a certificate is, in Unix time; of clients those in force, absent when there is none',
    labelNames: ['environment', 'kind'],
    registers,
  });
  const endingCertificates = new Gauge({
    name: 'certificates_expiring',
    help: 'Client certificates in force that end within so many days',
    labelNames: ['environment', 'days'],
    registers,
  });

  return {
    request: (listener, route, status, durationMs) => duration.observe(listener, route, status, durationMs / 1_000),
    tokenIssued: (grantType) => void issuedByGrant.set(grantType, (issuedByGrant.get(grantType) ?? 0) + 1),
    handshake: (listener, outcome) => handshakes.inc({ listener, outcome }),
    refused: (code) => refusals.inc({ code }),
    refusalsDropped: (reason, count) => dropped.inc({ reason }, count),
    usageDropped: () => usageDropped.inc(),
    clockSkew: (milliseconds) => skew.set(milliseconds / 1_000),
    certificateEnds: (soonest, ending) => {
      soonestEnd.reset();
      for (const { environment, kind, notAfter } of soonest) soonestEnd.set({ environment, kind }, notAfter / 1_000);
      for (const { environment, withinDays, count } of ending) {
        endingCertificates.set({ environment, days: withinDays }, count);
      }
    },
    render: async () => `${await registry.metrics()}\n${duration.render()}`,
    contentType: registry.contentType,
  };
}
