import { z } from 'zod';
import { environment, time } from './common.js';

/** A token comes in the body: paths are written to logs. */
export const tokenInBodySchema = z.strictObject({ token: z.string().min(1, 'must not be empty') });

export const tokenInspectionSchema = z.discriminatedUnion('readable', [
  z.object({ readable: z.literal(false), problem: z.string() }),
  z.object({
    readable: z.literal(true),
    environment,
    claims: z.object({
      kind: z.literal('client_credentials'),
      tokenId: z.string(),
      issuedAt: time,
      expiresAt: time,
      clientId: z.string(),
      secretId: z.string(),
      /** Null: bound to no certificate. */
      binding: z.object({ certificateId: z.string(), thumbprint: z.string() }).nullable(),
    }),
    inForce: z.boolean(),
    problem: z.string().nullable(),
  }),
]);

export type TokenInspectionBody = z.output<typeof tokenInspectionSchema>;

export const tokenRevocationSchema = z.object({
  clientId: z.string(),
  tokenId: z.string(),
  /** `nothing`: it was over already. `all-tokens`: the client had too many single ones revoked, so all it has ended. */
  revoked: z.enum(['nothing', 'token', 'all-tokens']),
});
