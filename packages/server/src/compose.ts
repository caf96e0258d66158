// The composition root: opened storage and settings in, started listeners out. The only file that knows everybody.

import { hostname } from 'node:os';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from '@tollward/protocol';
import { type AuditChain, openAuditChain } from './audit/index.js';
import { openBrought } from './brought-authorities.js';
import { type Authorities, openAuthorities } from './certificates/index.js';
import { createHmacKeyRotation, createSecretRehasher } from './clients/index.js';
import { createExpiryRoutine } from './expiry-routine.js';
import {
  createIdentityAssertions,
  createProfileDirectory,
  createProfileQuestion,
  openPolicies,
} from './gateway/index.js';
import { createKeyCommands } from './key-commands.js';
import { createKeyRoutine } from './key-routine.js';
import { noteTicketKey } from './note-ticket-key.js';
import { listenerNames, openListeners, portsFrom, servedEnvironments } from './open-listeners.js';
import { createClockWatch, notReadySkewMs } from './platform/clock-watch.js';
import { coalesce } from './platform/coalesce.js';
import type { SettingFiles } from './platform/config/load-settings.js';
import type { Settings } from './platform/config/settings.js';
import { type ChangeFeed, openChangeFeed } from './platform/database/change-feed.js';
import type { Database } from './platform/database/database.js';
import { findUnavailable } from './platform/database/database-errors.js';
import { createDeleter } from './platform/database/deleter.js';
import { every } from './platform/every.js';
import { newId } from './platform/ids.js';
import { type HmacKeyring, openHmacKeyring } from './platform/keys/hmac-keyring.js';
import type { MasterKey } from './platform/keys/master-key.js';
import { assertMasterKeyFits } from './platform/keys/master-key-use.js';
import type { RotatableKey } from './platform/keys/rotatable-key.js';
import { listenOn } from './platform/listeners/listen.js';
import { openTicketKeys } from './platform/listeners/ticket-keys.js';
import { defaultTimes, type TlsListenerTimes } from './platform/listeners/tls-listener.js';
import type { Log } from './platform/observability/log.js';
import { createMetrics, type Metrics } from './platform/observability/metrics.js';
import { openTracing } from './platform/observability/tracing.js';
import { createHexIds, createRandomPool, type RandomBytes } from './platform/random.js';
import { countsExchangeMs, createSharedCounts } from './platform/shared-counts.js';
import { createTurns } from './platform/turns.js';
import { createUpstreamPools } from './platform/upstreams/upstream-pools.js';
import { createUpstreamProblems } from './platform/upstreams/upstream-problem.js';
import { createRefusalRecorder, type RefusalRecorder } from './refusals/index.js';
import { openServerCertificates } from './server-certificates.js';
import type { KeyCommands } from './surfaces/management/routes/keys.js';
import { createOperationsServer, type HealthCheck } from './surfaces/operations/operations-surface.js';
import type { ListenerName } from './surfaces/wire/exchange.js';
import type { InjectedFaults } from './surfaces/wire/injected-faults.js';
import { createForwardedRoutes } from './surfaces/wire/protected.js';
import { createOwnRoutes, namesOf } from './surfaces/wire/routes.js';
import {
  createStanding,
  createTokenOpener,
  openSigningKeys,
  openTokenKeyring,
  type Standing,
  type TokenOpener,
} from './tokens/index.js';
import { createUsageRecorder, type UsageRecorder } from './usage/index.js';
import { version } from './version.js';

export interface TollwardOptions {
  readonly settings: Settings;
  /** The files that settings came from. */
  readonly files?: SettingFiles;
  readonly database: Database;
  readonly masterKey: MasterKey;
  readonly log: Log;
  /** Base URL of the API behind an environment. It is asked for whenever it is needed; left out, the settings say it. */
  readonly upstreamUrl?: (environment: Environment) => string | undefined;
  readonly clock?: () => number;
  readonly times?: TlsListenerTimes;
  /** Left out by everything but `tollward dev`. */
  readonly injectedFaults?: InjectedFaults;
}

export interface RunningTollward {
  readonly listeners: readonly {
    readonly environment: Environment;
    readonly listener: ListenerName;
    readonly url: string;
  }[];
  readonly operationsUrl: string;
  /**
   * Every route of the wire surface, the same on each listener of an environment: `GET /v1/authenticated/playground`,
   * `POST /v3/profiles/{profileId}/quotes`. HEAD goes with GET.
   */
  routesOf(environment: Environment): readonly string[];
  urlOf(environment: Environment, listener: ListenerName): string;
  readonly core: TollwardCore;
  checkReadiness(): Promise<readonly HealthCheck[]>;
  isReady(): Promise<boolean>;
  /** Reads the files of server certificates again and shows what is new in them. */
  refreshCertificates(): Promise<void>;
  /** Reads the files of the route policies again. Calls in flight go on as they began. */
  reloadPolicies(): Promise<void>;
  /**
   * Drains: not ready, no new connections, running requests end or are cut after `graceMs`, connections without a request
   * are closed after `idleMs` or told so in their next answer, then storage is let go.
   */
  close(graceMs: number, idleMs?: number): Promise<void>;
}

/** What the surfaces share. */
export interface TollwardCore {
  readonly database: Database;
  readonly feed: ChangeFeed;
  readonly authorities: Authorities;
  readonly hmacKeys: HmacKeyring;
  readonly audit: AuditChain;
  /** Every kind of key this installation replaces. */
  readonly keys: readonly RotatableKey[];
  readonly keyCommands: KeyCommands;
  readonly standing: Standing;
  readonly tokens: TokenOpener;
  readonly refusals: RefusalRecorder;
  readonly usage: UsageRecorder;
  readonly metrics: Metrics;
  readonly clock: () => number;
  readonly random: RandomBytes;
}

const housekeepingMs = 60_000;
const deleteMs = 10_000;
const clockCheckMs = 10_000;
const auditChainMs = 1_000;
const certificateCheckMs = 10_000;
/** How far apart nodes may change over to the next ticket key. */
const ticketKeyCheckMs = 5_000;
const expiryCheckMs = 60 * 60_000;
/** A node that could not read the database for so long believes nothing it remembers. */
const standingBoundMs = 1_500;
/** A database that has fallen silent must not keep a stopping process: what is left to write can be spared. */
const lastWritesMs = 5_000;
const letGoMs = 2_000;

/** Starts on an opened and migrated database, which it closes with the rest; when starting fails, that is left to the caller. */
export async function startTollward(options: TollwardOptions): Promise<RunningTollward> {
  const closers: (() => Promise<void>)[] = [];
  try {
    return await start(options, closers);
  } catch (error) {
    for (const close of closers.reverse()) await close();
    throw error;
  }
}

async function start(options: TollwardOptions, closers: (() => Promise<void>)[]): Promise<RunningTollward> {
  const { settings, files = {}, database, masterKey, log, clock = Date.now, times = defaultTimes } = options;
  const settledUrls = { sandbox: settings.sandboxUpstream, production: settings.productionUpstream };
  const upstreamUrl = options.upstreamUrl ?? ((environment: Environment) => settledUrls[environment]);
  const monotonic = (): number => performance.now();
  const random = createRandomPool();
  const newHexId = createHexIds(random);
  const metrics = createMetrics();
  metrics.build(version);
  const now = clock();
  const nodeId = newId('nod', now, random);
  const served = servedEnvironments(settings);
  const policies = await openPolicies({ settings, files, environments: served, log });

  await assertMasterKeyFits(database, masterKey);
  const keys: RotatableKey[] = [];
  const reloadKeys = async (): Promise<void> => void (await Promise.all(keys.map((key) => key.reload())));
  const standing = createStanding({
    database,
    clock,
    isFresh: () => feed.isFresh(),
    onRead: metrics.standingRead,
  });
  const feed = await openChangeFeed({
    database,
    node: { id: nodeId, name: `${hostname()}:${process.pid}`, version, environments: served },
    log,
    monotonic,
    boundMs: standingBoundMs + settings.unsafeServeStaleStandingSeconds * 1_000,
    onAnnouncement: async ({ topic, environment, subject }, source) => {
      metrics.announced(topic, source);
      if (topic === 'keys') await reloadKeys();
      else if (environment !== null) standing.invalidate(environment, subject);
    },
    onGap: async () => {
      standing.clear();
      await reloadKeys();
    },
  });
  closers.push(() => feed.close());
  metrics.watchFeed(feed);

  const databaseNow = (): Promise<number> => database.clock();
  const keysNow = await databaseNow();
  // After the feed: what another node changes while these are read is announced.
  const brought = await openBrought(settings, now, { database, log, random });
  const authorities = await openAuthorities(database, masterKey, keysNow, random, brought);
  keys.push(...authorities.keys);
  const serverCertificates = await openServerCertificates(
    { settings, files, environments: served, authorities, log },
    now,
  );
  const ticketKeys = await openTicketKeys(database, masterKey, keysNow, noteTicketKey(random));
  keys.push(ticketKeys.key);
  const hmacKeys = await openHmacKeyring(database, masterKey, keysNow);
  const tokenKeys = await openTokenKeyring({ database, masterKey, random, monotonic, databaseNow }, keysNow);
  keys.push(tokenKeys.rotation, createHmacKeyRotation({ database, masterKey, random, reload: hmacKeys.reload }));
  const keyCommands = createKeyCommands({ database, masterKey, keys, tokenKeys: tokenKeys.rotation, random });
  const rehasher = createSecretRehasher({ database, standingChanged: standing.invalidate });
  const tokens = createTokenOpener(tokenKeys, () => feed.isFresh());
  const signingKeys = await openSigningKeys({ database, masterKey, random }, keysNow);
  keys.push(signingKeys);
  const auditChain = { database, masterKey, random, logger: log.logger, onState: metrics.auditChain };
  const audit = await openAuditChain(auditChain, now);
  keys.push(audit.keys);
  // What changed between the reading of a kind and its place in the list was announced to nobody.
  await reloadKeys();
  const refusals = createRefusalRecorder({ database, onDropped: metrics.refusalsDropped });
  const usage = createUsageRecorder(database, metrics.usageDropped);
  const clockWatch = createClockWatch(database, clock, log.logger, metrics.clockSkew);
  await clockWatch.check();

  let started = false;
  let draining = false;
  const checkReadiness = async (): Promise<readonly HealthCheck[]> => [
    { name: 'accepting', ok: !draining },
    await checkDatabase(database),
    { name: 'standing', ok: feed.isFresh(), detail: `the last good poll was sent ${Math.round(feed.ageMs())} ms ago` },
    {
      name: 'clock',
      ok: clockWatch.provenSkewMs() <= notReadySkewMs,
      detail: `${Math.abs(clockWatch.skewMs())} ms apart from the database's clock`,
    },
  ];

  const sharedCounts = createSharedCounts({
    database,
    node: nodeId,
    clock,
    skewMs: clockWatch.skewMs,
    log,
    onExchange: metrics.countsExchanged,
  });
  const clientRates = sharedCounts.limiter('clients');
  const failureRates = sharedCounts.limiter('address-failures');
  const routeRates = sharedCounts.limiter('routes');
  const tellProblem = createUpstreamProblems(log.logger, monotonic);
  const upstreams = createUpstreamPools({
    urlOf: upstreamUrl,
    monotonic,
    onAnswered: metrics.upstreamAnswered,
    onProblem: (environment, upstream, problem) => {
      metrics.upstreamFailed(environment, upstream, problem.kind);
      tellProblem(environment, upstream, problem);
    },
  });
  closers.push(() => upstreams.destroy());
  const assertions = createIdentityAssertions({
    signingKeys,
    issuerOf: (environment) => listeners.urlOf(environment, 'api'),
  });
  const ask = createProfileQuestion({ policies, upstreams, assertions, clock, newTraceId: newHexId });
  const shared = {
    clients: standing,
    hmacKeys,
    onOldHash: rehasher.note,
    tokenKeys,
    tokens,
    inTurn: createTurns(),
    clientRates,
    defaultClientLimits: { perSecond: settings.clientRequestsPerSecond, perMinute: settings.clientRequestsPerMinute },
    routeRates,
    profiles: createProfileDirectory({ ask, clock }),
    unsafeNoSca: settings.unsafeNoSca === 'true',
    random,
    newTokenId: newHexId,
    waitUntil: async (at: number) => void (await delay(Math.max(0, at - monotonic()))),
    onIssued: metrics.tokenIssued,
    usage,
    clock,
    database,
    standingChanged: standing.invalidate,
    signingKeys,
    urlOf: (environment: Environment, listener: ListenerName) => listeners.urlOf(environment, listener),
    policies,
    upstreams,
    assertions,
    failureRates,
    isDraining: () => draining,
  };
  const routes = { own: createOwnRoutes(shared), forwarded: createForwardedRoutes(shared) };
  const listeners = await openListeners({
    settings,
    authorities,
    serverCertificates,
    ticketKeys,
    times,
    failureRates,
    routes,
    clock,
    monotonic,
    newTraceId: newHexId,
    log,
    metrics,
    tracing: openTracing(monotonic),
    refusals,
    isDraining: shared.isDraining,
    injectedFaults: options.injectedFaults,
  });
  closers.push(() => listeners.close(0));

  const operations = createOperationsServer({ metrics, isStarted: () => started, checkReadiness });
  await listenOn(operations, settings.operationsHost, portsFrom(settings.portBase).operations);
  const closeOperations = async (): Promise<void> => {
    operations.closeAllConnections();
    await new Promise<void>((resolve) => operations.close(() => resolve()));
  };
  closers.push(closeOperations);

  const { ownCertificates, urlOf } = listeners;
  const checkExpiry = createExpiryRoutine({ database, usage, log, metrics, ownCertificates, clock });
  const refreshCertificates = coalesce(async () => {
    // The figures are to tell of the new ones at once.
    if (await listeners.refreshCertificates()) await checkExpiry();
  });
  const deleteExpired = createDeleter({ database, clock, monotonic, onDeleted: metrics.deleted });
  const routines = [
    every(deleteMs, log, 'deleting what has expired', deleteExpired),
    every(countsExchangeMs, log, 'the exchange of counts', sharedCounts.exchange),
    every(housekeepingMs, log, 'keys', createKeyRoutine({ keys, log, metrics, clock, databaseNow }), 'now'),
    every(housekeepingMs, log, 'counting uses', () => usage.flush()),
    every(auditChainMs, log, 'the audit chain', () => audit.turn(clock())),
    every(clockCheckMs, log, 'clock check', () => clockWatch.check()),
    every(certificateCheckMs, log, 'server certificates', refreshCertificates),
    every(ticketKeyCheckMs, log, 'ticket keys', async () => listeners.refreshTicketKeys()),
    every(expiryCheckMs, log, 'expiry notices', checkExpiry, 'now'),
  ];
  started = true;
  const operationsAddress = operations.address();
  return {
    listeners: served.flatMap((environment) =>
      listenerNames.map((listener) => ({ environment, listener, url: urlOf(environment, listener) })),
    ),
    operationsUrl: `http://${urlHost(settings.operationsHost)}:${typeof operationsAddress === 'object' ? operationsAddress?.port : ''}`,
    routesOf: (environment) => namesOf(routes.own, policies.of(environment).policy.routes),
    urlOf,
    core: {
      database,
      feed,
      authorities,
      hmacKeys,
      audit,
      keys,
      keyCommands,
      standing,
      tokens,
      refusals,
      usage,
      metrics,
      clock,
      random,
    },
    checkReadiness,
    refreshCertificates,
    reloadPolicies: () => policies.reload(),
    isReady: async () => (await checkReadiness()).every(({ ok }) => ok),
    close: async (graceMs, idleMs = 0) => {
      draining = true;
      // At once: a routine that waits for a database which does not answer must not keep the listeners open.
      await Promise.all([listeners.close(graceMs, idleMs), ...routines.map((routine) => routine.stop())]);
      await upstreams.destroy();
      await atMost(lastWritesMs, [
        refusals.flush(),
        usage.flush().catch((error: unknown) => log.logger.error({ error }, 'the last uses could not be written')),
        audit
          .seal(clock())
          .catch((error: unknown) => log.logger.error({ error }, 'the audit chain could not be sealed')),
      ]);
      await closeOperations();
      await feed.close();
      await atMost(letGoMs, [database.close()]);
    },
  };
}

async function checkDatabase(database: Database): Promise<HealthCheck> {
  try {
    database.assertWritable();
    await database.clock();
    return { name: 'database', ok: true };
  } catch (error) {
    const detail = findUnavailable(error)?.message ?? 'It fails with a fault that is not expected.';
    return { name: 'database', ok: false, detail };
  }
}

/** Resolves when all of them are done, or when the time is over. */
async function atMost(ms: number, work: readonly Promise<unknown>[]): Promise<void> {
  const ended = new AbortController();
  await Promise.race([Promise.all(work), delay(ms, undefined, { signal: ended.signal }).catch(() => undefined)]);
  ended.abort();
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
