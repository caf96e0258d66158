// The APIs behind Tollward in `tollward dev`: a simulator for each environment whose settings name no upstream.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Environment, environments } from '@tollward/protocol';
import type { UpstreamPolicy } from '../gateway/index.js';
import { portsFrom } from '../open-listeners.js';
import { SettingsError } from '../platform/config/load-settings.js';
import { type Settings, variableName } from '../platform/config/settings.js';
import type { Log } from '../platform/observability/log.js';
import { type Simulator, startSimulator } from './simulator-process.js';

export interface Simulators {
  /** Resolves when all listen. Rejects with PortInUseError or SimulatorError. */
  readonly ready: Promise<void>;
  /** Where it listens; undefined when there is none for the environment. */
  urlOf(environment: Environment): string | undefined;
  /** Resolves when all have ended. */
  stop(): Promise<void>;
}

export interface SimulatorsOptions {
  readonly settings: Settings;
  readonly program: string;
  /** What signs the assertions: base URL of the api listener. */
  readonly issuerOf: (environment: Environment) => string;
  readonly caFileOf: (environment: Environment) => string;
  /** Those of its policy. */
  readonly upstreamsOf: (environment: Environment) => readonly Pick<UpstreamPolicy, 'name' | 'url'>[];
  readonly log: Log;
}

/**
 * The program of the simulator, which is a package beside ours; undefined when every environment has an upstream of its own.
 *
 * @throws SettingsError when it is needed and not installed
 */
export function findSimulatorProgram(
  settings: Settings,
  resolve: (specifier: string) => string = createRequire(import.meta.url).resolve,
): string | undefined {
  const simulated = simulatedEnvironments(settings);
  if (simulated.length === 0) return undefined;
  try {
    const manifest = resolve('@tollward/simulator/package.json');
    const program = join(dirname(manifest), 'bin', 'tollward-simulator.js');
    if (existsSync(program)) return program;
  } catch {
    // Not installed: said below.
  }
  const names = simulated.map((environment) => variableName(`${environment}Upstream`)).join(' and ');
  throw new SettingsError([
    `The simulator (package @tollward/simulator) is not installed beside this program. Install it, or say with ${names} which API to put Tollward in front of.`,
  ]);
}

const oneUpstream = 'the simulator stands for one upstream only: give this one a url in the policy';

export function startSimulators(options: SimulatorsOptions): Simulators {
  const { settings, program, issuerOf, caFileOf, upstreamsOf, log } = options;
  const running = new Map<Environment, Simulator>();
  for (const environment of simulatedEnvironments(settings)) {
    const port = portsFrom(settings.portBase)[environment].simulator;
    const issuer = issuerOf(environment);
    const withoutUrl = upstreamsOf(environment).filter(({ url }) => url === undefined);
    const [{ name: audience } = { name: 'money' }, ...others] = withoutUrl;
    for (const { name: upstream } of others) log.logger.warn({ environment, upstream, audience }, oneUpstream);
    const words = [
      ['--environment', environment],
      ['--port', String(port)],
      ['--issuer', issuer],
      ['--keys-url', `${issuer}/.well-known/jwks.json`],
      ['--ca', caFileOf(environment)],
      ['--audience', audience],
      ['--journal', join(settings.dataDir, environment, 'simulator.journal')],
    ].flat();
    running.set(environment, startSimulator({ environment, program, words, port, log }));
  }
  const each = [...running.values()];
  const ready = Promise.all(each.map((simulator) => simulator.ready)).then(() => undefined);
  ready.catch(() => undefined);
  return {
    ready,
    urlOf: (environment) => running.get(environment)?.url(),
    stop: async () => void (await Promise.all(each.map((simulator) => simulator.stop()))),
  };
}

/** Those whose upstream, in `tollward dev`, is a simulator. */
export function simulatedEnvironments(settings: Settings): readonly Environment[] {
  return environments.filter((environment) => settings[`${environment}Upstream`] === undefined);
}
