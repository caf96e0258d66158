import type { Environment, RefusalCode } from '@tollward/protocol';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { KeyDescription } from '../keys/rotatable-key.js';
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

/** A metric as docs/generated/metrics.md lists it. */
export interface MetricDescription {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly help: string;
}

/** What the metrics ask of the change feed. */
export interface WatchedFeed {
  isFresh(): boolean;
  ageMs(): number;
  isHearing(): boolean;
}

/** How far the audit chain has come. */
export interface AuditChainFigures {
  readonly unlinkedEntries: number;
  readonly lagSeconds: number;
  readonly checkpointAt: number | null;
  readonly fault: string | null;
}

export interface Metrics {
  request(listener: string, route: string, status: number, durationMs: number): void;
  /** The head of an upstream's answer is there. */
  upstreamAnswered(environment: Environment, upstream: string, status: number, durationMs: number): void;
  /** There is no answer of an upstream, or no whole one. */
  upstreamFailed(environment: Environment, upstream: string, kind: string): void;
  tokenIssued(grantType: string): void;
  handshake(listener: string, outcome: 'completed' | 'failed' | 'refused'): void;
  refused(code: RefusalCode): void;
  refusalsDropped(reason: string, count: number): void;
  usageDropped(): void;
  clockSkew(milliseconds: number): void;
  /** Why the facts of a client were read from the database. */
  standingRead(reason: string): void;
  announced(topic: string, source: string): void;
  /** What says how well this process follows the others. */
  watchFeed(feed: WatchedFeed): void;
  /** Takes the place of what was said before. */
  certificateEnds(soonest: readonly SoonestEnd[], ending: readonly EndingCertificates[]): void;
  /** Takes the place of what was said before. */
  keys(descriptions: readonly KeyDescription[]): void;
  /** Counts against the limits were exchanged with other nodes; `leftOut`: keys that were too many for this time. */
  countsExchanged(outcome: 'done' | 'failed', leftOut: number): void;
  /** Rows that had expired were deleted; `lagSeconds`: how long ago those that are left should have gone, 0 for none left. */
  deleted(table: string, rows: number, lagSeconds: number): void;
  /** Which program this is. */
  build(version: string): void;
  /** How many connections a listener has; asked whenever somebody reads the metrics. */
  watchConnections(listener: string, count: () => number): void;
  /** Takes the place of what was said before. Times in milliseconds since the epoch. */
  auditChain(state: AuditChainFigures): void;
  /** Every metric of ours; those of the process come from prom-client. */
  describe(): readonly MetricDescription[];
  /** The text of GET /metrics (Prometheus exposition format). */
  render(): Promise<string>;
  readonly contentType: string;
}

const durationBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

const durationName = 'http_request_duration_seconds';
const durationHelp = 'Time from the head of a request to the hand-over of its answer';
const durationLabels = ['listener', 'route'] as const;
const upstreamName = 'upstream_request_duration_seconds';
const upstreamHelp = "Time from the hand-over of a request to an upstream to the head of the upstream's answer";
const upstreamLabels = ['environment', 'upstream'] as const;

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const duration = createDurationHistogram(durationName, durationHelp, durationBuckets, durationLabels);
  const upstreamDuration = createDurationHistogram(upstreamName, upstreamHelp, durationBuckets, upstreamLabels);
  const upstreamProblems = new Counter({
    name: 'upstream_problems_total',
    help: 'Requests without a whole answer of an upstream: unreachable (not sent), timeout, failed (broke off, or can not be read)',
    labelNames: ['environment', 'upstream', 'kind'],
    registers,
  });
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
  const standingReads = new Counter({
    name: 'standing_reads_total',
    help: 'Reads of the facts of a client, by reason: not in the cache, a no that is confirmed, a cache that is not believed',
    labelNames: ['reason'],
    registers,
  });
  const announcements = new Counter({
    name: 'announcements_total',
    help: 'Changes this process heard of, by topic and by how: most come by notification and again by poll',
    labelNames: ['topic', 'source'],
    registers,
  });
  let watchedFeed: WatchedFeed | undefined;
  const addFeedGauge = (name: string, help: string, read: (feed: WatchedFeed) => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        // Without a feed there is nothing to say, and 0 would be false.
        if (watchedFeed === undefined) this.remove();
        else this.set(read(watchedFeed));
      },
    });
  };
  addFeedGauge(
    'standing_fresh',
    'Whether what is remembered of clients may be believed; 0: every request reads the database',
    (feed) => (feed.isFresh() ? 1 : 0),
  );
  addFeedGauge(
    'standing_last_poll_age_seconds',
    'Since the last good poll of the database was sent',
    (feed) => feed.ageMs() / 1_000,
  );
  addFeedGauge(
    'standing_notifications_arrive',
    'Whether notifications of the database arrive; 0: changes are seen by polling only',
    (feed) => (feed.isHearing() ? 1 : 0),
  );
  const soonestEnd = new Gauge({
    // A time and not what is left of it, so that an alert subtracts and fires also when this is not set any more.
    name: 'certificate_not_after_timestamp_seconds',
    help: 'When the soonest end of a certificate is, in Unix time; of clients those in force, absent when there is none',
    labelNames: ['environment', 'kind'],
    registers,
  });
  const auditUnlinked = new Gauge({
    name: 'audit_unlinked_entries',
    help: 'Audit entries that have no place in the chain yet',
    registers,
  });
  const auditLag = new Gauge({
    name: 'audit_chain_lag_seconds',
    help: 'Age of the oldest audit entry that has no place in the chain yet',
    registers,
  });
  const auditCheckpoint = new Gauge({
    // A time and not its age, so that an alert subtracts and fires also when this is not set any more.
    name: 'audit_checkpoint_timestamp_seconds',
    help: 'When the newest checkpoint of the audit chain was signed, in Unix time; 0: never. One is due every hour',
    registers,
  });
  const auditBroken = new Gauge({
    name: 'audit_chain_broken',
    help: '1: this process found the audit chain changed behind its back since it was started',
    registers,
  });
  const endingCertificates = new Gauge({
    name: 'certificates_expiring',
    help: 'Client certificates in force that end within so many days',
    labelNames: ['environment', 'days'],
    registers,
  });

  const exchanges = new Counter({
    name: 'rate_exchanges_total',
    help: 'Exchanges of counts with other nodes, by outcome; while they fail, limits hold for each node by itself',
    labelNames: ['outcome'],
    registers,
  });
  const exchangesLeftOut = new Counter({
    name: 'rate_exchange_keys_left_out_total',
    help: 'Keys whose counts had to wait for the next exchange, because too many others were busier',
    registers,
  });
  const deletedRows = new Counter({
    name: 'deleted_rows_total',
    help: 'Rows deleted after they had expired',
    labelNames: ['table'],
    registers,
  });
  const deleterLag = new Gauge({
    name: 'deleter_lag_seconds',
    help: 'How long ago the oldest row that is left should have been deleted; 0 when none is',
    labelNames: ['table'],
    registers,
  });

  const keyLabels = ['kind', 'environment'];
  const activeSince = new Gauge({
    name: 'key_active_since_timestamp_seconds',
    help: 'Since when the key in use has been in use, in Unix time',
    labelNames: keyLabels,
    registers,
  });
  const replacedAt = new Gauge({
    name: 'key_replaced_at_timestamp_seconds',
    help: 'When the key in use is replaced, in Unix time; absent where only a command does it',
    labelNames: keyLabels,
    registers,
  });
  const keyCounts = new Gauge({
    name: 'keys_total',
    help: 'Keys by state: next, active, retired',
    labelNames: [...keyLabels, 'state'],
    registers,
  });
  const buildInfo = new Gauge({
    name: 'tollward_build_info',
    help: 'Always 1; which Tollward on which Node this is',
    labelNames: ['version', 'node'],
    registers,
  });
  const connectionCounts = new Map<string, () => number>();
  new Gauge({
    name: 'tls_connections_open',
    help: 'Connections a listener has now, those in their handshake included',
    labelNames: ['listener'],
    registers,
    collect() {
      for (const [listener, count] of connectionCounts) this.set({ listener }, count());
    },
  });

  return {
    request: (listener, route, status, durationMs) => duration.observe(listener, route, status, durationMs / 1_000),
    upstreamAnswered: (environment, upstream, status, durationMs) =>
      upstreamDuration.observe(environment, upstream, status, durationMs / 1_000),
    upstreamFailed: (environment, upstream, kind) => upstreamProblems.inc({ environment, upstream, kind }),
    tokenIssued: (grantType) => void issuedByGrant.set(grantType, (issuedByGrant.get(grantType) ?? 0) + 1),
    handshake: (listener, outcome) => handshakes.inc({ listener, outcome }),
    refused: (code) => refusals.inc({ code }),
    refusalsDropped: (reason, count) => dropped.inc({ reason }, count),
    usageDropped: () => usageDropped.inc(),
    countsExchanged: (outcome, leftOut) => {
      exchanges.inc({ outcome });
      exchangesLeftOut.inc(leftOut);
    },
    deleted: (table, rows, lagSeconds) => {
      deletedRows.inc({ table }, rows);
      deleterLag.set({ table }, lagSeconds);
    },
    clockSkew: (milliseconds) => skew.set(milliseconds / 1_000),
    standingRead: (reason) => standingReads.inc({ reason }),
    announced: (topic, source) => announcements.inc({ topic, source }),
    watchFeed: (feed) => {
      watchedFeed = feed;
    },
    certificateEnds: (soonest, ending) => {
      soonestEnd.reset();
      for (const { environment, kind, notAfter } of soonest) soonestEnd.set({ environment, kind }, notAfter / 1_000);
      for (const { environment, withinDays, count } of ending) {
        endingCertificates.set({ environment, days: withinDays }, count);
      }
    },
    keys: (descriptions) => {
      for (const gauge of [activeSince, replacedAt, keyCounts]) gauge.reset();
      for (const { kind, state, activeFrom, activeUntil, ...key } of descriptions) {
        const labels = { kind, environment: key.environment ?? 'both' };
        keyCounts.inc({ ...labels, state });
        if (state !== 'active') continue;
        activeSince.set(labels, activeFrom / 1_000);
        if (activeUntil !== null) replacedAt.set(labels, activeUntil / 1_000);
      }
    },
    build: (version) => buildInfo.set({ version, node: process.versions.node }, 1),
    auditChain: ({ unlinkedEntries, lagSeconds, checkpointAt, fault }) => {
      auditUnlinked.set(unlinkedEntries);
      auditLag.set(lagSeconds);
      auditCheckpoint.set((checkpointAt ?? 0) / 1_000);
      auditBroken.set(fault === null ? 0 : 1);
    },
    watchConnections: (listener, count) => void connectionCounts.set(listener, count),
    describe: () => [
      { name: durationName, type: 'histogram', labels: [...durationLabels, 'status'], help: durationHelp },
      { name: upstreamName, type: 'histogram', labels: [...upstreamLabels, 'status'], help: upstreamHelp },
      ...registry
        .getMetricsAsArray()
        .filter(({ name }) => !/^(process|nodejs)_/.test(name))
        .map((metric) => ({
          name: metric.name,
          type: String(metric.type),
          labels: labelsOf(metric),
          help: metric.help,
        })),
    ],
    render: async () => `${await registry.metrics()}\n${duration.render()}${upstreamDuration.render()}`,
    contentType: registry.contentType,
  };
}

/** The types of the library leave them out. */
function labelsOf(metric: object): readonly string[] {
  return 'labelNames' in metric && Array.isArray(metric.labelNames) ? metric.labelNames.map(String) : [];
}
