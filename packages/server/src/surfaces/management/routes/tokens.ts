import { inspectToken, revokeAnyToken } from '../../../tokens/index.js';
import type { ManagementDependencies, ManagementSurface } from '../management-surface.js';
import { problem } from '../problems.js';
import { problemSchema } from '../schemas/common.js';
import { tokenInBodySchema, tokenInspectionSchema, tokenRevocationSchema } from '../schemas/tokens.js';

const tokenUnreadable = problem(
  404,
  'token_unreadable',
  'This is no access token of this installation, or its key is gone and it with it. Nothing was changed.',
);

export function tokenRoutes(surface: ManagementSurface, dependencies: ManagementDependencies): void {
  const { tokens, clients, clock } = dependencies;
  surface.post(
    '/tokens/inspection',
    { schema: { body: tokenInBodySchema, response: { 200: tokenInspectionSchema } } },
    async ({ body }) => {
      const inspection = await inspectToken(body.token, clock(), tokens, clients);
      if (!inspection.readable) return inspection;
      const { claims } = inspection;
      return {
        ...inspection,
        claims: { ...claims, issuedAt: new Date(claims.issuedAt), expiresAt: new Date(claims.expiresAt) },
      };
    },
  );

  surface.post(
    '/tokens/revocation',
    { schema: { body: tokenInBodySchema, response: { 200: tokenRevocationSchema, 404: problemSchema } } },
    async ({ body }, reply) => {
      const standingChanged = clients.invalidate;
      const revoked = await revokeAnyToken(body.token, clock(), { ...dependencies, standingChanged });
      return revoked.ok ? reply.code(200).send(revoked) : reply.code(404).send(tokenUnreadable);
    },
  );
}
