// The TLS listeners of every environment this process serves, and the wire surface behind each.

import { type Environment, environments } from '@tollward/protocol';
import { type Authorities, listOwnCertificates, type OwnCertificate } from './certificates/index.js';
import type { Settings } from './platform/config/settings.js';
import { findUnavailable } from './platform/database/database-errors.js';
import { decideMaximumConnections, readOpenFileLimit } from './platform/listeners/maximum-connections.js';
import type { TicketKeys } from './platform/listeners/ticket-keys.js';
import { type Listener, openTlsListener, type TlsListenerTimes } from './platform/listeners/tls-listener.js';
import type { Metrics } from './platform/observability/metrics.js';
import { createRateLimiter, type RateLimiter } from './platform/rate-limiter.js';
import type { ServerCertificates } from './server-certificates.js';
import type { ListenerName } from './surfaces/wire/exchange.js';
import { createWireSurface, type WireSurfaceDependencies } from './surfaces/wire/wire-surface.js';

/** What is the same for all of them. */
type Shared = Pick<
  WireSurfaceDependencies,
  'routes' | 'clock' | 'monotonic' | 'newTraceId' | 'log' | 'tracing' | 'refusals' | 'isDraining' | 'injectedFaults'
>;

export interface ListenersOptions extends Shared {
  readonly settings: Settings;
  readonly authorities: Authorities;
  readonly serverCertificates: ServerCertificates;
  readonly ticketKeys: TicketKeys;
  readonly times: TlsListenerTimes;
  readonly metrics: Metrics;
  /** Failed authentications per address, counted together with other nodes. */
  readonly failureRates: RateLimiter;
}

export interface OpenListeners {
  /** As partners reach them. */
  urlOf(environment: Environment, listener: ListenerName): string;
  /** Looks for other server certificates and shows them; resolves to whether there were any. Not to be run twice at once. */
  refreshCertificates(): Promise<boolean>;
  /** Gives the listeners the ticket keys of this time. */
  refreshTicketKeys(): void;
  ownCertificates(now: number): readonly OwnCertificate[];
  /** As Listener. */
  close(graceMs: number, idleMs?: number): Promise<void>;
}

export const listenerNames = ['api', 'api-mtls'] as const satisfies readonly ListenerName[];

export function servedEnvironments({ environment }: Settings): readonly Environment[] {
  return environment === 'both' ? environments : [environment];
}

/** @throws PortInUseError; what was opened before is closed again */
export async function openListeners(options: ListenersOptions): Promise<OpenListeners> {
  const { settings, authorities, serverCertificates, ticketKeys, times, failureRates, metrics, clock } = options;
  const served = servedEnvironments(settings);
  const opened = new Map<string, Listener>();
  const close = async (graceMs: number, idleMs = 0): Promise<void> => {
    await Promise.all([...opened.values()].map((listener) => listener.close(graceMs, idleMs)));
  };
  // Asked for on every request.
  const urls: Record<Environment, Record<ListenerName, string>> = {
    sandbox: publicUrlsOf(settings, 'sandbox'),
    production: publicUrlsOf(settings, 'production'),
  };
  const urlOf = (environment: Environment, listener: ListenerName): string => urls[environment][listener];
  const ports = portsFrom(settings.portBase);
  const maximumConnections = decideMaximumConnections(readOpenFileLimit(), served.length * listenerNames.length);
  const addressLimits = {
    requests: { perSecond: settings.addressRequestsPerSecond, perMinute: settings.addressRequestsPerMinute },
    failures: { perSecond: settings.addressFailuresPerSecond, perMinute: settings.addressFailuresPerMinute },
    handshakes: { perSecond: settings.addressHandshakesPerSecond, perMinute: settings.addressHandshakesPerMinute },
  };
  const addressRates = { requests: createRateLimiter(), failures: failureRates, handshakes: createRateLimiter() };
  try {
    for (const environment of served) {
      for (const listener of listenerNames) {
        const name = `${environment} ${listener}`;
        const surface = createWireSurface({
          ...options,
          environment,
          listener,
          mtlsUrl: () => urlOf(environment, 'api-mtls'),
          addressLimits,
          addressRates,
          isTransient: (error) => findUnavailable(error) !== undefined,
        });
        const tlsOptions = {
          name,
          ...serverCertificates.of(environment),
          ticketKey: ticketKeys.of(environment, listener, clock()),
          requestClientCertificate: listener === 'api-mtls',
          times,
          maximumConnections,
          onHandshake: (outcome: 'completed' | 'failed' | 'refused') => metrics.handshake(name, outcome),
          ...surface,
        };
        const running = await openTlsListener(tlsOptions, settings.host, ports[environment][listener]);
        opened.set(name, running);
        urls[environment][listener] =
          publicUrlOf(settings, environment, listener) ?? `https://localhost:${running.port}`;
        metrics.watchConnections(name, running.connections);
      }
    }
  } catch (error) {
    await close(0);
    throw error;
  }
  /** Every listener that is open, with its place. */
  const each = (work: (running: Listener, environment: Environment, listener: ListenerName) => void): void => {
    for (const environment of served) {
      for (const listener of listenerNames) {
        const running = opened.get(`${environment} ${listener}`);
        if (running !== undefined) work(running, environment, listener);
      }
    }
  };
  return {
    urlOf,
    refreshCertificates: async () => {
      const changed = await serverCertificates.refresh(clock(), (renewed, certificate) =>
        each((running, environment) => {
          if (environment === renewed) running.replaceCertificate(certificate);
        }),
      );
      return changed.length > 0;
    },
    refreshTicketKeys: () => {
      const now = clock();
      each((running, environment, listener) => running.setTicketKey(ticketKeys.of(environment, listener, now)));
    },
    ownCertificates: (now) =>
      served.flatMap((environment) =>
        listOwnCertificates(environment, authorities.of(environment), serverCertificates.of(environment), now),
      ),
    close,
  };
}

/** As far as the settings say them. */
function publicUrlsOf(settings: Settings, environment: Environment): Record<ListenerName, string> {
  const urlOf = (listener: ListenerName): string =>
    publicUrlOf(settings, environment, listener) ?? 'https://localhost:0';
  return { api: urlOf('api'), 'api-mtls': urlOf('api-mtls') };
}

function publicUrlOf(settings: Settings, environment: Environment, listener: ListenerName): string | undefined {
  return settings[`${environment}${listener === 'api' ? 'ApiUrl' : 'MtlsUrl'}`];
}

/** The ports by their distance from the base, so that one number moves them all. Base 0: the system chooses each. */
export function portsFrom(base: number) {
  const at = (distance: number): number => (base === 0 ? 0 : base + distance);
  return {
    sandbox: { api: at(3), 'api-mtls': at(4), simulator: at(7) },
    production: { api: at(1_003), 'api-mtls': at(1_004), simulator: at(1_007) },
    operations: at(650),
  };
}
