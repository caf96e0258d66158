import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { awaitNodes } from '../../../tokens/index.js';
import type { ManagementDependencies, ManagementSurface } from '../management-surface.js';
import { problem } from '../problems.js';
import { problemSchema } from '../schemas/common.js';
import { awaitedNodesSchema, awaitNodesSchema } from '../schemas/nodes.js';

const subjectUnknown = problem(
  404,
  'subject_unknown',
  'There is no client, client secret or certificate of this id in this installation.',
);

export function nodeRoutes(surface: ManagementSurface, { database }: ManagementDependencies): void {
  surface.post(
    '/nodes/confirmation',
    { schema: { body: awaitNodesSchema, response: { 200: awaitedNodesSchema, 404: problemSchema } } },
    async ({ body: { subject, timeoutSeconds } }, reply) => {
      const nodes = await awaitNodes(subject, timeoutSeconds * 1_000, {
        database,
        monotonic: () => performance.now(),
        delay: (ms) => delay(ms),
      });
      return nodes === undefined ? reply.code(404).send(subjectUnknown) : reply.code(200).send({ nodes: [...nodes] });
    },
  );
}
