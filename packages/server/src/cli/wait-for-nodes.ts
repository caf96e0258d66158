// --wait: a change is not over when one node knows it.

import { performance } from 'node:perf_hooks';
import { Option } from 'commander';
import type { z } from 'zod';
import { awaitedNodesSchema } from '../surfaces/management/schemas/nodes.js';
import { failed, type Outcome } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { askManagement } from './management-client.js';

export interface WaitOptions {
  readonly wait?: true;
}

export function waitOption(): Option {
  return new Option('--wait', 'return when every live node has confirmed it, and print how long that took');
}

/** Runs a change, and when that was asked for and the change succeeded, waits until every node knows it. */
export async function andWait(
  dataDirectory: string,
  subject: string,
  { wait }: WaitOptions,
  change: () => Promise<Outcome>,
): Promise<Outcome> {
  const startedAt = performance.now();
  const outcome = await change();
  if (wait !== true || outcome.exitCode !== exitCodes.ok) return outcome;
  const answer = await askManagement(dataDirectory, {
    method: 'POST',
    path: '/nodes/confirmation',
    body: { subject },
    answer: awaitedNodesSchema,
  });
  const { text = '', json = {} } = outcome.output ?? {};
  if (!answer.ok) {
    const { problem } = answer.outcome;
    return failed(exitCodes.failure, `${text}\nWhether every node knows it could not be asked: ${problem?.message}`);
  }
  const { nodes } = answer.value;
  const tookMs = Math.round(performance.now() - startedAt);
  const waiting = nodes.filter(({ state }) => state === 'waiting');
  if (waiting.length > 0) {
    const names = waiting.map(({ name }) => name).join(', ');
    return failed(
      exitCodes.failure,
      `${text}\nAfter ${tookMs} ms not every node has confirmed it: ${names}. Repeat the command to ask again; ` +
        '"tollward doctor" on that node says what is wrong.',
      { nodes },
    );
  }
  const details = typeof json === 'object' ? json : {};
  return {
    exitCode: exitCodes.ok,
    output: { text: `${text}\n${describeConfirmed(nodes, tookMs)}`, json: { ...details, tookMs, nodes } },
  };
}

type AwaitedNode = z.output<typeof awaitedNodesSchema>['nodes'][number];

/** @param nodes none of them waiting */
export function describeConfirmed(nodes: readonly AwaitedNode[], tookMs: number): string {
  const refusing = nodes.filter(({ state }) => state === 'refusing');
  if (refusing.length === 0) {
    return `${nodes.length <= 1 ? 'The one node knows it' : `All ${nodes.length} nodes know it`}, after ${tookMs} ms.`;
  }
  const knowing = nodes.length - refusing.length;
  const some = `${knowing} of ${nodes.length} nodes ${knowing === 1 ? 'knows' : 'know'} it, after ${tookMs} ms`;
  const silent = refusing.map(
    ({ name }) =>
      `${name} can not read the database, answers nobody from memory, and learns of it before it does again`,
  );
  return `${[some, ...silent].join('; ')}.`;
}
