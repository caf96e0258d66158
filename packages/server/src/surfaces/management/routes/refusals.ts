import { explainRefusal } from '../../../refusals/index.js';
import type { ManagementDependencies, ManagementSurface } from '../management-surface.js';
import { problem } from '../problems.js';
import { problemSchema } from '../schemas/common.js';
import { explainedRefusalSchema, refusalParametersSchema } from '../schemas/refusals.js';

const refusalUnknown = problem(
  404,
  'refusal_unknown',
  'No refusal is kept under this trace id. It may be of a request that was not refused, older than 7 days, of another ' +
    'installation, or left out because the same refusal came many times within a minute.',
);

export function refusalRoutes(surface: ManagementSurface, { database, refusals }: ManagementDependencies): void {
  surface.get(
    '/refusals/:traceId',
    { schema: { params: refusalParametersSchema, response: { 200: explainedRefusalSchema, 404: problemSchema } } },
    async ({ params }, reply) => {
      // Refusals are written some time after their answer, and this question is often asked at once.
      await refusals.flush();
      const explained = await explainRefusal(database, params.traceId);
      if (explained === undefined) return reply.code(404).send(refusalUnknown);
      return reply.code(200).send(explained);
    },
  );
}
