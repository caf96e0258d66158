// The policies in force, one for each environment: read at the start, and again when somebody asks.

import type { Environment } from '@tollward/protocol';
import { coalesce } from '../../platform/coalesce.js';
import type { Log } from '../../platform/observability/log.js';
import type { Policy } from './policy.js';
import { type PoliciesToRead, readPolicies, readPolicy, type UsablePolicy } from './read-policy.js';
import { createRouteTable, type RouteTable } from './route-table.js';

export interface PolicyInForce {
  readonly policy: Policy;
  readonly routes: RouteTable;
}

export interface Policies {
  /** As it is now. A call takes it once, and so keeps its route when another policy comes. */
  of(environment: Environment): PolicyInForce;
  /** Reads the files again. What can not be used is said in the log, and the policy before stays. */
  reload(): Promise<void>;
}

export interface PoliciesOptions extends PoliciesToRead {
  readonly log: Log;
}

interface HeldPolicy extends PolicyInForce {
  /** Every upstream has an address, as `serve` insists. */
  readonly isComplete: boolean;
}

/** @throws SettingsError with everything that is wrong with any of them */
export async function openPolicies(options: PoliciesOptions): Promise<Policies> {
  const { environments, log } = options;
  const inForce = new Map<Environment, HeldPolicy>();
  for (const [environment, read] of await readPolicies(options)) inForce.set(environment, hold(read, log));

  const policyOf = (environment: Environment): HeldPolicy => {
    const found = inForce.get(environment);
    if (found === undefined) throw new Error(`${environment} is not served`);
    return found;
  };
  const reload = async (environment: Environment): Promise<void> => {
    const { file, decision, missing } = await readPolicy(options, environment);
    // Where every upstream has an address, a reload takes none away.
    const lost = policyOf(environment).isComplete ? missing : [];
    const problems = decision.ok ? lost : decision.problems;
    if (decision.ok && problems.length === 0) {
      inForce.set(environment, hold({ environment, file, policy: decision.policy, missing }, log));
      return;
    }
    for (const problem of problems) log.logger.error({ environment, problem }, 'the new policy can not be used');
    log.logger.error({ environment, file, problems: problems.length }, 'the policy before stays in force');
  };
  return {
    of: policyOf,
    reload: coalesce(async () => {
      for (const environment of environments) await reload(environment);
    }),
  };
}

function hold({ environment, file, policy, missing }: UsablePolicy, { logger }: Log): HeldPolicy {
  const routes = createRouteTable(policy);
  logger.info({ environment, file, routes: policy.routes.length }, 'the policy is in force');
  return { policy, routes, isComplete: missing.length === 0 };
}
