import { z } from 'zod';
import { environment, time } from './common.js';

export const tokenInspectionRequestSchema = z.strictObject({ token: z.string().min(1, 'must not be empty') });

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
