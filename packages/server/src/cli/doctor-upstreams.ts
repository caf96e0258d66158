// The part of `doctor` about what is forwarded: the route policies, and whether the APIs behind Tollward can be reached.

import { connect } from 'node:net';
import type { Environment } from '@tollward/protocol';
import type { Policy } from '../gateway/policy/policy.js';
import { type PolicySettings, readPolicy } from '../gateway/policy/read-policy.js';
import { variableName } from '../platform/config/settings.js';
import type { Check } from './doctor-checks.js';
import { countOf } from './text.js';

export interface CheckedForwarding {
  readonly checks: readonly Check[];
  /** Settings that `serve` would ask for. */
  readonly missing: readonly string[];
}

const connectSeconds = 2;

export async function checkForwarding(
  options: PolicySettings,
  served: readonly Environment[],
): Promise<CheckedForwarding> {
  const checks: Check[] = [];
  const missing: string[] = [];
  for (const environment of served) {
    const name = `${environment} route policy`;
    const { file, decision, missing: unnamed } = await readPolicy(options, environment);
    if (!decision.ok) {
      checks.push({ name, result: 'fail', detail: 'can not be used', remedy: decision.problems.join('; ') });
      continue;
    }
    const { policy } = decision;
    checks.push({ name, result: 'ok', detail: `${countOf(policy.routes.length, 'route')}, ${file}` });
    missing.push(...unnamed);
    checks.push(...(await checkUpstreams(policy, options.settings, environment)));
  }
  return { checks, missing };
}

/** Those whose address is known: one that the settings do not name is the simulator of "tollward dev". */
function checkUpstreams(
  { upstreams }: Policy,
  settings: PolicySettings['settings'],
  environment: Environment,
): Promise<readonly Check[]> {
  const setting = `${environment}Upstream` as const;
  const known = [...upstreams.values()].flatMap(({ name, url }) => {
    const address = url ?? settings[setting];
    const source = url === undefined ? variableName(setting) : 'its "url" in the route policy';
    return address === undefined ? [] : { name: `${environment} upstream ${name}`, address, source };
  });
  return Promise.all(
    known.map(async ({ name, address, source }): Promise<Check> => {
      const problem = await findConnectProblem(new URL(address));
      if (problem === undefined) return { name, result: 'ok', detail: `${address} takes connections` };
      const remedy = `start it, or look at ${source} and at the network in between: its routes are refused until then`;
      return { name, result: 'fail', detail: `${address} can not be reached (${problem})`, remedy };
    }),
  );
}

/** Only whether a connection comes about: what a request would be answered depends on who calls. */
function findConnectProblem({ protocol, hostname, port }: URL): Promise<string | undefined> {
  return new Promise((resolve) => {
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    const socket = connect({ host, port: Number(port) || (protocol === 'https:' ? 443 : 80) });
    const timer = setTimeout(() => end(`no connection within ${connectSeconds} s`), connectSeconds * 1_000);
    const end = (problem?: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(problem);
    };
    socket.once('connect', () => end());
    socket.once('error', (error) => end('code' in error ? String(error.code) : 'unknown error'));
  });
}
