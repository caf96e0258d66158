// `tollward policy`: the route policy of an environment, from the settings as the server would read them. Nothing is asked of a
// running server.

import { resolve } from 'node:path';
import { type Environment, environments } from '@tollward/protocol';
import { Option } from 'commander';
import { type PolicySettings, readEveryPolicy, readPolicy, type UsablePolicy } from '../gateway/policy/read-policy.js';
import { type Cli, done, failed, type Outcome } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { explainCall } from './policy-explain.js';
import { countOf } from './text.js';

export function addPolicyCommand({ program, context, run }: Cli): void {
  const policy = program.command('policy').description('which calls are forwarded, and who may make them');

  policy
    .command('check')
    .argument('[file]', 'a policy file; left out, those of the settings')
    .addOption(new Option('--environment <environment>', 'only for this one').choices(environments))
    .description('tell whether a route policy can be used, and everything that is wrong with it')
    .action((file: string | undefined, { environment }: { environment?: Environment }) =>
      run(async (load) => {
        const checked = environment === undefined ? environments : [environment];
        return file === undefined
          ? checkSettings(load(), checked)
          : checkFile(resolve(context.workingDirectory, file), checked);
      }),
    );

  policy
    .command('explain')
    .argument('<method>', 'as GET')
    .argument('<path>', 'as /v1/rates; a legacy or a calendar path, with ids or with {names}')
    .addOption(
      new Option('--environment <environment>', 'in which environment').choices(environments).default('sandbox'),
    )
    .description('tell what happens to a call, step by step, and how each refusal is called')
    .action((method: string, path: string, { environment }: { environment: Environment }) =>
      run(async (load) => {
        const { file, decision } = await readPolicy(load(), environment);
        if (!decision.ok) return unusable(decision.problems);
        return explainCall(decision.policy, { environment, file, method: method.toUpperCase(), path }, context);
      }),
    );
}

async function checkSettings(options: PolicySettings, checked: readonly Environment[]): Promise<Outcome> {
  const { usable, problems } = await readEveryPolicy({ ...options, environments: checked });
  return problems.length > 0 ? unusable(problems) : describeUsable(usable);
}

/** By itself: where its upstreams are, the settings of a server say. */
async function checkFile(file: string, checked: readonly Environment[]): Promise<Outcome> {
  const files = { sandboxPolicy: file, productionPolicy: file };
  const { usable, problems } = await readEveryPolicy({ settings: {}, files, environments: checked });
  return problems.length > 0 ? unusable(problems) : describeUsable(usable.map((one) => ({ ...one, missing: [] })));
}

function describeUsable(usable: readonly UsablePolicy[]): Outcome {
  const policies = usable.map(({ environment, file, policy, missing }) => {
    return { environment, file, routes: policy.routes.length, missing };
  });
  const lines = policies.map(({ environment, file, routes, missing }) => {
    const served = missing.map((one) => `\n  For "tollward serve": ${one}`).join('');
    return `The policy of ${environment} can be used: ${countOf(routes, 'route')}, ${file}.${served}`;
  });
  return done(lines.join('\n'), { ok: true, policies });
}

function unusable(problems: readonly string[]): Outcome {
  return failed(exitCodes.usage, `The policy can not be used:\n${problems.join('\n')}`, { problems });
}
