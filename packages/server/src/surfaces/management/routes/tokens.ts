import { inspectToken } from '../../../tokens/index.js';
import type { ManagementDependencies, ManagementSurface } from '../management-surface.js';
import { tokenInspectionRequestSchema, tokenInspectionSchema } from '../schemas/tokens.js';

export function tokenRoutes(surface: ManagementSurface, { tokens, clients, clock }: ManagementDependencies): void {
  surface.post(
    '/tokens/inspection',
    { schema: { body: tokenInspectionRequestSchema, response: { 200: tokenInspectionSchema } } },
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
}
