// Revocation and pause, which client secrets and certificates have alike.

import type { PauseResult, StillUsed } from '../../../usage/index.js';
import type { ManagementSurface } from '../management-surface.js';
import { outOfUse, stillUsed } from '../problems.js';
import type { certificateParametersSchema } from '../schemas/certificates.js';
import { type Problem, problemSchema, revocationSchema } from '../schemas/common.js';
import type { secretParametersSchema } from '../schemas/secrets.js';
import { pausedSchema, pauseSchema, retireSchema } from '../schemas/usage.js';

export interface RetirementRoutes {
  readonly path: '/secrets/:id' | '/certificates/:id';
  readonly params: typeof secretParametersSchema | typeof certificateParametersSchema;
  readonly unknown: Problem;
  readonly revoke: (
    id: string,
    quietSeconds: number | undefined,
  ) => Promise<
    | { readonly ok: true; readonly alreadyRevoked: boolean; readonly notice?: string }
    | { readonly ok: false; readonly problem: 'unknown' }
    | StillUsed
  >;
  readonly pause: (id: string, seconds: number) => Promise<PauseResult>;
}

export function addRetirementRoutes(
  surface: ManagementSurface,
  { path, params, unknown, revoke, pause }: RetirementRoutes,
): void {
  const problems = { 404: problemSchema, 409: problemSchema };

  surface.post(
    `${path}/revocation`,
    { schema: { params, body: retireSchema, response: { 200: revocationSchema, ...problems } } },
    async ({ params: { id }, body }, reply) => {
      const revoked = await revoke(id, body?.quietSeconds);
      if (revoked.ok) return reply.code(200).send(revoked);
      return revoked.problem === 'unknown' ? reply.code(404).send(unknown) : reply.code(409).send(stillUsed(revoked));
    },
  );

  surface.post(
    `${path}/pause`,
    { schema: { params, body: pauseSchema, response: { 200: pausedSchema, ...problems } } },
    async ({ params: { id }, body: { seconds } }, reply) => {
      const paused = await pause(id, seconds);
      if (paused.ok) return reply.code(200).send(paused);
      return paused.problem === 'unknown' ? reply.code(404).send(unknown) : reply.code(409).send(outOfUse);
    },
  );
}
