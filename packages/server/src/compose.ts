// The composition root: opened storage and settings in, started listeners out. The only file that knows everybody.

import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { type Environment, environments } from '@tollward/protocol';
import { openBrought } from './brought-authorities.js';
import {
  type Authorities,
  listOwnCertificates,
  type OwnCertificate,
  openAuthorities,
  signServerCertificate,
} from './certificates/index.js';
import { createExpiryRoutine } from './expiry-routine.js';
import { createClockWatch, notReadySkewMs } from './platform/clock-watch.js';
import type { Settings } from './platform/config/settings.js';
import type { Database } from './platform/database/database.js';
import { DatabaseUnavailableError } from './platform/database/database-errors.js';
import { every } from './platform/every.js';
import { type HmacKeyring, openHmacKeyring } from './platform/keys/hmac-keyring.js';
import type { MasterKey } from './platform/keys/master-key.js';
import { listenOn } from './platform/listeners/listen.js';
import { decideMaximumConnections, readOpenFileLimit } from './platform/listeners/maximum-connections.js';
import {
  defaultTimes,
  type Listener,
  openTlsListener,
  type TlsListenerTimes,
} from './platform/listeners/tls-listener.js';
import type { Log } from './platform/observability/log.js';
import { createMetrics, type Metrics } from './platform/observability/metrics.js';
import { createHexIds, createRandomPool, type RandomBytes } from './platform/random.js';
import { createRateLimiter } from './platform/rate-limiter.js';
import { createRefusalRecorder, type RefusalRecorder } from './refusals/index.js';
import { createOperationsServer, type HealthCheck } from './surfaces/operations/operations-surface.js';
import type { ListenerName } from './surfaces/wire/exchange.js';
import { createRoutes } from './surfaces/wire/routes.js';
import { createWireSurface } from './surfaces/wire/wire-surface.js';
import {
  createStanding,
  createTokenOpener,
  openTokenKeyring,
  type Standing,
  type TokenOpener,
} from './tokens/index.js';
import { createUsageRecorder, type UsageRecorder } from './usage/index.js';

export interface TollwardOptions {
  readonly settings: Settings;
  readonly database: Database;
  readonly masterKey: MasterKey;
  readonly log: Log;
  readonly clock?: () => number;
  readonly times?: TlsListenerTimes;
}

export interface RunningTollward {
  readonly listeners: readonly {
    readonly environment: Environment;
    readonly listener: ListenerName;
    readonly url: string;
  }[];
  readonly operationsUrl: string;
  /** Every route of the wire surface, the same on each listener: `GET /v1/authenticated/playground`. */
  readonly routes: readonly string[];
  urlOf(environment: Environment, listener: ListenerName): string;
  readonly core: TollwardCore;
  isReady(): Promise<boolean>;
  /** Drains: not ready, no new connections, running requests end or are cut after `graceMs`, then storage is let go. */
  close(graceMs: number): Promise<void>;
}

/** What the surfaces share. */
export interface TollwardCore {
  readonly database: Database;
  readonly authorities: Authorities;
  readonly hmacKeys: HmacKeyring;
  readonly standing: Standing;
  readonly tokens: TokenOpener;
  readonly refusals: RefusalRecorder;
  readonly usage: UsageRecorder;
  readonly metrics: Metrics;
  readonly clock: () => number;
  readonly random: RandomBytes;
}

const listenerNames = ['api', 'api-mtls'] as const satisfies readonly ListenerName[];
const listenerHosts = ['localhost', '127.0.0.1', '::1'];
const housekeepingMs = 60_000;
const clockCheckMs = 10_000;
const expiryCheckMs = 60 * 60_000;

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
  const { settings, database, masterKey, log, clock = Date.now, times = defaultTimes } = options;
  const random = createRandomPool();
  const newHexId = createHexIds(random);
  const metrics = createMetrics();
  const now = clock();
  const brought = await openBrought(settings, now, { database, log, random });
  const authorities = await openAuthorities(database, masterKey, now, random, brought);
  const hmacKeys = await openHmacKeyring(database, masterKey, now);
  const tokenKeys = await openTokenKeyring(database, masterKey, now);
  const standing = createStanding(database, clock);
  const tokens = createTokenOpener(tokenKeys);
  const refusals = createRefusalRecorder({ database, onDropped: metrics.refusalsDropped });
  const usage = createUsageRecorder(database, metrics.usageDropped);
  const clockWatch = createClockWatch(database, clock, log.logger, metrics.clockSkew);
  await clockWatch.check();

  let started = false;
  let draining = false;
  const checkReadiness = async (): Promise<readonly HealthCheck[]> => [
    { name: 'accepting', ok: !draining },
    await checkDatabase(database),
    { name: 'lock', ok: database.exclusivity() !== undefined },
    {
      name: 'clock',
      ok: clockWatch.provenSkewMs() <= notReadySkewMs,
      detail: `${Math.abs(clockWatch.skewMs())} ms apart from the database's clock`,
    },
  ];

  const monotonic = (): number => performance.now();
  const clientRates = createRateLimiter();
  const routes = createRoutes({
    clients: standing,
    hmacKeys,
    tokenKeys,
    tokens,
    clientRates,
    defaultClientLimits: { perSecond: settings.clientRequestsPerSecond, perMinute: settings.clientRequestsPerMinute },
    random,
    newTokenId: newHexId,
    waitUntil: async (at) => void (await delay(Math.max(0, at - monotonic()))),
    onIssued: metrics.tokenIssued,
    usage,
    clock,
  });
  const addressLimits = {
    requests: { perSecond: settings.addressRequestsPerSecond, perMinute: settings.addressRequestsPerMinute },
    failures: { perSecond: settings.addressFailuresPerSecond, perMinute: settings.addressFailuresPerMinute },
    handshakes: { perSecond: settings.addressHandshakesPerSecond, perMinute: settings.addressHandshakesPerMinute },
  };
  const addressRates = {
    requests: createRateLimiter(),
    failures: createRateLimiter(),
    handshakes: createRateLimiter(),
  };

  const ports = portsFrom(settings.portBase);
  const opened = new Map<string, Listener>();
  const urlOf = (environment: Environment, listener: ListenerName): string =>
    `https://localhost:${opened.get(`${environment} ${listener}`)?.port ?? 0}`;

  const maximumConnections = decideMaximumConnections(readOpenFileLimit(), environments.length * listenerNames.length);
  const ownCertificates: OwnCertificate[] = [];
  for (const environment of environments) {
    const certificate = await signServerCertificate({
      authority: authorities[environment].platform,
      hosts: listenerHosts,
      now,
    });
    ownCertificates.push(...listOwnCertificates(environment, authorities[environment], certificate.chainPem));
    for (const listener of listenerNames) {
      const surface = createWireSurface({
        environment,
        listener,
        mtlsUrl: () => urlOf(environment, 'api-mtls'),
        routes,
        addressLimits,
        addressRates,
        clock,
        monotonic,
        newTraceId: newHexId,
        log,
        metrics,
        refusals,
        isDraining: () => draining,
        isTransient: (error) => error instanceof DatabaseUnavailableError,
      });
      const name = `${environment} ${listener}`;
      const tlsOptions = {
        name,
        ...certificate,
        requestClientCertificate: listener === 'api-mtls',
        times,
        maximumConnections,
        onHandshake: (outcome: 'completed' | 'failed' | 'refused') => metrics.handshake(name, outcome),
        ...surface,
      };
      const running = await openTlsListener(tlsOptions, settings.host, ports[environment][listener]);
      opened.set(name, running);
      closers.push(() => running.close(0));
    }
  }

  const operations = createOperationsServer({ metrics, isStarted: () => started, checkReadiness });
  await listenOn(operations, '127.0.0.1', ports.operations);
  const closeOperations = async (): Promise<void> => {
    operations.closeAllConnections();
    await new Promise<void>((resolve) => operations.close(() => resolve()));
  };
  closers.push(closeOperations);

  const checkExpiry = createExpiryRoutine({ database, usage, log, metrics, ownCertificates, clock });
  const routines = [
    every(housekeepingMs, log, 'housekeeping', async () => {
      await tokenKeys.maintain(clock());
      while ((await refusals.purge(clock())) > 0);
    }),
    // By itself: it has to be written when the rest of the housekeeping fails.
    every(housekeepingMs, log, 'counting uses', async () => {
      await usage.flush();
      while ((await usage.purge(clock())) > 0);
    }),
    every(clockCheckMs, log, 'clock check', () => clockWatch.check()),
    every(expiryCheckMs, log, 'expiry notices', checkExpiry, 'now'),
  ];
  started = true;

  const operationsAddress = operations.address();
  return {
    listeners: environments.flatMap((environment) =>
      listenerNames.map((listener) => ({ environment, listener, url: urlOf(environment, listener) })),
    ),
    operationsUrl: `http://127.0.0.1:${typeof operationsAddress === 'object' ? operationsAddress?.port : ''}`,
    routes: [...routes].map(([path, { method }]) => `${method} ${path}`),
    urlOf,
    core: { database, authorities, hmacKeys, standing, tokens, refusals, usage, metrics, clock, random },
    isReady: async () => (await checkReadiness()).every(({ ok }) => ok),
    close: async (graceMs) => {
      draining = true;
      await Promise.all(routines.map((routine) => routine.stop()));
      await Promise.all([...opened.values()].map((listener) => listener.close(graceMs)));
      await refusals.flush();
      await usage.flush().catch((error: unknown) => log.logger.error({ error }, 'the last uses could not be written'));
      await closeOperations();
      await database.close();
    },
  };
}

async function checkDatabase(database: Database): Promise<HealthCheck> {
  try {
    database.assertWritable();
    await database.clock();
    return { name: 'database', ok: true };
  } catch (error) {
    return { name: 'database', ok: false, detail: error instanceof Error ? error.name : 'fault' };
  }
}

/** The ports by their distance from the base, so that one number moves them all. Base 0: the system chooses each. */
export function portsFrom(base: number) {
  const at = (distance: number): number => (base === 0 ? 0 : base + distance);
  return {
    sandbox: { api: at(3), 'api-mtls': at(4) },
    production: { api: at(1_003), 'api-mtls': at(1_004) },
    operations: at(650),
  };
}
