import { revokeCertificate } from '../../../certificates/index.js';
import type { ManagementDependencies, ManagementSurface } from '../management-surface.js';
import { problem } from '../problems.js';
import { certificateParametersSchema, problemSchema, revocationSchema } from '../schemas.js';

const certificateUnknown = problem(
  404,
  'certificate_unknown',
  'There is no certificate of this id in this installation.',
);

export function certificateRoutes(
  surface: ManagementSurface,
  { database, clients, clock, random }: ManagementDependencies,
): void {
  surface.post(
    '/certificates/:id/revocation',
    { schema: { params: certificateParametersSchema, response: { 200: revocationSchema, 404: problemSchema } } },
    async ({ params }, reply) => {
      const revoked = await revokeCertificate(params.id, 'operator', clock(), {
        database,
        random,
        standingChanged: clients.invalidate,
      });
      return revoked === undefined ? reply.code(404).send(certificateUnknown) : reply.code(200).send(revoked);
    },
  );
}
