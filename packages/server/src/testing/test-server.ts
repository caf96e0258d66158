import type { Environment } from '@tollward/protocol';
import { platformRoots } from '../certificates/index.js';
import { type RunningTollward, startTollward } from '../compose.js';
import { type Settings, settingsSchema } from '../platform/config/settings.js';
import type { Database } from '../platform/database/database.js';
import { createMasterKey } from '../platform/keys/master-key.js';
import type { TlsListenerTimes } from '../platform/listeners/tls-listener.js';
import { createLog } from '../platform/observability/log.js';
import { SecretValue } from '../platform/secret-value.js';
import { openTestDatabase } from './database.js';

export interface TestServer extends RunningTollward {
  /** The server's clock, which stands still until a test moves it. Starts at the real time: certificates are dated by it. */
  readonly time: { now: number };
  /** Every line logged so far. */
  readonly logLines: readonly string[];
  caOf(environment: Environment): string;
  stop(): Promise<void>;
}

export interface TestServerOptions {
  readonly database?: Database;
  readonly settings?: Partial<Settings>;
  /** How wrong its clock is at the start. */
  readonly clockAheadMs?: number;
  /** Keeps the rate limits an installation starts with. */
  readonly defaultLimits?: true;
  readonly times?: TlsListenerTimes;
  /** The route policy of both environments, as YAML. */
  readonly policy?: string;
  readonly upstreamUrl?: (environment: Environment) => string | undefined;
}

const unlimited = 1_000_000_000;

/** A whole server on ports of the system's choice: real sockets, real storage, a clock of the test's own, limits out of the way. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const time = { now: Date.now() + (options.clockAheadMs ?? 0) };
  const logLines: string[] = [];
  const limits = Object.fromEntries(
    Object.keys(settingsSchema.shape)
      .filter((name) => /Per(Second|Minute)$/.test(name))
      .map((name) => [name, unlimited]),
  );
  const settings = settingsSchema.parse({
    ...(options.defaultLimits ? {} : limits),
    portBase: 0,
    sandboxPolicy: options.policy,
    productionPolicy: options.policy,
    ...options.settings,
  });
  const running = await startTollward({
    settings,
    database: options.database ?? (await openTestDatabase()),
    masterKey: createMasterKey(new SecretValue(Buffer.alloc(32, 7).toString('base64'))),
    log: createLog(settings.logLevel, { write: (line) => void logLines.push(line) }),
    clock: () => time.now,
    ...(options.times === undefined ? {} : { times: options.times }),
    ...(options.upstreamUrl === undefined ? {} : { upstreamUrl: options.upstreamUrl }),
  });
  return {
    ...running,
    time,
    logLines,
    caOf: (environment) => platformRoots(running.core.authorities.of(environment), time.now),
    stop: () => running.close(0),
  };
}
